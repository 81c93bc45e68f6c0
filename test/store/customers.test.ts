import { createSecretKey, randomBytes } from "node:crypto";
import { describe, expect, it, test } from "vitest";
import {
  bindingById,
  currentBindingsOf,
  expirePendingBindings,
  failBinding,
  liveBindingOf,
  lockBinding,
  supersedePendingBindings,
} from "../../src/customers/binding.store.ts";
import {
  afterRefusal,
  type Binding,
  isFinishable,
  SUPERSEDED,
  suspensionBreakerIsOpen,
  tokenIsUsable,
} from "../../src/customers/binding.ts";
import { customerRoutes } from "../../src/customers/customer.routes.ts";
import { customerByReference, listCustomers } from "../../src/customers/customer.store.ts";
import { phoneContext } from "../../src/customers/customer.ts";
import {
  activateWithToken,
  leaseExchanges,
  releaseExchanges,
  revokeBinding,
  type SealedToken,
  saveTokens,
  suspendBinding,
} from "../../src/customers/token.store.ts";
import { ConflictError, NotFoundError } from "../../src/kernel/errors.ts";
import type { BindingId } from "../../src/kernel/ids.ts";
import { setTurnedClock, turnedClock } from "../../src/platform/clock.ts";
import type { Tx } from "../../src/platform/database.ts";
import { randomUuid } from "../../src/platform/random.ts";
import { sealer } from "../../src/platform/secrets.ts";
import { call } from "../support/call-route.ts";
import { NOON, roomsDatabase, storeBinding, storeCustomer } from "../support/rooms.ts";

const TOKEN = {
  token: "sealed token",
  at: NOON,
  expiresAt: NOON.plus({ days: 15 }),
  refreshToken: null,
  refreshExpiresAt: null,
};

async function routes() {
  const db = await roomsDatabase();
  await db.begin((tx) => setTurnedClock(tx, NOON));
  const safe = sealer([{ id: "k1", key: createSecretKey(randomBytes(32)) }]);
  return {
    db,
    safe,
    routes: customerRoutes({ db, clock: turnedClock, sealer: safe, whyNeeded: async () => null }),
  };
}

const BUDI = { reference: "cust-001", name: "Budi", phone: "0812-3456-7890", email: "budi@example.com" };

