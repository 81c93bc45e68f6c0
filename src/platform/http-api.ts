import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "pino";
import type { z } from "zod";
import { AppError, InvalidError } from "../kernel/errors.ts";
import type { Actor, ApiRoute, RouteRequest } from "./api-route.ts";
import type { Database } from "./database.ts";
import { type Download, isDownload } from "./download.ts";
import { parseJson } from "./http-json.ts";
import { type ApiKey, demandRole, keyring } from "./http-keys.ts";
import { answerOnce, type StoredAnswer } from "./idempotency.ts";
import { DoorError, type FieldProblem, problemOf } from "./problem.ts";
import { monotonicMs } from "./real-time.ts";

export type ApiTools = {
  readonly db: Database;
  readonly log: Logger;
  readonly apiKeys: readonly ApiKey[];
  readonly apiRoutes: readonly ApiRoute[];
};

const PREFIX = "/api/v1";
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** Hangs the rooms' routes under `/api/v1`; a method that a path does not have is answered with 405. */
export function serveApi(app: FastifyInstance, tools: ApiTools): void {
  const actorOf = keyring(tools.apiKeys);
  for (const route of tools.apiRoutes) {
    app.route({
      method: route.method,
      url: PREFIX + route.path,
      handler: (request, reply) =>
        serve(tools, route, { actor: actorOf(request.headers.authorization), request, reply }),
    });
  }
  refuseOtherMethods(
    app,
    tools.apiRoutes.map(({ method, path }) => ({ method, path: PREFIX + path })),
  );
}

/** Answers 405 for the methods that the paths of `routes` do not have (a GET brings its HEAD with it). */
export function refuseOtherMethods(
  app: FastifyInstance,
  routes: readonly { readonly method: string; readonly path: string }[],
): void {
  for (const url of new Set(routes.map(({ path }) => path))) {
    const taken = routes.filter(({ path }) => path === url).map(({ method }) => method);
    if (taken.includes("GET")) taken.push("HEAD");
    app.route({
      method: METHODS.filter((method) => !taken.includes(method)),
      url,
      handler: async (request, reply) => {
        void reply.header("allow", taken.join(", "));
        throw new DoorError(
          "method_not_allowed",
          `${request.method} is not possible here, only ${taken.join(", ")}`,
        );
      },
    });
  }
}

type Call = { readonly actor: Actor; readonly request: FastifyRequest; readonly reply: FastifyReply };

async function serve(tools: ApiTools, route: ApiRoute, call: Call): Promise<FastifyReply> {
  const { actor, request, reply } = call;
  const began = monotonicMs();
  demandRole(actor, route.roles);
  const parsed = parse(route, actor, request);
  const key = idempotencyKey(route, request);
  const run = () => answerOf(tools.log, route, parsed, request.id);
  const answer =
    key === null
      ? await run()
      : await answerOnce(tools.db, { actor: actor.name, key, ...sameness(request, parsed) }, run);
  if ("replayed" in answer && answer.replayed) void reply.header("idempotent-replayed", "true");
  tools.log.info({
    event: "api.answered",
    method: route.method,
    path: route.path,
    status: answer.status,
    actor: actor.name,
    ms: Math.round(monotonicMs() - began),
  });
  return sendAnswer(reply, answer);
}

/** A download is never stored: routes that answer one take no Idempotency-Key. */
type Answer = StoredAnswer & { readonly download?: Download };

/** `run` may throw only what the caller should simply repeat; every other error is an answer to keep. */
async function answerOf(
  log: Logger,
  route: ApiRoute,
  parsed: RouteRequest<unknown, unknown>,
  id: string,
): Promise<Answer> {
  try {
    const body = await route.run(parsed as RouteRequest<never, never>);
    if (isDownload(body)) return { status: 200, body: body.content, download: body };
    return { status: route.status ?? 200, body: JSON.stringify(body ?? null) };
  } catch (error) {
    if (error instanceof AppError && error.retry !== "never") throw error;
    const problem = problemOf(error, id);
    if (problem.status >= 500) log.error({ event: "http.failed", id, err: error });
    return { status: problem.status, body: JSON.stringify(problem) };
  }
}

/** Sends JSON text; refusals as `application/problem+json`. */
export function sendAnswer(reply: FastifyReply, { status, body, download }: Answer): FastifyReply {
  if (download !== undefined) {
    void reply.header("content-disposition", `attachment; filename="${download.fileName}"`);
    return reply.code(status).type(download.contentType).send(body);
  }
  const type = status >= 400 ? "application/problem+json" : "application/json";
  if (status === 401) void reply.header("www-authenticate", "Bearer");
  if (status === 503) void reply.header("retry-after", "5");
  return reply.code(status).type(`${type}; charset=utf-8`).send(body);
}

/** Reads body and query and throws one `InvalidError` that names every wrong field of both. */
function parse(route: ApiRoute, actor: Actor, request: FastifyRequest): RouteRequest<unknown, unknown> {
  const wrong: FieldProblem[] = [];
  const body = route.body === undefined ? undefined : check(route.body, jsonBody(request), "body", wrong);
  const query = route.query === undefined ? undefined : check(route.query, request.query, "query", wrong);
  if (wrong.length > 0) {
    const says = wrong.map(({ field, message }) => `${field}: ${message}`).join("; ");
    throw new InvalidError(says, { errors: wrong });
  }
  return { params: request.params as Readonly<Record<string, string>>, body, query, actor };
}

function jsonBody(request: FastifyRequest): unknown {
  const raw = request.body;
  // No body at all is read as {}: the answer then names every field that is missing.
  if (!(raw instanceof Buffer) || raw.length === 0) return {};
  if (!/^application\/(?:[\w.-]+\+)?json\b/i.test(request.headers["content-type"] ?? "")) {
    throw new DoorError("unsupported_media_type", "send the body as Content-Type: application/json");
  }
  return parseJson(raw);
}

/** An attacker's list of 10,000 wrong entries is not worth an answer of 10,000 lines. */
const MOST_PROBLEMS = 50;

function check(schema: z.ZodType, input: unknown, whole: string, wrong: FieldProblem[]): unknown {
  const result = schema.safeParse(input);
  if (result.success) return result.data;
  for (const issue of result.error.issues.slice(0, MOST_PROBLEMS)) {
    const path = issue.path.map(String);
    if (issue.code === "unrecognized_keys") {
      for (const key of issue.keys)
        wrong.push({ field: [...path, key].join("."), message: "is not a known field" });
    } else {
      const missing = / received undefined$/.test(issue.message);
      wrong.push({ field: path.join(".") || whole, message: missing ? "is required" : issue.message });
    }
  }
  return undefined;
}

function idempotencyKey(route: ApiRoute, request: FastifyRequest): string | null {
  if (route.idempotency === "none") return null;
  const field = "Idempotency-Key";
  const key = request.headers["idempotency-key"];
  if (key === undefined && route.idempotency === "optional") return null;
  if (key === undefined) {
    throw new InvalidError(`${field} is required here: a new random text for every new request`, { field });
  }
  if (typeof key !== "string" || !/^[\x21-\x7e]{1,255}$/.test(key)) {
    throw new InvalidError(`${field} must be 1 to 255 visible ASCII characters`, { field });
  }
  return key;
}

/** What makes two calls the same; whitespace in the JSON does not count. */
function sameness(request: FastifyRequest, parsed: RouteRequest<unknown, unknown>) {
  const body = parsed.body === undefined ? "" : JSON.stringify(jsonBody(request));
  return { request: `${request.method} ${request.url}`, body };
}
