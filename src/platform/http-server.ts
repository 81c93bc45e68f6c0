import type { IncomingHttpHeaders } from "node:http";
import type { AddressInfo, Server } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Logger } from "pino";
import { AwayError } from "../kernel/errors.ts";
import { type ApiTools, refuseOtherMethods, sendAnswer, serveApi } from "./http-api.ts";
import { DoorError, problemOf } from "./problem.ts";
import { randomUuid } from "./random.ts";
import { monotonicMs } from "./real-time.ts";
import { after, sleep } from "./timer.ts";

/** A request whose bytes must stay as they came, because somebody signed them. */
export type RawRequest = {
  readonly headers: IncomingHttpHeaders;
  readonly rawBody: Buffer;
  /** Everything after the first `?`, undecoded; empty when there is none. */
  readonly query: string;
  readonly ip: string;
};

export type RawAnswer = {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string | Buffer;
};

/** A route outside the API, from `/` on: it reads and answers bytes of any content type. */
export type RawRoute = {
  readonly method: "GET" | "POST";
  readonly path: string;
  readonly run: (request: RawRequest) => Promise<RawAnswer>;
};

/** Resolves when the service is there; its failure reaches the log, only its name the caller. */
export type ReadyCheck = { readonly name: string; readonly check: () => Promise<void> };

export type HttpServerTools = ApiTools & {
  readonly host: string;
  /** 0 takes any free port. */
  readonly port: number;
  readonly rawRoutes: readonly RawRoute[];
  readonly readyChecks: readonly ReadyCheck[];
  /** What a person must see although the service works, a line each; `/readyz` names them and stays ready. */
  readonly alarms?: () => Promise<readonly string[]>;
  /** How long a client may take to send a whole request; 10 s unless said. */
  readonly requestTimeoutMs?: number;
  /** How long callers are given to leave their connections before these are cut; 3 s unless said. */
  readonly farewellMs?: number;
};

export type HttpServer = {
  readonly url: string;
  readonly port: number;
  /** Is not ready any more, lets callers go, then accepts nothing new and finishes what runs (at most 15 s). */
  close(): Promise<void>;
};

/** No request of ours is larger: a notification has about 1 kB, the largest API body a few. */
const BODY_LIMIT = 64 * 1024;
const REQUEST_TIMEOUT_MS = 10_000;
const HEADERS_TIMEOUT_MS = 5_000;
const CLOSE_DEADLINE_MS = 15_000;
/** A caller that keeps connections uses each of them again sooner than this, if it is calling at all. */
const FAREWELL_MS = 3_000;
const LOOK_EVERY_MS = 20;
/** A check that takes longer is as bad as one that fails. */
const CHECK_TIMEOUT_MS = 2_000;

/** Listens, or throws `AwayError` when the port is taken. */
export async function openHttpServer(tools: HttpServerTools): Promise<HttpServer> {
  const app = newServer(tools);
  const traffic = watchTraffic(app);
  app.setErrorHandler((error, request, reply) => sendProblem(tools.log, error, request, reply));
  app.setNotFoundHandler(async () => {
    throw new DoorError("not_found", "there is nothing at this address");
  });
  app.addHook("onSend", async (_request, reply) => {
    void reply.header("x-content-type-options", "nosniff").header("cache-control", "no-store");
  });
  void app.register(async (scope) => {
    keepBytes(scope);
    serveApi(scope, tools);
  });
  void app.register(async (scope) => serveRaw(scope, tools.rawRoutes));
  serveHealth(app, tools, traffic);
  await app.ready();
  try {
    await app.listen({ host: tools.host, port: tools.port });
  } catch (cause) {
    throw new AwayError(`cannot listen on ${tools.host}:${tools.port}; is the port taken?`, {}, { cause });
  }
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `http://${tools.host}:${port}`,
    port,
    close: () => close(app, traffic, tools.farewellMs ?? FAREWELL_MS),
  };
}

function newServer({ log, requestTimeoutMs = REQUEST_TIMEOUT_MS }: HttpServerTools): FastifyInstance {
  return Fastify({
    logger: false,
    genReqId: randomUuid,
    bodyLimit: BODY_LIMIT,
    // What still comes in while we close is answered like everything else.
    return503OnClosing: false,
    frameworkErrors: (error, request, reply) => void sendProblem(log, error, request, reply),
    requestTimeout: requestTimeoutMs,
    // Fastify's own text would tell its name; the connection is of no use to anybody anyway.
    clientErrorHandler: (error, socket) => {
      const status = error.code === "ERR_HTTP_REQUEST_TIMEOUT" ? "408 Request Timeout" : "400 Bad Request";
      if (socket.writable) socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
      socket.destroySoon();
    },
    routerOptions: { maxParamLength: 256 },
    http: {
      headersTimeout: Math.min(HEADERS_TIMEOUT_MS, requestTimeoutMs),
      requestTimeout: requestTimeoutMs,
      // Node looks for slow requests this often, 30 s unless said.
      connectionsCheckingInterval: Math.min(1_000, requestTimeoutMs),
    },
  });
}