describe("customers over the API", () => {
  it("show a masked phone, store a sealed one, and the same phone has the same index", async () => {
    const house = await routes();
    const made = await call(house.routes, "POST", "/customers", { body: BUDI });
    expect(made).toMatchObject({
      reference: "cust-001",
      phone: "+62812****890",
      email: "budi@example.com",
      binding: null,
    });
    await call(house.routes, "POST", "/customers", {
      body: { ...BUDI, reference: "cust-002", phone: "+6281234567890" },
    });
    const [first, second] = await house.db.begin((tx) => listCustomers(tx, null, 2));
    expect(first?.phone).not.toContain("81234567890");
    expect(first?.phoneIndex).toBe(second?.phoneIndex);
    expect(first && house.safe.open(first.phone, phoneContext(first.id))).toBe("6281234567890");
  });

  test.each([
    ["a landline", { phone: "02112345678" }, /^phone: /],
    ["a reference with a slash", { reference: "a/b" }, /^reference: /],
    ["no name", { name: "  " }, /^name: /],
    ["an e-mail that is none", { email: "budi" }, /^email: /],
  ])("refuse %s by name", async (_name, wrong, says) => {
    const house = await routes();
    await expect(call(house.routes, "POST", "/customers", { body: { ...BUDI, ...wrong } })).rejects.toThrow(
      says,
    );
  });

  it("refuse a taken reference", async () => {
    const house = await routes();
    await call(house.routes, "POST", "/customers", { body: BUDI });
    await expect(call(house.routes, "POST", "/customers", { body: BUDI })).rejects.toThrow(ConflictError);
  });

  it("change what is given and keep the rest; null takes the e-mail away", async () => {
    const house = await routes();
    await call(house.routes, "POST", "/customers", { body: BUDI });
    const change = (body: object) =>
      call(house.routes, "PATCH", "/customers/:reference", { params: { reference: "cust-001" }, body });
    expect(await change({ name: " Budi S. " })).toMatchObject({ name: "Budi S.", email: BUDI.email });
    expect(await change({ email: null })).toMatchObject({ name: "Budi S.", email: null });
    expect(await change({ phone: "081299990000" })).toMatchObject({ phone: "+62812****000" });
    const [stored] = await house.db.begin((tx) => listCustomers(tx, null, 1));
    expect(stored && house.safe.open(stored.phone, phoneContext(stored.id))).toBe("6281299990000");
    expect(stored?.phoneIndex).toBe(house.safe.blindIndex("6281299990000"));
    await expect(change({ phone: "12" })).rejects.toThrow(/^phone: /);
    await expect(change({ name: "  " })).rejects.toThrow(/^name: /);
    await expect(change({ reference: "other" })).rejects.toThrow(/reference/);
    expect(await change({})).toMatchObject({ name: "Budi S.", phone: "+62812****000" });
  });

  it("keep their number while a wallet is linked under it; another number ends a linking that has only begun", async () => {
    const house = await routes();
    await call(house.routes, "POST", "/customers", { body: BUDI });
    const { id: customerId } = await house.db.begin((tx) => customerByReference(tx, "cust-001"));
    const change = (body: object) =>
      call(house.routes, "PATCH", "/customers/:reference", { params: { reference: "cust-001" }, body });
    const pending = await storeBinding(house.db, { customerId }, "pending");
    const same = await change({ phone: "+62 812-3456-7890" });
    expect(same).toMatchObject({ binding: { id: pending, state: "pending" } });
    expect(await change({ phone: "081299990000" })).toMatchObject({
      binding: { id: pending, state: "expired" },
    });
    await storeBinding(house.db, { customerId });
    await expect(change({ phone: BUDI.phone })).rejects.toThrow(ConflictError);
    await expect(change({ phone: BUDI.phone })).rejects.toThrow(/^phone: a wallet is linked/);
    expect(await change({ name: "Ani" })).toMatchObject({ name: "Ani", binding: { state: "active" } });
  });

  it("are listed by reference with the binding that counts", async () => {
    const house = await routes();
    for (const reference of ["c", "a", "b"])
      await call(house.routes, "POST", "/customers", { body: { ...BUDI, reference } });
    const { id: customerId } = await house.db.begin((tx) => customerByReference(tx, "a"));
    const id = await storeBinding(house.db, { customerId });
    await storeBinding(house.db, { customerId }, "pending");
    const first = await call(house.routes, "GET", "/customers", { query: { limit: "2" } });
    expect(first["data"]).toMatchObject([
      { reference: "a", binding: { id, state: "active" } },
      { reference: "b", binding: null },
    ]);
    const second = await call(house.routes, "GET", "/customers", { query: { cursor: first["next_cursor"] } });
    expect(second).toMatchObject({ data: [{ reference: "c" }], next_cursor: null });
    const one = call(house.routes, "GET", "/customers/:reference", { params: { reference: "x" } });
    await expect(one).rejects.toThrow(NotFoundError);
  });
});

