import type { z } from "zod";

/** From least to most: viewer reads; billing, finance and operator each may more; admin may everything. */
export const ROLES = ["viewer", "billing", "finance", "operator", "admin"] as const;
export type Role = (typeof ROLES)[number];

/** Who asks: the name and role of the API key. */
export type Actor = { readonly name: string; readonly role: Role };

type Parsed<Schema> = Schema extends z.ZodType ? z.output<Schema> : undefined;

export type RouteRequest<Body, Query> = {
  readonly params: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly query: Query;
  readonly actor: Actor;
  /** True: show what would be done, and do nothing. Only ever true on routes that say `dryRun`. */
  readonly dryRun: boolean;
};

/** One API route of a room: what it takes, who may call it, and the flow behind it. */
export type ApiRoute = {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** Below `/api/v1`, with `:name` parameters, e.g. `/plans/:code/versions`. */
  readonly path: string;
  readonly summary: string;
  /** Roles besides admin that may call it. */
  readonly roles: readonly Role[];
  readonly idempotency: "none" | "optional" | "required";
  readonly body?: z.ZodType | undefined;
  /** The body is a file of this type, not JSON: `body` is given its bytes, in a Buffer, and no command is made. */
  readonly takes?: { readonly contentType: string; readonly mostBytes: number };
  readonly query?: z.ZodType | undefined;
  /** HTTP status of success; 200 unless said. */
  readonly status?: number;
  /** What success looks like, for the API's description; a dry run answers the same. */
  readonly answers?: z.ZodType | undefined;
  /** Words of the command line that do the same, e.g. `subscription cancel`; without them there is no command. */
  readonly command?: string;
  /** Takes `?dry_run=true` and `--dry-run`: `run` is then told so, and no Idempotency-Key is kept. */
  readonly dryRun?: boolean;
  /** How the command line prints a good answer for people; without it, as its fields. */
  readonly inText?: (answer: unknown) => string;
  /** `run` speaks to the gateway, so the command line cannot do it without the gateway's configuration. */
  readonly callsGateway?: boolean;
  /** Answers the JSON body; throws AppErrors, which become problem+json. */
  readonly run: (request: RouteRequest<never, never>) => Promise<unknown>;
};

/** Ties the types of `body` and `query` to what `run` receives. */
export function apiRoute<
  Body extends z.ZodType | undefined = undefined,
  Query extends z.ZodType | undefined = undefined,
>(
  route: Omit<ApiRoute, "run" | "body" | "query"> & {
    readonly body?: Body;
    readonly query?: Query;
    readonly run: (request: RouteRequest<Parsed<Body>, Parsed<Query>>) => Promise<unknown>;
  },
): ApiRoute {
  return route as ApiRoute;
}

export const EVERYBODY: readonly Role[] = ["viewer", "billing", "finance", "operator"];
