import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { Logger } from "pino";
import { AppError, InvalidError } from "../kernel/errors.ts";
import type { Actor, ApiRoute, RouteRequest } from "./api-route.ts";
import type { Database } from "./database.ts";
import { type Download, isDownload } from "./download.ts";
import { parseJson } from "./http-json.ts";
import { type ApiKey, demandRole, keyring } from "./http-keys.ts";
import { answerOnce, type StoredAnswer } from "./idempotency.ts";
import { DoorError, type FieldProblem, problemOf } from "./problem.ts";
import { readFields, saysOf } from "./read-fields.ts";
import { monotonicMs } from "./real-time.ts";

export type ApiTools = {
  readonly db: Database;
  readonly log: Logger;
  readonly apiKeys: readonly ApiKey[];
  readonly apiRoutes: readonly ApiRoute[];
};

/** What every route of the API begins with. */
export const API_PREFIX = "/api/v1";
const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] as const;

/** Hangs the rooms' routes under `/api/v1`; a method that a path does not have is answered with 405. */
export function serveApi(app: FastifyInstance, tools: ApiTools): void {
  const actorOf = keyring(tools.apiKeys);
  for (const route of tools.apiRoutes) {
    app.route({
      method: route.method,
      url: API_PREFIX + route.path,
      ...(route.takes === undefined ? {} : { bodyLimit: route.takes.mostBytes }),
      handler: (request, reply) =>
        serve(tools, route, { actor: actorOf(request.headers.authorization), request, reply }),
    });
  }
  refuseOtherMethods(
    app,
    tools.apiRoutes.map(({ method, path }) => ({ method, path: API_PREFIX + path })),
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
  const key = parsed.dryRun ? null : idempotencyKey(route, request);
  const run = () => answerOf(tools.log, route, parsed, request.id);
  const answer =
    key === null
      ? await run()
      : await answerOnce(tools.db, { actor: actor.name, key, ...sameness(route, request, parsed) }, run);
  if ("replayed" in answer && answer.replayed) void reply.header("idempotent-replayed", "true");
  tools.log.info({
    event: "api.answered",
    method: route.method,
    path: route.path,
    status: answer.status,
    actor: actor.name,
    ...(parsed.dryRun ? { dryRun: true } : {}),
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
    if (parsed.dryRun) return { status: 200, body: JSON.stringify(markRehearsed(body)) };
    return { status: route.status ?? 200, body: JSON.stringify(body ?? null) };
  } catch (error) {
    if (error instanceof AppError && error.retry !== "never") throw error;
    const problem = problemOf(error, id);
    if (problem.status >= 500) log.error({ event: "http.failed", id, err: error });
    return { status: problem.status, body: JSON.stringify(problem) };
  }
}

/** Nobody may take the answer of a dry run for something that was done. */
function markRehearsed(body: unknown): unknown {
  return { dry_run: true, ...(body as object | null) };
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
  const body =
    route.body === undefined ? undefined : readFields(route.body, bodyOf(route, request), "body", wrong);
  const { dryRun, fields } = splitQuery(route, request, wrong);
  const query = route.query === undefined ? undefined : readFields(route.query, fields, "query", wrong);
  if (wrong.length > 0) {
    throw new InvalidError(saysOf(wrong), { errors: wrong });
  }
  return { params: request.params as Readonly<Record<string, string>>, body, query, actor, dryRun };
}

/** Asked of a route that has no dry run it is refused: doing the thing for real is not what was wanted. */
function splitQuery(route: ApiRoute, request: FastifyRequest, wrong: FieldProblem[]) {
  const { dry_run: asked, ...fields } = request.query as Record<string, unknown>;
  if (asked !== undefined && route.dryRun !== true)
    wrong.push({ field: "dry_run", message: "is not possible here" });
  else if (asked !== undefined && asked !== "true" && asked !== "false")
    wrong.push({ field: "dry_run", message: "must be true or false" });
  return { dryRun: asked === "true", fields };
}

function bodyOf({ takes }: ApiRoute, request: FastifyRequest): unknown {
  return takes === undefined ? jsonBody(request) : fileBody(takes.contentType, request);
}

function fileBody(contentType: string, request: FastifyRequest): Buffer {
  const [type = ""] = (request.headers["content-type"] ?? "").split(";");
  if (type.trim().toLowerCase() !== contentType)
    throw new DoorError("unsupported_media_type", `send the file as Content-Type: ${contentType}`);
  return request.body instanceof Buffer ? request.body : Buffer.alloc(0);
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
function sameness(route: ApiRoute, request: FastifyRequest, parsed: RouteRequest<unknown, unknown>) {
  const given = bodyOf(route, request);
  const body =
    parsed.body === undefined
      ? ""
      : given instanceof Buffer
        ? given.toString("latin1")
        : JSON.stringify(given);
  return { request: `${request.method} ${request.url}`, body };
}
