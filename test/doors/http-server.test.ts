import { connect } from "node:net";
import { Agent, request } from "undici";
import { expect, onTestFinished, test } from "vitest";
import { z } from "zod";
import {
  AwayError,
  ConflictError,
  InvalidError,
  InvariantError,
  NotFoundError,
} from "../../src/kernel/errors.ts";
import { type ApiRoute, apiRoute, EVERYBODY, ROLES } from "../../src/platform/api-route.ts";
import type { RawRequest, RawRoute } from "../../src/platform/http-server.ts";
import { monotonicMs } from "../../src/platform/real-time.ts";
import { until } from "../../src/platform/timer.ts";
import { type CallOptions, database, exchange, serverWith } from "../support/http.ts";

const widget = z.strictObject({ code: z.string(), size: z.int(), tags: z.array(z.string()).optional() });
const echo = apiRoute({
  method: "POST",
  path: "/widgets/:code",
  summary: "Echo",
  roles: ["billing"],
  idempotency: "none",
  body: widget,
  query: z.object({ limit: z.coerce.number().int().max(10).optional() }),
  status: 201,
  run: async ({ params, body, query, actor }) => ({ params, body, query, actor }),
});

test("a call without a key, with an unknown key or with another scheme is 401 and runs nothing", async () => {
  let ran = 0;
  const { call } = await serverWith([
    {
      ...echo,
      body: undefined,
      run: async () => {
        ran += 1;
      },
    },
  ]);
  for (const authorization of ["", "Bearer nobody", "Basic c2VjcmV0", "secret-of-admin-0123456789"]) {
    const answer = await call("POST", "/api/v1/widgets/a", { role: null, headers: { authorization } });
    expect(answer).toMatchObject({ status: 401, json: { status: 401, code: "unauthorised" } });
    expect(answer.headers.get("www-authenticate")).toBe("Bearer");
  }
  expect(ran).toBe(0);
});

test("a role passes only where the route names it, and admin everywhere", async () => {
  const open = (path: string, roles: ApiRoute["roles"]): ApiRoute =>
    apiRoute({ method: "GET", path, summary: "", roles, idempotency: "none", run: async () => ({}) });
  const { call } = await serverWith([
    open("/all", EVERYBODY),
    open("/money", ["finance", "operator"]),
    open("/nobody", []),
  ]);
  const passes = async (path: string) => {
    const answers = await Promise.all(
      ROLES.map(async (role) => (await call("GET", `/api/v1${path}`, { role })).status),
    );
    return ROLES.filter((_role, index) => answers[index] === 200);
  };
  expect(await passes("/all")).toEqual(["viewer", "billing", "finance", "operator", "admin"]);
  expect(await passes("/money")).toEqual(["finance", "operator", "admin"]);
  expect(await passes("/nobody")).toEqual(["admin"]);
});

test("a good call reaches its flow with parsed input and the key's name, and answers the route's status", async () => {
  const { call, lines } = await serverWith([echo]);
  const body = JSON.stringify({ code: "a", size: 3 });
  const answer = await call("POST", "/api/v1/widgets/a%20b?limit=7", { role: "billing", body });
  expect(answer.status).toBe(201);
  expect(answer.json).toEqual({
    params: { code: "a b" },
    body: { code: "a", size: 3 },
    query: { limit: 7 },
    actor: { name: "billing-key", role: "billing" },
  });
  expect(answer.headers.get("cache-control")).toBe("no-store");
  expect(lines).toContainEqual(
    expect.objectContaining({ event: "api.answered", actor: "billing-key", status: 201 }),
  );
});

