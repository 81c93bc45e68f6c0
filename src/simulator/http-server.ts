import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { sleep } from "../platform/timer.ts";
import { control } from "./control.ts";
import type { Endpoint, WireRequest } from "./endpoint.ts";
import { answerRequest, ENDPOINTS, type Ending, writtenEnding } from "./exchange.ts";
import { showPage } from "./pages.ts";
import { wireTime } from "./wire-time.ts";
import type { World } from "./world.ts";

/** The largest request of the protocol is a few KiB. */
const LONGEST_BODY = 64 * 1024;
/** Longer than clients keep idle connections, so that it is never us who close one just as it is used again. */
const KEEP_ALIVE_MS = 75_000;
/** Payment, status and refund: the calls that reach the acquirer. */
const SLOW_SERVICES = ["54", "55", "58"];

/** The simulator's HTTP side: the eight systems, the control surface and the pages. `log` gets one line a request. */
export function makeServer(world: World, log: (line: string) => void): Server {
  const server = createServer((incoming, response) => {
    serve(world, incoming, response)
      .then(() => log(`${incoming.method} ${incoming.url} ${response.statusCode}`))
      .catch((error: unknown) => {
        log(`${incoming.method} ${incoming.url} failed: ${error instanceof Error ? error.stack : error}`);
        if (!response.headersSent) response.writeHead(500);
        response.end();
      });
  });
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  return server;
}

async function serve(world: World, incoming: IncomingMessage, response: ServerResponse): Promise<void> {
  const method = incoming.method ?? "GET";
  const target = incoming.url ?? "/";
  const path = target.split("?", 1)[0] ?? target;
  const body = await readBody(incoming);
  if (body === null) return send(response, 413, "text/plain", "too long");
  const endpoint = ENDPOINTS.get(path);
  if (endpoint !== undefined) {
    if (!world.switches.gateway) return void incoming.socket.destroy();
    if (method !== "POST") return send(response, 405, "application/json", "{}");
    const headers = incoming.headers as WireRequest["headers"];
    return exchange(world, endpoint, { method, path, target, headers, body }, response);
  }
  if (path.startsWith("/_sim/")) {
    const answer = await control(world, method, path.slice("/_sim/".length), body);
    const isText = typeof answer.body === "string";
    const text = isText ? String(answer.body) : JSON.stringify(answer.body);
    return send(response, answer.status, isText ? "text/plain" : "application/json", text);
  }
  const page = await showPage(world, method, path, body);
  if ("location" in page) return void response.writeHead(303, { location: page.location }).end();
  send(response, page.status, "text/html; charset=utf-8", page.body);
}

async function exchange(
  world: World,
  endpoint: Endpoint,
  request: WireRequest,
  response: ServerResponse,
): Promise<void> {
  world.inFlight.count += 1;
  try {
    const ending = answerRequest(world, endpoint, request);
    await ending.before();
    const latencyMs = SLOW_SERVICES.includes(endpoint.service) ? world.settings.latencyMs : 0;
    const waitMs = latencyMs + ending.plan.slowMs;
    if (waitMs > 0) await sleep(waitMs);
    if (endpoint.door === "token") response.setHeader("X-CLIENT-KEY", request.headers["x-client-key"] ?? "");
    deliver(world, response, ending);
    ending.afterwards();
  } finally {
    world.inFlight.count -= 1;
  }
}

/** Sends the answer the way its script says: whole, broken, or not at all. */
function deliver(world: World, response: ServerResponse, ending: Ending): void {
  const written = writtenEnding(ending);
  // Silent: the caller's own time-out ends it.
  if (written === "silence") return;
  if (written === "reset") {
    response.socket?.resetAndDestroy();
    return;
  }
  if (written.type === "application/json") response.setHeader("X-TIMESTAMP", wireTime(world.clock.now()));
  send(response, written.status, written.type, written.text);
}

function send(response: ServerResponse, status: number, type: string, text: string): void {
  response.writeHead(status, { "content-type": type, "content-length": Buffer.byteLength(text) });
  response.end(text);
}

async function readBody(incoming: IncomingMessage): Promise<string | null> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    length += chunk.length;
    if (length > LONGEST_BODY) return null;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