describe("bindings in the database", () => {
  async function ready() {
    const db = await roomsDatabase();
    const customer = await storeCustomer(db);
    return { db, customer, of: { customerId: customer.id } };
  }
  const stateOf = async (db: Awaited<ReturnType<typeof ready>>["db"], id: BindingId) =>
    (await db.begin((tx) => bindingById(tx, id))).state;

  it("a customer has one live wallet", async () => {
    const { db, of } = await ready();
    await storeBinding(db, of, "suspended");
    await expect(storeBinding(db, { ...of, phoneIndex: "other" })).rejects.toThrow(
      "bindings_one_live_per_customer",
    );
  });

  it("a wallet has one live customer", async () => {
    const { db, of } = await ready();
    const other = await storeCustomer(db, "cust-002");
    await storeBinding(db, { ...of, phoneIndex: "same" });
    await expect(storeBinding(db, { customerId: other.id, phoneIndex: "same" })).rejects.toThrow(
      "bindings_one_live_per_phone",
    );
    for (const state of ["pending", "revoked", "failed", "expired"] as const) {
      await storeBinding(db, { customerId: other.id, phoneIndex: "same" }, state);
    }
  });

  test.each([
    ["bindings_state_known", `state = 'resting'`],
    ["bindings_live_has_authorisation", `auth_code = null`],
    ["bindings_ended_says_why", `state = 'revoked'`],
  ])("%s is held", async (constraint, wrong) => {
    const { db, of } = await ready();
    await storeBinding(db, of);
    await expect(db.query(`update bindings set ${wrong}`)).rejects.toThrow(constraint);
  });

  it("one call begins one binding", async () => {
    const { db, of } = await ready();
    await storeBinding(db, of, "pending");
    await storeBinding(db, of, "pending");
    await expect(db.query(`update bindings set external_id = '1'`)).rejects.toThrow(
      "bindings_external_id_unique",
    );
  });

  it("a customer's reference fits the wire", async () => {
    const { db } = await ready();
    await expect(storeCustomer(db, "x".repeat(65))).rejects.toThrow("customers_reference_fits_the_wire");
  });

  it("what is not finished in half an hour expires, page by page, and nothing else does", async () => {
    const { db, of } = await ready();
    const pending = [await storeBinding(db, of, "pending"), await storeBinding(db, of, "pending")];
    const active = await storeBinding(db, of);
    const expire = (minutes: number) =>
      db.begin((tx) => expirePendingBindings(tx, NOON.plus({ minutes }), 1));
    expect(await expire(29)).toBe(0);
    expect([await expire(30), await expire(30), await expire(30)]).toEqual([1, 1, 0]);
    for (const id of pending) expect(await stateOf(db, id)).toBe("expired");
    expect(await stateOf(db, active)).toBe("active");
  });

  it("one that was begun anew can be neither failed nor finished, only looked at", async () => {
    const { db, of } = await ready();
    const id = await storeBinding(db, of, "pending");
    await db.begin((tx) => supersedePendingBindings(tx, of.customerId, NOON));
    await db.begin((tx) => failBinding(tx, id, { reason: "late news", at: NOON }));
    const binding = await db.begin((tx) => lockBinding(tx, id));
    expect(binding).toMatchObject({ state: "expired", reason: SUPERSEDED });
    expect(isFinishable(binding)).toBe(false);
  });

  it("a live one is never failed by late news", async () => {
    const { db, of } = await ready();
    const id = await storeBinding(db, of);
    await db.begin((tx) => failBinding(tx, id, { reason: "late news", at: NOON }));
    expect(await stateOf(db, id)).toBe("active");
  });

  it("the one that counts is the live one, else the pending one, else the newest", async () => {
    const { db, of } = await ready();
    const current = async () =>
      (await db.begin((tx) => currentBindingsOf(tx, [of.customerId]))).get(of.customerId)?.id;
    const failed = await storeBinding(db, of, "failed");
    expect(await current()).toBe(failed);
    const pending = await storeBinding(db, of, "pending");
    expect(await current()).toBe(pending);
    const live = await storeBinding(db, of);
    expect(await current()).toBe(live);
    expect((await db.begin((tx) => liveBindingOf(tx, of.customerId)))?.id).toBe(live);
  });

  it("the first token activates, a later one ends a suspension, and none brings back what was revoked", async () => {
    const { db, of } = await ready();
    const id = await storeBinding(db, of, "pending");
    const save = async (tx: Tx, token: SealedToken) => (await saveTokens(tx, new Map([[id, token]]))).has(id);
    expect(await db.begin((tx) => save(tx, TOKEN))).toBe(false);
    expect(await db.begin((tx) => activateWithToken(tx, id, TOKEN, NOON))).toBe(true);
    await db.begin((tx) => suspendBinding(tx, id, NOON));
    expect(await db.begin((tx) => save(tx, { ...TOKEN, refreshToken: "refresh" }))).toBe(true);
    expect(await db.begin((tx) => save(tx, TOKEN))).toBe(true);
    expect(await db.begin((tx) => bindingById(tx, id))).toMatchObject({
      state: "active",
      suspendedAt: null,
      customerToken: "sealed token",
      refreshToken: "refresh",
    });
    await db.begin((tx) => revokeBinding(tx, id, { reason: "unlinked in the OVO app", at: NOON }));
    expect(await db.begin((tx) => save(tx, TOKEN))).toBe(false);
    expect(await db.begin((tx) => activateWithToken(tx, id, TOKEN, NOON))).toBe(false);
    expect(await db.begin((tx) => bindingById(tx, id))).toMatchObject({
      state: "revoked",
      customerToken: null,
    });
  });

  it("the right to exchange is one process's until it is given back or runs out", async () => {
    const { db, of } = await ready();
    const id = await storeBinding(db, of);
    const lease = async () => (await db.begin((tx) => leaseExchanges(tx, [id]))).has(id);
    expect([await lease(), await lease()]).toEqual([true, false]);
    await db.begin((tx) => releaseExchanges(tx, [id]));
    expect(await lease()).toBe(true);
    await db.query(`update bindings set exchange_leased_until = clock_timestamp()`);
    expect(await lease()).toBe(true);
  });

  it("an unknown one is not found", async () => {
    const { db } = await ready();
    await expect(db.begin((tx) => bindingById(tx, randomUuid() as BindingId))).rejects.toThrow(NotFoundError);
  });
});

