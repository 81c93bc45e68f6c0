import { createSecretKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { describe, expect, it, onTestFinished } from "vitest";
import { activateBinding } from "../../src/customers/activate-binding.flow.ts";
import { bindingRoutes } from "../../src/customers/binding.routes.ts";
import { bindingById } from "../../src/customers/binding.store.ts";
import { sealContext } from "../../src/customers/binding.ts";
import { handleBindingNotice } from "../../src/customers/binding-notice.flow.ts";
import { createCustomer } from "../../src/customers/create-customer.flow.ts";
import { customerTokens } from "../../src/customers/customer-token.flow.ts";
import { snapGateway } from "../../src/gateway/snap/gateway.ts";
import { AwayError, ConflictError, InvalidError } from "../../src/kernel/errors.ts";
import type { BindingId, CustomerId } from "../../src/kernel/ids.ts";
import { setTurnedClock, turnedClock } from "../../src/platform/clock.ts";
import { realNow } from "../../src/platform/real-time.ts";
import { sealer } from "../../src/platform/secrets.ts";
import { startSimulator } from "../../src/simulator/simulator.ts";
import { call } from "../support/call-route.ts";
import { NOON, roomsDatabase } from "../support/rooms.ts";

// Our own client against our own simulator: two programs that share no code of the wire.

const PHONE = "6281234567890";
const CLIENT = { clientId: "BRN-0000-0000000000001", secretKey: "SK-TestOnlySecret0000001" };
const EXCHANGE = "/authorization/v1/access-token/b2b2c";
const URLS = { success_url: "https://shop.example/ok", failed_url: "https://shop.example/ko" };
const merchant = generateKeyPairSync("rsa", { modulusLength: 2048 });
/** Nobody listens there: these stories tell the house about bindings themselves. */
const NOWHERE = "http://127.0.0.1:9/";

async function house() {
  const simulator = await startSimulator({
    merchant: {
      ...CLIENT,
      publicKeyPem: merchant.publicKey.export({ type: "spki", format: "pem" }).toString(),
      tokenUrl: NOWHERE,
      notifyUrl: NOWHERE,
      bindingNotifyUrl: NOWHERE,
    },
    wallets: [{ phone: PHONE, balance: 60_000 }],
  });
  const db = await roomsDatabase();
  await db.begin((tx) => setTurnedClock(tx, NOON));
  const safe = sealer([{ id: "k1", key: createSecretKey(randomBytes(32)) }]);
  const gateway = snapGateway({
    ...CLIENT,
    db,
    sealer: safe,
    now: realNow,
    baseUrl: simulator.url,
    privateKey: merchant.privateKey,
    returnUrls: { paid: URLS.success_url, failed: URLS.failed_url },
    timeoutMs: 2_000,
  });
  onTestFinished(async () => {
    await gateway.close();
    await simulator.stop();
  });
  const started: CustomerId[] = [];
  const onActive = async (_tx: unknown, id: CustomerId) => void started.push(id);
  const onGone = async () => {};
  const tools = { db, clock: turnedClock, sealer: safe, gateway, wireNow: realNow, onActive, onGone };
  const customerToken = customerTokens(tools);
  return { ...tools, simulator, customerToken, started, routes: bindingRoutes({ ...tools, customerToken }) };
}

type House = Awaited<ReturnType<typeof house>>;

function addCustomer(home: House, reference = "cust-001", phone = PHONE) {
  return createCustomer(home, { reference, name: "Budi", phone, email: null });
}

async function start(home: House, reference = "cust-001"): Promise<BindingId> {
  const path = "/customers/:reference/bindings";
  const made = await call(home.routes, "POST", path, { params: { reference }, body: URLS });
  return made["id"] as BindingId;
}

async function linked(home: House): Promise<BindingId> {
  await addCustomer(home);
  const id = await start(home);
  home.simulator.finishLink(PHONE, "success");
  await activateBinding(home, id);
  return id;
}

const look = (home: House, id: BindingId) => home.db.begin((tx) => bindingById(tx, id));
const exchanges = ({ simulator }: House) =>
  simulator.requests().filter(({ path }) => path === EXCHANGE).length;
const laterBy = (home: House, minutes: number) =>
  home.db.begin((tx) => setTurnedClock(tx, NOON.plus({ minutes })));
const refuseExchange = ({ simulator }: House, times: number) =>
  simulator.script({ match: { path: EXCHANGE }, outcome: "4017400", times });
const exceptionsOf = ({ db }: House) => db.query<{ kind: string }>(`select kind from exceptions order by id`);

/** The gateway's message about a binding, as the inbox would read it. */
async function notice(home: House, id: BindingId, status: string, known: "code" | "call" = "code") {
  const binding = await look(home, id);
  const authCode =
    binding.authCode === null ? null : home.sealer.open(binding.authCode, sealContext("auth_code", id));
  return {
    status,
    customerReference: "cust-001",
    authCode: known === "code" ? authCode : null,
    originalExternalId: binding.externalId,
  };
}

describe("linking a wallet", () => {
  it("gives a page to send the customer to, and is pending until the gateway gives a customer token", async () => {
    const home = await house();
    await addCustomer(home);
    const path = "/customers/:reference/bindings";
    const made = await call(home.routes, "POST", path, { params: { reference: "cust-001" }, body: URLS });
    expect(made).toMatchObject({
      state: "pending",
      redirect_url: expect.stringMatching(/^http/),
      customer: "cust-001",
    });
    const seen = () => call(home.routes, "GET", "/bindings/:id", { params: { id: made["id"] as string } });
    expect(await seen()).toMatchObject({ state: "pending" });
    expect(home.started).toEqual([]);
    home.simulator.finishLink(PHONE, "success");
    expect(await seen()).toMatchObject({ state: "active", activated_at: NOON.toISO() });
    expect(home.started).toHaveLength(1);
    const balance = call(home.routes, "GET", "/bindings/:id/balance", {
      params: { id: made["id"] as string },
    });
    expect(await balance).toEqual({ available: 60_000, at: NOON.toISO() });
  });

  it("a notification of success makes it active, ten times the same as once", async () => {
    const home = await house();
    await addCustomer(home);
    const id = await start(home);
    home.simulator.finishLink(PHONE, "success");
    const news = await notice(home, id, "SUCCESS");
    for (let times = 0; times < 10; times += 1) {
      expect(await handleBindingNotice(home, news)).toEqual({ kind: "handled" });
    }
    expect(home.started).toHaveLength(1);
    expect((await look(home, id)).state).toBe("active");
  });

  it("a notification alone proves nothing: while the gateway gives no token it is tried again", async () => {
    const home = await house();
    await addCustomer(home);
    const id = await start(home);
    expect(await handleBindingNotice(home, await notice(home, id, "SUCCESS"))).toEqual({ kind: "retry" });
    expect((await look(home, id)).state).toBe("pending");
  });

  it("a notification is matched by our call when it names no authorisation, and one of a stranger is not ours", async () => {
    const home = await house();
    await addCustomer(home);
    const id = await start(home);
    home.simulator.finishLink(PHONE, "success");
    const news = await notice(home, id, "SUCCESS", "call");
    expect(await handleBindingNotice(home, { ...news, customerReference: "other" })).toEqual({
      kind: "unmatched",
    });
    expect(await handleBindingNotice(home, news)).toEqual({ kind: "handled" });
    expect((await look(home, id)).state).toBe("active");
  });

  it("a failure ends it, a success that was overtaken by the failure still counts", async () => {
    const home = await house();
    await addCustomer(home);
    const id = await start(home);
    await handleBindingNotice(home, await notice(home, id, "FAILED"));
    expect(await look(home, id)).toMatchObject({
      state: "failed",
      reason: expect.stringContaining("OVO's page"),
    });
    home.simulator.finishLink(PHONE, "success");
    await handleBindingNotice(home, await notice(home, id, "SUCCESS"));
    expect((await look(home, id)).state).toBe("active");
    await handleBindingNotice(home, await notice(home, id, "FAILED"));
    expect((await look(home, id)).state).toBe("active");
  });

  it("started anew, only the newest counts", async () => {
    const home = await house();
    await addCustomer(home);
    const first = await start(home);
    const second = await start(home);
    expect([(await look(home, first)).state, (await look(home, second)).state]).toEqual([
      "expired",
      "pending",
    ]);
    expect(await activateBinding(home, first)).toEqual({ state: "expired", confirmed: true });
  });

  it("is refused while a wallet is linked", async () => {
    const home = await house();
    await linked(home);
    await expect(start(home)).rejects.toThrow("unbind it first");
  });

  it("one wallet pays for one customer, and the second is told why", async () => {
    const home = await house();
    await linked(home);
    await addCustomer(home, "cust-002");
    const refused = start(home, "cust-002");
    await expect(refused).rejects.toThrow(ConflictError);
    await expect(refused).rejects.toThrow("linked to another customer of yours");
    expect(await home.db.query(`select state from bindings order by state`)).toEqual([
      { state: "active" },
      { state: "failed" },
    ]);
  });

  it.each([
    ["4030715:OVO account blocked temporary", ConflictError, "try again in a day"],
    [
      "4030715:OVO account not available please register to ovo",
      InvalidError,
      "phone: this number has no OVO account",
    ],
    ["4030715:Account Already Registered", ConflictError, "linked already"],
    ["5040700", AwayError, "start linking again"],
    ["4010700", AwayError, "not possible at the moment"],
  ])("refused with %s, it says what to do", async (outcome, kind, says) => {
    const home = await house();
    await addCustomer(home);
    home.simulator.script({ match: { path: "/registration-account-binding" }, outcome, times: 9 });
    const refused = start(home);
    await expect(refused).rejects.toThrow(kind);
    await expect(refused).rejects.toThrow(says);
    expect(await home.db.query(`select state from bindings`)).toEqual([{ state: "failed" }]);
  });

  it("takes only https return addresses, http on loopback", async () => {
    const home = await house();
    await addCustomer(home);
    const post = (success_url: string) =>
      call(home.routes, "POST", "/customers/:reference/bindings", {
        params: { reference: "cust-001" },
        body: { ...URLS, success_url },
      });
    for (const wrong of [
      "http://shop.example/ok",
      "javascript:alert(1)",
      "/ok",
      "http://localhost.evil.example/",
    ]) {
      await expect(post(wrong)).rejects.toThrow(/^success_url: /);
    }
    expect(await post("http://127.0.0.1:3000/ok")).toMatchObject({ state: "pending" });
  });
});

describe("the customer token", () => {
  it("is exchanged once for many callers, then taken from the store", async () => {
    const home = await house();
    const id = await linked(home);
    const before = exchanges(home);
    const answers = await Promise.all([1, 2, 3].map(() => home.customerToken(id)));
    expect(answers.map((answer) => answer.kind === "token" && answer.fresh)).toEqual([false, false, false]);
    expect(exchanges(home)).toBe(before);
    await Promise.all([1, 2, 3].map(() => home.customerToken(id, { force: true })));
    expect(exchanges(home)).toBe(before + 1);
  });

  it("is exchanged by one process while another waits and uses the result", async () => {
    const home = await house();
    const id = await linked(home);
    await home.db.query(`update bindings set customer_token_expires_at = clock_timestamp()`);
    const before = exchanges(home);
    home.simulator.script({ match: { path: EXCHANGE }, outcome: "slow:300" });
    const elsewhere = customerTokens(home);
    const answers = await Promise.all([home.customerToken(id), elsewhere(id)]);
    expect(answers).toMatchObject([{ kind: "token" }, { kind: "token" }]);
    expect(exchanges(home)).toBe(before + 1);
  });

  it("refused, it suspends first and is given up only when it is refused again five minutes later", async () => {
    const home = await house();
    const id = await linked(home);
    home.simulator.unlink(PHONE);
    expect(await home.customerToken(id, { force: true })).toEqual({ kind: "suspended" });
    await laterBy(home, 4);
    expect(await home.customerToken(id)).toEqual({ kind: "suspended" });
    await laterBy(home, 5);
    expect(await home.customerToken(id)).toEqual({ kind: "revoked" });
    expect(await look(home, id)).toMatchObject({
      state: "revoked",
      reason: "unlinked in the OVO app",
      customerToken: null,
    });
    const calls = exchanges(home);
    expect(await home.customerToken(id)).toEqual({ kind: "revoked" });
    expect(exchanges(home)).toBe(calls);
  });

  it("comes back when the next exchange works", async () => {
    const home = await house();
    const id = await linked(home);
    await home.db.query(`update bindings set refresh_token = null, refresh_expires_at = null`);
    refuseExchange(home, 2);
    expect(await home.customerToken(id, { force: true })).toEqual({ kind: "suspended" });
    expect(await home.customerToken(id)).toMatchObject({ kind: "token", fresh: true });
    expect(await look(home, id)).toMatchObject({ state: "active", suspendedAt: null });
  });

  it("refused once and then given, nobody is suspended", async () => {
    const home = await house();
    const id = await linked(home);
    refuseExchange(home, 1);
    expect(await home.customerToken(id, { force: true })).toMatchObject({ kind: "token", fresh: true });
    expect((await look(home, id)).state).toBe("active");
  });

  it("refused because our own keys are refused, no binding is touched", async () => {
    const home = await house();
    const id = await linked(home);
    refuseExchange(home, 9);
    home.simulator.script({
      match: { path: "/authorization/v1/access-token/b2b" },
      outcome: "4017300",
      times: 9,
    });
    expect(await home.customerToken(id, { force: true })).toMatchObject({ kind: "our_mistake" });
    expect((await look(home, id)).state).toBe("active");
  });

  it("many wallets refused within minutes are given up by nobody, and a person is told", async () => {
    const home = await house();
    const id = await linked(home);
    await home.db.query(
      `with made as (
         insert into customers (id, reference, name, phone, phone_index, created_at)
         select gen_random_uuid(), 'c' || n, 'x', 'x', 'x', now() from generate_series(1, 20) n returning id)
       insert into bindings (id, customer_id, phone_index, state, external_id, auth_code, success_url, failed_url,
                             created_at, expires_at, suspended_at)
       select id, id, id, 'suspended', id, 'x', 'https://a', 'https://b', now(), now(), $1::timestamptz from made`,
      [NOON.minus({ minutes: 9 }).toJSDate()],
    );
    home.simulator.unlink(PHONE);
    for (let times = 0; times < 2; times += 1) {
      expect(await home.customerToken(id, { force: true })).toMatchObject({ code: "suspension_breaker" });
    }
    expect((await look(home, id)).state).toBe("active");
    expect(await exceptionsOf(home)).toEqual([{ kind: "suspension_breaker" }]);
  });

  it("is not to be had while the gateway is away, and that says nothing about the binding", async () => {
    const home = await house();
    const id = await linked(home);
    await home.simulator.stop();
    expect(await home.customerToken(id, { force: true })).toMatchObject({ kind: "away" });
    expect((await look(home, id)).state).toBe("active");
    expect(await home.customerToken(id)).toMatchObject({ kind: "token", fresh: false });
  });
});