test("every wrong field of body and query is named at once", async () => {
  const { call } = await serverWith([echo]);
  const body = JSON.stringify({ size: 1.5, tags: ["x", 4], colour: "red" });
  const { status, json, headers } = await call("POST", "/api/v1/widgets/a?limit=11", { body });
  expect(status).toBe(422);
  expect(headers.get("content-type")).toContain("application/problem+json");
  const fields = json.errors.map(({ field }: { field: string }) => field);
  expect(fields.sort()).toEqual(["code", "colour", "limit", "size", "tags.1"]);
  expect(json.errors).toContainEqual({ field: "code", message: "is required" });
  expect(json.errors).toContainEqual({ field: "colour", message: "is not a known field" });
});

test("a call without a body is told every field it lacks", async () => {
  const { call } = await serverWith([echo]);
  const { status, json } = await call("POST", "/api/v1/widgets/a");
  expect(status).toBe(422);
  expect(json.detail).toBe("code: is required; size: is required");
});

test.each([
  ['{"a":1', 6, "line 1, column 7"],
  ['{"a":1,}', 7, "line 1, column 8"],
  ['{\n  "a": tru x}', 12, "line 2, column 11"],
  ["code=a", 0, "line 1, column 1"],
  ['{"a":"x\ny"}', 7, "line 1, column 8"],
  ['{"a":1}x', 7, "line 1, column 8"],
])("malformed JSON %j is refused with its position", async (body, position, place) => {
  const { call } = await serverWith([echo]);
  const { status, json } = await call("POST", "/api/v1/widgets/a", { body });
  expect(status).toBe(400);
  expect(json.detail).toBe(`the body is not JSON from position ${position} on (${place})`);
});

test("bytes that are no UTF-8, and bodies that are not called JSON, are refused with the reason", async () => {
  const { call } = await serverWith([echo]);
  const notText = await call("POST", "/api/v1/widgets/a", { body: Buffer.from([0x7b, 0xff, 0x7d]) });
  expect(notText).toMatchObject({ status: 400, json: { detail: "the body is not UTF-8 text" } });
  for (const type of ["application/x-www-form-urlencoded", "text/plain", "no type at all;;"]) {
    const other = await call("POST", "/api/v1/widgets/a", { body: "{}", headers: { "content-type": type } });
    expect(other).toMatchObject({ status: 415, json: { code: "unsupported_media_type" } });
  }
});

test("a body over 64 kB is 413, announced or chunked", async () => {
  const { call } = await serverWith([echo]);
  const big = Buffer.alloc(64 * 1024 + 1, " ");
  expect(await call("POST", "/api/v1/widgets/a", { body: big })).toMatchObject({
    status: 413,
    json: { code: "too_large" },
  });
  const stream = new ReadableStream({
    pull: (controller) => controller.enqueue(new Uint8Array(16 * 1024)),
  });
  const chunked = { body: stream, duplex: "half" } as CallOptions;
  const outcome = await call("POST", "/api/v1/widgets/a", chunked).then(
    ({ status }) => status,
    () => "cut off",
  );
  expect([413, "cut off"]).toContain(outcome);
});

test("each kind of error has its status, and an address or method that is not there has its own", async () => {
  const failing = (path: string, error: Error): ApiRoute =>
    apiRoute({
      method: "GET",
      path,
      summary: "",
      roles: EVERYBODY,
      idempotency: "none",
      run: async () => {
        throw error;
      },
    });
  const { call } = await serverWith([
    failing("/invalid", new InvalidError("zone: Mars is no zone", { field: "zone" })),
    failing("/not-found", new NotFoundError("there is no plan gold")),
    failing("/conflict", new ConflictError("the invoice is paid")),
    failing("/away", new AwayError("the gateway does not answer")),
  ]);
  const get = (path: string) => call("GET", `/api/v1${path}`);
  const invalid = await get("/invalid");
  expect(invalid.status).toBe(422);
  expect(invalid.json).toEqual({
    type: "/api/docs#invalid",
    title: "Invalid input",
    status: 422,
    detail: "zone: Mars is no zone",
    code: "invalid",
    errors: [{ field: "zone", message: "zone: Mars is no zone" }],
  });
  expect(await get("/not-found")).toMatchObject({ status: 404, json: { detail: "there is no plan gold" } });
  expect(await get("/conflict")).toMatchObject({ status: 409, json: { code: "conflict" } });
  const away = await get("/away");
  expect(away).toMatchObject({ status: 503, json: { code: "away" } });
  expect(away.headers.get("retry-after")).toBe("5");
  expect(await get("/nowhere")).toMatchObject({ status: 404, json: { code: "not_found" } });
  expect(await get("/%zz")).toMatchObject({ status: 400, json: { code: "malformed" } });
  const method = await call("DELETE", "/api/v1/invalid");
  expect(method).toMatchObject({ status: 405, json: { code: "method_not_allowed" } });
  expect(method.headers.get("allow")).toBe("GET, HEAD");
});