function sendProblem(
  log: Logger,
  error: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const problem = problemOf(error, request.id);
  if (problem.status >= 500) log.error({ event: "http.failed", id: request.id, err: error });
  return sendAnswer(reply, { status: problem.status, body: JSON.stringify(problem) });
}

/** Every body of this scope stays a Buffer of exactly the bytes that came. */
function keepBytes(scope: FastifyInstance): void {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
}

function serveRaw(scope: FastifyInstance, routes: readonly RawRoute[]): void {
  keepBytes(scope);
  // Whatever the sender calls its bytes, even nonsense, they are taken: the signature decides.
  scope.addHook("onRequest", async (request) => {
    delete request.raw.headers["content-type"];
  });
  for (const route of routes) {
    scope.route({
      method: route.method,
      url: route.path,
      handler: async (request, reply) => {
        const answer = await route.run(rawRequest(request));
        // As bytes, because Fastify adds a charset to the content type of text.
        const bytes = typeof answer.body === "string" ? Buffer.from(answer.body) : answer.body;
        return reply
          .code(answer.status)
          .headers({ ...answer.headers })
          .send(bytes);
      },
    });
  }
  refuseOtherMethods(scope, routes);
}

function rawRequest(request: FastifyRequest): RawRequest {
  const cut = request.url.indexOf("?");
  return {
    headers: request.headers,
    rawBody: request.body instanceof Buffer ? request.body : Buffer.alloc(0),
    query: cut < 0 ? "" : request.url.slice(cut + 1),
    ip: request.ip,
  };
}

function serveHealth(app: FastifyInstance, tools: HttpServerTools, traffic: Traffic): void {
  app.get("/healthz", async () => ({ status: "ok" }));
  app.get("/readyz", async (_request, reply) => {
    if (traffic.isLeaving()) return reply.code(503).send({ status: "not ready", failing: ["stopping"] });
    const results = await Promise.all(tools.readyChecks.map((check) => failureOf(check, tools.log)));
    const failing = results.filter((name) => name !== null);
    if (failing.length === 0) return { status: "ready", ...(await alarmsOf(tools)) };
    return reply.code(503).send({ status: "not ready", failing });
  });
}

/** Callers that only look at the status are not told; those that read the body are, once there is something. */
async function alarmsOf({ alarms, log }: HttpServerTools): Promise<{ alarms?: readonly string[] }> {
  try {
    const raised = (await alarms?.()) ?? [];
    return raised.length === 0 ? {} : { alarms: raised };
  } catch (error) {
    log.warn({ event: "ready.alarms_unknown", err: error });
    return { alarms: ["alarms cannot be read"] };
  }
}

async function failureOf({ name, check }: ReadyCheck, log: Logger): Promise<string | null> {
  let stopWaiting = (): void => {};
  const late = new Promise<never>((_resolve, reject) => {
    stopWaiting = after(CHECK_TIMEOUT_MS, () => reject(new AwayError(`no answer in ${CHECK_TIMEOUT_MS} ms`)));
  });
  try {
    await Promise.race([check(), late]);
    return null;
  } catch (error) {
    log.warn({ event: "ready.failed", check: name, err: error });
    return name;
  } finally {
    stopWaiting();
  }
}

type Traffic = {
  /** Resolves once no request is being worked on. */
  quiet(): Promise<void>;
  /** From now on every answer is the last one of its connection. */
  takeLeave(): void;
  isLeaving(): boolean;
};

function watchTraffic(app: FastifyInstance): Traffic {
  let running = 0;
  let leaving = false;
  let whenQuiet = (): void => {};
  app.addHook("onRequest", async () => {
    running += 1;
  });
  app.addHook("onSend", async (_request, reply) => {
    if (leaving) void reply.header("connection", "close");
  });
  app.addHook("onResponse", async () => {
    running -= 1;
    if (running === 0) whenQuiet();
  });
  return {
    quiet: () =>
      new Promise((resolve) => {
        whenQuiet = resolve;
        if (running === 0) resolve();
      }),
    takeLeave: () => {
      leaving = true;
    },
    isLeaving: () => leaving,
  };
}

/**
 * Node and Fastify would end idle connections at once, just when a notification may be on its way on one of them. So
 * first every connection ends with its next answer, as callers are told; what nobody used meanwhile is cut.
 */
async function close(app: FastifyInstance, traffic: Traffic, farewellMs: number): Promise<void> {
  const cut = () => app.server.closeAllConnections();
  const forget = after(CLOSE_DEADLINE_MS, cut);
  traffic.takeLeave();
  for (const endMs = monotonicMs() + farewellMs; monotonicMs() < endMs; await sleep(LOOK_EVERY_MS))
    if ((await countConnections(app.server)) === 0) break;
  const closed = app.close();
  await Promise.race([traffic.quiet().then(cut), closed]);
  await closed;
  forget();
}

function countConnections(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => (error === null ? resolve(count) : reject(error)));
  });
}
