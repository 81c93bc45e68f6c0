import { expect, test } from "vitest";
import { z } from "zod";
import { AwayError, ConflictError, InvalidError } from "../../src/kernel/errors.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../../src/platform/api-route.ts";
import { purgeIdempotencyKeys } from "../../src/platform/idempotency.ts";
import { type CallOptions, database, serverWith } from "../support/http.ts";

/** Collects: every run is counted and takes as long as `gate`. */
function collecting(idempotency: ApiRoute["idempotency"], gate: () => Promise<unknown> = async () => null) {
  const runs: string[] = [];
  const route = (path: string) =>
    apiRoute({
      method: "POST",
      path,
      summary: "",
      roles: EVERYBODY,
      idempotency,
      status: 202,
      body: z.object({ amount: z.int() }),
      run: async ({ body, actor }) => {
        runs.push(actor.name);
        await gate();
        return { zeta: runs.length, alpha: body.amount };
      },
    });
  return { runs, routes: [route("/collect"), route("/refund")] };
}
const once = (key: string, amount: number, more: CallOptions = {}): CallOptions => ({
  ...more,
  body: JSON.stringify({ amount }),
  headers: { "idempotency-key": key },
});

test("the same key and body has its effect once and the same answer, byte for byte", async () => {
  const { runs, routes } = collecting("required");
  const { call } = await serverWith(routes, { db: await database() });
  const first = await call("POST", "/api/v1/collect", once("k1", 5));
  const again = await call("POST", "/api/v1/collect", { ...once("k1", 5), body: '{ "amount": 5 }' });
  expect(first.status).toBe(202);
  expect(again.status).toBe(202);
  expect(again.text).toBe(first.text);
  expect(first.headers.get("idempotent-replayed")).toBeNull();
  expect(again.headers.get("idempotent-replayed")).toBe("true");
  expect(runs).toHaveLength(1);
});

test("a used key with another body, path or query is 409, and another actor's key is another key", async () => {
  const { runs, routes } = collecting("optional");
  const { call } = await serverWith(routes, { db: await database() });
  await call("POST", "/api/v1/collect", once("k1", 5));
  for (const [path, amount] of [
    ["/collect", 6],
    ["/refund", 5],
    ["/collect?x=1", 5],
  ] as const) {
    const other = await call("POST", `/api/v1${path}`, once("k1", amount));
    expect(other).toMatchObject({ status: 409, json: { code: "conflict" } });
  }
  expect((await call("POST", "/api/v1/collect", once("k1", 6, { role: "viewer" }))).status).toBe(202);
  expect(runs).toEqual(["admin-key", "viewer-key"]);
});

test("while the first call runs, a second one is 409; afterwards it gets the first one's answer", async () => {
  let open = (): void => {};
  let entered = (): void => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const inside = new Promise<void>((resolve) => {
    entered = resolve;
  });
  const { runs, routes } = collecting("required", async () => {
    entered();
    await gate;
  });
  const { call } = await serverWith(routes, { db: await database() });
  const first = call("POST", "/api/v1/collect", once("k1", 5));
  await inside;
  const second = await call("POST", "/api/v1/collect", once("k1", 5));
  expect(second).toMatchObject({ status: 409, json: { detail: expect.stringContaining("still runs") } });
  open();
  const answered = await first;
  expect((await call("POST", "/api/v1/collect", once("k1", 5))).text).toBe(answered.text);
  expect(runs).toHaveLength(1);
});

test("a key is demanded where it is required, and must be plain text", async () => {
  const { routes } = collecting("required");
  const { call } = await serverWith(routes, { db: await database() });
  for (const headers of [{}, { "idempotency-key": "a b" }, { "idempotency-key": "x".repeat(256) }]) {
    const { status, json } = await call("POST", "/api/v1/collect", { body: '{"amount":5}', headers });
    expect(status).toBe(422);
    expect(json.errors[0].field).toBe("Idempotency-Key");
  }
});

test("an error that asks to try later frees the key; a final refusal is kept like an answer", async () => {
  const errors = [new AwayError("later"), new ConflictError("not now"), new InvalidError("never")];
  const { runs, routes } = collecting("required", async () => {
    const error = errors.shift();
    if (error !== undefined) throw error;
  });
  const { call } = await serverWith(routes, { db: await database() });
  const statuses = [];
  for (let tries = 0; tries < 4; tries += 1) {
    statuses.push((await call("POST", "/api/v1/collect", once("k1", 5))).status);
  }
  expect(statuses).toEqual([503, 409, 422, 422]);
  expect(runs).toHaveLength(3);
});

test("a call whose process died is never run again by itself", async () => {
  const db = await database();
  const { runs, routes } = collecting("required");
  const { call } = await serverWith(routes, { db });
  await call("POST", "/api/v1/collect", once("k1", 5));
  await db.query(
    `update idempotency_keys set status = null, answer = null, created_at = clock_timestamp() - interval '1 hour'`,
  );
  const later = await call("POST", "/api/v1/collect", once("k1", 5));
  expect(later).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("ended without an answer") },
  });
  expect(runs).toHaveLength(1);
});

test("keys are kept 7 days: then they are free, and purging forgets only those", async () => {
  const db = await database();
  const { runs, routes } = collecting("required");
  const { call } = await serverWith(routes, { db });
  for (const key of ["old", "older", "young"]) await call("POST", "/api/v1/collect", once(key, 5));
  await db.query(
    `update idempotency_keys set created_at = clock_timestamp() - interval '169 hours' where key like 'old%'`,
  );
  await call("POST", "/api/v1/collect", once("old", 9));
  expect(runs).toHaveLength(4);
  expect(await db.begin((tx) => purgeIdempotencyKeys(tx, 100))).toBe(1);
  await call("POST", "/api/v1/collect", once("young", 5));
  expect(runs).toHaveLength(4);
});