describe("a stored customer token", () => {
  const held = {
    state: "active",
    customerToken: "sealed",
    customerTokenAt: NOON,
    customerTokenExpiresAt: NOON.plus({ days: 15 }),
  } as Binding;
  test.each<[string, Partial<Binding>, number, boolean]>([
    ["is used while it is young", {}, 3_600, true],
    ["is exchanged after a day, to learn of an unlinked wallet", {}, 86_400, false],
    ["is used just before that", {}, 86_399, true],
    [
      "is exchanged a minute before it ends",
      { customerTokenExpiresAt: NOON.plus({ seconds: 100 }) },
      41,
      false,
    ],
    ["is used before that", { customerTokenExpiresAt: NOON.plus({ seconds: 100 }) }, 40, true],
    ["is not used again when its end is unreadable", { customerTokenExpiresAt: null }, 0, false],
    ["is not used while the binding is suspended", { state: "suspended" }, 0, false],
  ])("%s", (_name, more, seconds, usable) => {
    expect(tokenIsUsable({ ...held, ...more }, NOON.plus({ seconds }))).toBe(usable);
  });
});

describe("a refused exchange", () => {
  test.each([
    ["suspends an active binding", { state: "active", suspendedAt: null }, 0, "suspend"],
    ["changes nothing within five minutes", { state: "suspended", suspendedAt: NOON }, 299, "wait"],
    ["revokes after five minutes", { state: "suspended", suspendedAt: NOON }, 300, "revoke"],
  ] as const)("%s", (_name, binding, seconds, verdict) => {
    expect(afterRefusal(binding, NOON.plus({ seconds }))).toBe(verdict);
  });

  test.each([
    [19, 0, false],
    [20, 0, true],
    [20, 380, false],
    [20, 379, true],
    [400, 50_000, false],
  ])("%i suspended beside %i active: the breaker is open: %s", (suspended, active, open) => {
    expect(suspensionBreakerIsOpen(suspended, active)).toBe(open);
  });
});
