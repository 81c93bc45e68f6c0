import { InvalidError } from "../../src/kernel/errors.ts";
import type { ApiRoute } from "../../src/platform/api-route.ts";

type Call = {
  readonly params?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  readonly query?: unknown;
  readonly dryRun?: boolean;
};

/** Calls a room's route as the HTTP door does, parsing first; errors are thrown and not rendered. */
export async function call(
  routes: readonly ApiRoute[],
  method: ApiRoute["method"],
  path: string,
  { params = {}, body, query = {}, dryRun = false }: Call = {},
): Promise<Record<string, unknown>> {
  const route = routes.find((candidate) => candidate.method === method && candidate.path === path);
  if (route === undefined) throw new Error(`no route ${method} ${path}`);
  const parsed = {
    params,
    body: parse(route.body, body) as never,
    query: parse(route.query, query) as never,
    actor: { name: "sari", role: "admin" as const },
    dryRun,
  };
  return (await route.run(parsed)) as Record<string, unknown>;
}

function parse(schema: ApiRoute["body"], value: unknown): unknown {
  const parsed = schema?.safeParse(value);
  if (parsed === undefined || parsed.success) return parsed?.data;
  const says = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new InvalidError(says.join("; "));
}
