import { describe, expect, test } from "vitest";
import { findStops, liftStop, type StopScope, saveStop } from "../../src/invoices/stop.store.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { NOON, type RoomsDatabase, storeBinding } from "../support/rooms.ts";
import {
  activeSubscription,
  broken,
  emptyDatabase,
  expectBroken,
  factsOf,
  storeInvoice,
} from "./invoice-rows.ts";

describe("a stop", () => {
  test("is one a target: another order for the same target takes its place", async () => {
    const db = await emptyDatabase();
    await stop(db, "all", "", { reason: "first" });
    await stop(db, "all", "", { reason: "second", endsAt: NOON.plus({ hours: 1 }) });
    await stop(db, "plan", "pro");
    expect(await inForce(db)).toEqual(["all : second", "plan pro: for a test"]);
    const again = `insert into stops (scope, target, reason, set_by, set_at) values ('plan', 'pro', 'x', 'x', now())`;
    await expectBroken(db, [
      ["stops_one_per_target", again],
      ["stops_scope_known", `update stops set scope = 'some'`],
    ]);
  });

  test("ends by itself at its time, not before", async () => {
    const db = await emptyDatabase();
    await stop(db, "all", "", { endsAt: NOON.plus({ hours: 1 }) });
    expect(await inForce(db, NOON.plus({ minutes: 59 }))).toHaveLength(1);
    expect(await inForce(db, NOON.plus({ hours: 1 }))).toEqual([]);
  });

  test("is lifted once, and may then be set anew", async () => {
    const db = await emptyDatabase();
    await stop(db, "customer", "budi");
    const [row] = await db.begin((tx) => findStops(tx, NOON));
    const lift = () => db.begin((tx) => liftStop(tx, row?.id ?? "", NOON));
    expect([await lift(), await lift()]).toEqual([true, false]);
    expect(await inForce(db)).toEqual([]);
    await stop(db, "customer", "budi");
    expect(await inForce(db)).toHaveLength(1);
    expect(await broken(db, `update stops set lifted_at = null`)).toBe("stops_one_per_target");
  });
});

describe("what a decision sees", () => {
  test.each(["all", "plan", "customer", "invoice"] as const)(
    "of a stop for its own %s, and of none for another's",
    async (scope) => {
      const db = await emptyDatabase();
      const [own, other] = [await storeInvoice(db, "s-1"), await storeInvoice(db, "s-2")];
      const targets = { all: "", plan: "plan-of-s-1", customer: "customer-of-s-1", invoice: own };
      await stop(db, scope, targets[scope]);
      const told = { reason: "for a test", endsAt: null };
      expect((await factsOf(db, own)).stop).toEqual(told);
      expect((await factsOf(db, other)).stop).toEqual(scope === "all" ? told : null);
    },
  );

  test("of subscription, customer and live binding", async () => {
    const db = await emptyDatabase();
    const of = await activeSubscription(db, "s-1");
    const id = await storeInvoice(db, "s-1", { of });
    await storeBinding(db, of, "revoked");
    expect(await factsOf(db, id)).toMatchObject({
      attempts: [],
      subscription: { state: "active", collectionHold: false, reference: "s-1", planName: "Pro" },
      customerReference: "customer-of-s-1",
      binding: null,
      stop: null,
    });
    const binding = await storeBinding(db, of);
    await db.query(
      `update subscriptions set collection_hold = true, hold_owner = 'finance', hold_reason = 'asked'`,
    );
    expect(await factsOf(db, id)).toMatchObject({
      subscription: { collectionHold: true },
      binding: { id: binding, state: "active" },
    });
  });
});

async function stop(
  db: RoomsDatabase,
  scope: StopScope,
  target: string,
  {
    reason = "for a test",
    endsAt = null,
  }: { readonly reason?: string; readonly endsAt?: Instant | null } = {},
): Promise<void> {
  await db.begin((tx) => saveStop(tx, { scope, target, reason, endsAt, setBy: "sari", at: NOON }));
}

async function inForce(db: RoomsDatabase, now: Instant = NOON): Promise<string[]> {
  const stops = await db.begin((tx) => findStops(tx, now));
  return stops.map(({ scope, target, reason }) => `${scope} ${target}: ${reason}`);
}