test.each([
  ["a bug of ours", new InvariantError("sum of lines is not 4", { sql: "select secret" })],
  ["anything else", new Error("password authentication failed for user tagih")],
])("%s tells the caller only an id, under which the log has it", async (_what, error) => {
  const { call, lines } = await serverWith([
    {
      ...echo,
      method: "GET",
      body: undefined,
      run: async () => {
        throw error;
      },
    },
  ]);
  const { status, text, json } = await call("GET", "/api/v1/widgets/a");
  expect(status).toBe(500);
  expect(text).not.toContain(error.message);
  expect(text).not.toContain("secret");
  expect(text).not.toContain("at ");
  const id = json.instance.replace("urn:uuid:", "");
  expect(json.detail).toContain(id);
  expect(lines).toContainEqual(expect.objectContaining({ event: "http.failed", id }));
});

test("a lost PostgreSQL is 503 and a text it cannot store is 422", async () => {
  const db = await database();
  const query = (path: string, sql: string, parameters: unknown[]): ApiRoute =>
    apiRoute({
      method: "GET",
      path,
      summary: "",
      roles: EVERYBODY,
      idempotency: "none",
      run: () => db.begin((tx) => tx.query(sql, parameters)),
    });
  const { call } = await serverWith(
    [
      query("/lost", "select pg_terminate_backend(pg_backend_pid())", []),
      query("/nul", "select $1::text", ["a\0b"]),
    ],
    { db },
  );
  expect(await call("GET", "/api/v1/lost")).toMatchObject({ status: 503, json: { code: "away" } });
  expect(await call("GET", "/api/v1/nul")).toMatchObject({ status: 422, json: { code: "invalid" } });
});

function rawEcho() {
  const seen: RawRequest[] = [];
  const route: RawRoute = {
    method: "POST",
    path: "/hook",
    run: async (request) => {
      seen.push(request);
      return { status: 202, headers: { "content-type": "text/plain", "x-mine": "yes" }, body: "taken" };
    },
  };
  return { seen, route };
}

test.each(["application/json", "text/plain", "multipart/form-data", "total nonsense;;=", null])(
  "a raw route gets exactly the bytes that were sent, called %s",
  async (type) => {
    const { seen, route } = rawEcho();
    const { server } = await serverWith([], { rawRoutes: [route] });
    const bytes = Buffer.from([0x7b, 0x20, 0x0a, 0xff, 0x00, 0x7d]);
    const answer = await exchange(server.port, [
      Buffer.from(
        `POST /hook?a=%20b&a=+c HTTP/1.1\r\nhost: x\r\nx-signature: s\r\n${type === null ? "" : `content-type: ${type}\r\n`}` +
          `content-length: ${bytes.length}\r\nconnection: close\r\n\r\n`,
      ),
      bytes,
    ]);
    expect(answer).toMatch(/^HTTP\/1.1 202 [\s\S]*x-mine: yes[\s\S]*taken$/);
    expect(seen).toHaveLength(1);
    expect(seen[0]?.rawBody.equals(bytes)).toBe(true);
    expect(seen[0]).toMatchObject({ query: "a=%20b&a=+c", ip: "127.0.0.1", headers: { "x-signature": "s" } });
  },
);

