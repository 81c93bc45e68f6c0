import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { startSimulator } from "../../src/simulator/simulator.ts";
import {
  bindBody,
  CLIENT_ID,
  makeClient,
  PATHS,
  PHONE,
  PUBLIC_KEY,
  SECRET,
  startAll,
} from "./simulator-client.ts";

let house: Awaited<ReturnType<typeof startAll>>;

beforeEach(async () => {
  house = await startAll();
});
afterEach(() => house.stop());

const MERCHANT = {
  client_id: CLIENT_ID,
  secret_key: SECRET,
  public_key: PUBLIC_KEY,
  token_url: "http://127.0.0.1:1/token",
  notify_url: "http://127.0.0.1:1/notify",
  binding_notify_url: "http://127.0.0.1:1/binding",
};

test("a simulator started with nobody learns its merchant and wallets through /_sim", async () => {
  await house.sim.stop();
  const sim = await startSimulator();
  const post = (path: string, body: unknown) =>
    fetch(`${sim.url}/_sim/${path}`, { method: "POST", body: JSON.stringify(body) });
  expect((await post("merchants", MERCHANT)).status).toBe(200);
  expect((await post("wallets", { phone: PHONE, balance: 1_000, tier: "club" })).status).toBe(200);
  const client = makeClient(sim.url, () => sim.clock().now);
  expect((await client.call(PATHS.bind, bindBody(), null)).code).toBe("2000700");
  await sim.stop();
});

test("DOKU's public key is given as PEM", async () => {
  const { text } = await house.control("GET", "public-key");
  expect(text).toBe(house.sim.publicKeyPem);
  expect(text).toMatch(/^-----BEGIN PUBLIC KEY-----/);
});

test("wallets are opened, changed, topped up and listed", async () => {
  await house.control("POST", "wallets", { phone: "6281300000001", balance: 5_000 });
  const changed = await house.control("PATCH", "wallets/6281300000001", { add: 1_000, blocked: true });
  const wallet = { phone: "6281300000001", balance: 6_000, tier: "premier", blocked: true, closed: false };
  expect(changed.json).toEqual(wallet);
  expect((await house.control("GET", "wallets")).json).toContainEqual(wallet);
});

test("a link is finished and ended through /_sim", async () => {
  await house.client.call(PATHS.bind, bindBody(), null);
  expect((await house.control("POST", "links", { phone: PHONE, result: "success" })).http).toBe(200);
  expect((await house.control("POST", "links", { phone: PHONE, result: "success" })).http).toBe(409);
  expect((await house.control("POST", "unlink", { phone: PHONE })).http).toBe(200);
  expect((await house.control("POST", "unlink", { phone: PHONE })).http).toBe(409);
});

test("the ledger, the requests and the notifications are listed in snake_case", async () => {
  const { customerToken } = await house.link();
  await house.control("POST", "script", { match: { phone: PHONE }, outcome: "notify-twice" });
  await house.client.pay("REF-1", customerToken);
  await house.quiet();
  const at = "2026-03-02T02:00:00.000Z";
  expect((await house.control("GET", "ledger")).json).toEqual([
    { at, phone: PHONE, reference: "REF-1", kind: "payment", amount: -25_000, balance_after: 125_000 },
  ]);
  expect((await house.control("GET", "requests")).json.at(-1)).toMatchObject({
    at,
    path: PATHS.pay,
    reference: "REF-1",
    phone: PHONE,
    code: "2005400",
    headers: { "x-partner-id": CLIENT_ID },
  });
  const notifications = (await house.control("GET", "notifications")).json;
  expect(notifications).toHaveLength(3);
  expect(notifications.at(-1)).toMatchObject({
    client_id: CLIENT_ID,
    state: "delivered",
    attempts: [{ at, http_status: 200 }],
  });
});

describe("the clock", () => {
  test("stands still once turned and is moved by hand", async () => {
    const shown = { turned: true, next_event_at: null, busy: false };
    expect((await house.control("GET", "clock")).json).toEqual({ now: "2026-03-02T02:00:00.000Z", ...shown });
    await house.control("POST", "clock", { advance: "30m" });
    await house.control("POST", "clock", { advance: "P1D" });
    expect(house.sim.clock().now).toBe("2026-03-03T02:30:00.000Z");
    await house.control("POST", "clock", { now: "2026-04-01T09:00:00+07:00" });
    expect(house.sim.clock().now).toBe("2026-04-01T02:00:00.000Z");
  });

  test("runs with real time until it is first turned", async () => {
    await house.stop();
    house = await startAll({ now: undefined });
    expect((await house.control("GET", "clock")).json.turned).toBe(false);
    const { json } = await house.control("POST", "clock", { now: "2026-03-02T02:00:00Z" });
    expect(json).toMatchObject({ turned: true, now: "2026-03-02T02:00:00.000Z" });
  });

  test("shows the next event", async () => {
    await house.client.call(PATHS.bind, bindBody(), null);
    expect((await house.control("GET", "clock")).json.next_event_at).toBe("2026-03-02T02:15:00.000Z");
  });
});

test.each([
  ["POST", "merchants", { ...MERCHANT, public_key: "nonsense" }, "public_key"],
  ["POST", "merchants", { ...MERCHANT, notify_url: "merchant.example" }, "notify_url"],
  ["POST", "merchants", { ...MERCHANT, secret_key: undefined }, "secret_key"],
  ["POST", "wallets", { phone: "abc", balance: 1 }, "phone"],
  ["POST", "wallets", { phone: PHONE, balance: 1.5 }, "balance"],
  ["POST", "wallets", { phone: PHONE, balance: 2_000_001, tier: "club" }, "balance"],
  ["POST", "wallets", { phone: PHONE, balance: 1, tier: "gold" }, "tier"],
  ["PATCH", `wallets/${PHONE}`, { add: -150_001 }, "balance"],
  ["POST", "links", { phone: PHONE, result: "maybe" }, "result"],
  ["POST", "script", { match: {}, outcome: "maybe" }, "outcome"],
  ["POST", "script", { match: { amount: "1" }, outcome: "202" }, "match.amount"],
  ["POST", "script", { match: {}, outcome: "202", times: 0 }, "times"],
  ["POST", "clock", { now: "yesterday" }, "now"],
  ["POST", "clock", { now: "2026-03-02T02:00:00" }, "now"],
  ["POST", "clock", { advance: "soon" }, "advance"],
  ["POST", "clock", {}, "now"],
])("%s %s with a wrong field answers 400 and names it", async (method, path, body, field) => {
  const { http, json } = await house.control(method, path, body);
  expect(http).toBe(400);
  expect(json.error).toMatch(new RegExp(`^${field}\\b`));
});

test("an unknown route and an unknown wallet are not found", async () => {
  expect((await house.control("GET", "everything")).http).toBe(404);
  expect((await house.control("PATCH", "wallets/6281300000009", { add: 1 })).http).toBe(404);
});

test("the overview escapes what strangers wrote", async () => {
  const { customerToken } = await house.link();
  await house.client.pay("REF-1", customerToken);
  await house.client.call(PATHS.status, { originalPartnerReferenceNo: "<script>", serviceCode: "54" }, null);
  await house.quiet();
  const page = await (await fetch(house.sim.url)).text();
  expect(page).toContain("REF-1");
  expect(page).toContain("Rp 125.000");
  expect(page).toContain("&lt;script&gt;");
  expect(page).not.toContain("<script>");
});