test("a raw route takes no key, no body over 64 kB and no other method", async () => {
  const { seen, route } = rawEcho();
  const { call } = await serverWith([], { rawRoutes: [route] });
  expect((await call("POST", "/hook", { role: null })).status).toBe(202);
  expect((await call("POST", "/hook", { role: null, body: Buffer.alloc(1024 * 1024) })).status).toBe(413);
  expect((await call("GET", "/hook", { role: null })).status).toBe(405);
  expect(seen).toHaveLength(1);
});

test.each([
  ["headers", "POST /hook HTTP/1.1\r\nhost: x\r\nx-slow: "],
  ["a body", "POST /hook HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\nabc"],
])("a client that never finishes %s is cut off", async (_what, start) => {
  const { seen, route } = rawEcho();
  const { server } = await serverWith([], { rawRoutes: [route], requestTimeoutMs: 200 });
  expect(await exchange(server.port, [Buffer.from(start)])).toMatch(/^HTTP\/1.1 408 /);
  expect(seen).toHaveLength(0);
});

test("health is always well; readiness names what fails, and only the log says why", async () => {
  let broken = false;
  const { call, lines } = await serverWith([], {
    readyChecks: [
      { name: "postgresql", check: async () => {} },
      {
        name: "queue",
        check: async () => {
          if (broken) throw new Error("redis://user:pass@host refused");
        },
      },
    ],
  });
  expect(await call("GET", "/healthz", { role: null })).toMatchObject({
    status: 200,
    json: { status: "ok" },
  });
  expect(await call("GET", "/readyz", { role: null })).toMatchObject({
    status: 200,
    json: { status: "ready" },
  });
  broken = true;
  const ready = await call("GET", "/readyz", { role: null });
  expect(ready).toMatchObject({ status: 503, json: { status: "not ready", failing: ["queue"] } });
  expect(ready.text).not.toContain("refused");
  expect(lines).toContainEqual(expect.objectContaining({ event: "ready.failed", check: "queue" }));
  expect((await call("GET", "/healthz", { role: null })).status).toBe(200);
});

test("closing finishes what runs and takes nothing new; a taken port is said so", async () => {
  let open = (): void => {};
  let entered = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const { server, call } = await serverWith([
    {
      ...echo,
      method: "GET",
      body: undefined,
      run: async () => {
        entered();
        await gate;
        return "done";
      },
    },
  ]);
  await expect(serverWith([], { port: server.port })).rejects.toThrow(/cannot listen on 127.0.0.1/);
  const silent = connect(server.port, "127.0.0.1");
  const running = call("GET", "/api/v1/widgets/a");
  await inside;
  const closed = server.close();
  await until("nothing new is taken", 5_000, () => refuses(server.port));
  open();
  expect((await running).json).toBe("done");
  await closed;
  await until("a silent connection is ended too", 5_000, async () => silent.destroyed);
});

test("a server that stops answers whoever still calls, and asks them to leave", async () => {
  const { server } = await serverWith([], { farewellMs: 60_000 });
  // One connection for all calls: another one, kept and never used again, would be waited for.
  const dispatcher = new Agent({ connections: 1 });
  onTestFinished(() => dispatcher.destroy());
  const ask = async () => {
    const { statusCode, headers, body } = await request(`${server.url}/readyz`, { dispatcher });
    return { status: statusCode, connection: headers["connection"], json: await body.json() };
  };
  expect(await ask()).toMatchObject({ status: 200, connection: "keep-alive" });
  const beganMs = monotonicMs();
  const closed = server.close();
  const last = await ask();
  expect(last).toMatchObject({ status: 503, connection: "close", json: { failing: ["stopping"] } });
  // Long before the minute is over, and before connections are cut: the last caller has left.
  await closed;
  expect(monotonicMs() - beganMs).toBeLessThan(10_000);
});

function refuses(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(false);
    });
    socket.on("error", () => resolve(true));
  });
}
