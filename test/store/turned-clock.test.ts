import { describe, expect, test } from "vitest";
import { ConflictError } from "../../src/kernel/errors.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { readTurnedClock, turnedClock } from "../../src/platform/clock.ts";
import { until } from "../../src/platform/timer.ts";
import {
  type Companion,
  stepWhenIdle,
  type TurnTools,
  turnClock,
} from "../../src/scheduler/turn-clock.flow.ts";
import { NOON, type RoomsDatabase, storeSubscription } from "../support/rooms.ts";
import { emptyDatabase, moveClock, storeAttempt, storeInvoice } from "./invoice-rows.ts";

const TOMORROW = NOON.plus({ days: 1 });
const LEASE = `update invoices set leased_until = clock_timestamp() + interval '1 hour', lease_no = 1`;
const GIVE_BACK = `update invoices set leased_until = null`;

function tools(db: RoomsDatabase, patienceMs = 20_000, bells: () => number = () => 0): TurnTools {
  return { db, countBells: async () => bells(), patienceMs };
}

const toTomorrow = () => TOMORROW;
const now = (db: RoomsDatabase) => db.begin((tx) => readTurnedClock(tx));

describe("the turned clock", () => {
  test("stands still between two looks and begins at the real time", async () => {
    const db = await emptyDatabase();
    expect(await now(db)).toBeNull();
    const first = await db.begin((tx) => turnedClock.now(tx));
    expect(Math.abs(first.toMillis() - Date.now())).toBeLessThan(60_000);
    expect(await db.begin((tx) => turnedClock.now(tx))).toEqual(first);
  });

  test("is one row, and may be set back", async () => {
    const db = await emptyDatabase();
    await moveClock(db, NOON);
    await expect(db.query(`insert into clock (id, at) values (2, now())`)).rejects.toThrow(
      /clock_is_one_row/,
    );
    const yesterday = NOON.minus({ days: 1 }) as Instant;
    expect(await turnClock(tools(db), () => yesterday, NOON)).toEqual(yesterday);
    expect(await now(db)).toEqual(yesterday);
  });

  test("is turned from the time given when it was never set", async () => {
    const db = await emptyDatabase();
    expect(await turnClock(tools(db), (at) => at.plus({ hours: 2 }), NOON)).toEqual(NOON.plus({ hours: 2 }));
  });

  test("waits for a lease, and moves as soon as it is given back", async () => {
    const db = await emptyDatabase();
    await moveClock(db, NOON);
    await storeInvoice(db);
    await db.query(LEASE);
    let looks = 0;
    const counted = tools(db, 20_000, () => {
      looks += 1;
      return 0;
    });
    const turning = settledOf(turnClock(counted, toTomorrow, NOON));
    await until("it has looked, and looked again", 10_000, async () => looks >= 3);
    expect(turning.settled()).toBe(false);
    expect(await now(db)).toEqual(NOON);
    await db.query(GIVE_BACK);
    expect(await turning.promise).toEqual(TOMORROW);
    expect(await now(db)).toEqual(TOMORROW);
  });

  test("gives up after its patience, names the lease and stays where it is", async () => {
    const db = await emptyDatabase();
    await moveClock(db, NOON);
    const id = await storeInvoice(db);
    await db.query(LEASE);
    const turning = turnClock(tools(db, 50), toTomorrow, NOON);
    await expect(turning).rejects.toThrow(ConflictError);
    await expect(turning).rejects.toThrow(`the clock stands still: lease of invoice ${id} until `);
    expect(await now(db)).toEqual(NOON);
  });

  test("does not wait for doubt without a lease, nor for a lease or a call that is over", async () => {
    const db = await emptyDatabase();
    await moveClock(db, NOON);
    const id = await storeInvoice(db);
    await storeAttempt(db, id, { state: "unknown" });
    await db.query(`update invoices set leased_until = clock_timestamp() - interval '1 second'`);
    await db.query(
      `insert into wire_calls (id, what, ends_by) values (gen_random_uuid(), 'balance', clock_timestamp())`,
    );
    expect(await turnClock(tools(db, 0), toTomorrow, NOON)).toEqual(TOMORROW);
  });

  test("names every kind of work it waits for", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await db.query(LEASE);
    const later = `clock_timestamp() + interval '1 minute'`;
    await db.query(
      `insert into wire_calls (id, what, ends_by) values (gen_random_uuid(), 'exchange', ${later})`,
    );
    await db.query(DELIVERY);
    const error = await turnClock(
      tools(db, 0, () => 3),
      toTomorrow,
      NOON,
    ).catch((thrown: unknown) => thrown as ConflictError);
    expect(error).toHaveProperty("details.blocking", [
      "3 bells wait or ring",
      expect.stringContaining(`lease of invoice ${id} until `),
      expect.stringMatching(/^delivery \d+ is not handled$/),
      "exchange is on the wire",
    ]);
  });

  test("is moved once by each of two steppers, one after the other", async () => {
    const db = await emptyDatabase();
    await moveClock(db, NOON);
    const hourOn = (at: Instant) => at.plus({ hours: 1 });
    const both = await Promise.all([1, 2].map(() => turnClock(tools(db), hourOn, NOON)));
    expect(both.map((at) => at.toISO()).sort()).toEqual([1, 2].map((hours) => NOON.plus({ hours }).toISO()));
    expect(await now(db)).toEqual(NOON.plus({ hours: 2 }));
  });
});

describe("an idle step", () => {
  test("of two steppers at once is taken by one: the other finds that something is due", async () => {
    const db = await emptyDatabase();
    await moveClock(db, NOON);
    await storeInvoice(db, "s-1", { nextActionAt: TOMORROW });
    await db.query(`update subscriptions set next_invoice_at = null, state = 'past_due'`);
    const companion = nothingPlanned();
    const steps = await Promise.all([1, 2].map(() => stepWhenIdle(tools(db), companion, TOMORROW)));
    expect(steps.map(({ kind }) => kind).sort()).toEqual(["busy", "moved"]);
    expect(await now(db)).toEqual(TOMORROW);
    expect(companion.moves).toEqual([TOMORROW]);
  });

  test("goes to whatever comes first: an invoice, a period, a binding's end or the gateway's event", async () => {
    const db = await emptyDatabase();
    await moveClock(db, NOON);
    await storeSubscription(db, "s-1", { state: "active", nextInvoiceAt: NOON.plus({ hours: 3 }) });
    await storeInvoice(db, "s-2", { nextActionAt: NOON.plus({ hours: 2 }) });
    await db.query(`update subscriptions set next_invoice_at = $1 where reference = 's-2'`, [
      TOMORROW.toJSDate(),
    ]);
    const event = NOON.plus({ hours: 1 });
    const step = (companion: Companion) => stepWhenIdle(tools(db), companion, TOMORROW);
    expect(await step(nothingPlanned(event))).toEqual({ kind: "moved", at: event });
    expect(await step(nothingPlanned())).toEqual({ kind: "moved", at: NOON.plus({ hours: 2 }) });
    expect(await step(nothingPlanned())).toEqual({ kind: "busy" });
    await db.query(`update invoices set next_action_at = null, waiting_for = 'person'`);
    expect(await step(nothingPlanned())).toEqual({ kind: "moved", at: NOON.plus({ hours: 3 }) });
  });

  test("that dies in its middle leaves the clock where it was and no lock behind: the next one makes it", async () => {
    const db = await emptyDatabase();
    await moveClock(db, NOON);
    await storeInvoice(db, "s-1", { nextActionAt: TOMORROW });
    await db.query(`update subscriptions set next_invoice_at = null, state = 'past_due'`);
    const dying = {
      ...nothingPlanned(),
      moveTo: async () => {
        throw new Error("killed");
      },
    };
    await expect(stepWhenIdle(tools(db), dying, TOMORROW)).rejects.toThrow("killed");
    expect(await now(db)).toEqual(NOON);
    expect(await stepWhenIdle(tools(db), nothingPlanned(), TOMORROW)).toEqual({
      kind: "moved",
      at: TOMORROW,
    });
  });

  test("does not pass its limit, and says that nothing is planned before it", async () => {
    const db = await emptyDatabase();
    await moveClock(db, NOON);
    await storeInvoice(db, "s-1", { nextActionAt: TOMORROW });
    await db.query(`update subscriptions set next_invoice_at = null, state = 'past_due'`);
    const early = TOMORROW.minus({ milliseconds: 1 }) as Instant;
    expect(await stepWhenIdle(tools(db), nothingPlanned(), early)).toEqual({ kind: "quiet" });
    expect(await now(db)).toEqual(NOON);
  });

  test("is not taken while bells wait, work is leased or the gateway delivers", async () => {
    const db = await emptyDatabase();
    await moveClock(db, NOON);
    await storeInvoice(db, "s-1", { nextActionAt: TOMORROW });
    const busy = { ...nothingPlanned(), busy: async () => true };
    const bells = tools(db, 0, () => 1);
    expect(await stepWhenIdle(tools(db), busy, TOMORROW)).toEqual({ kind: "busy" });
    expect(await stepWhenIdle(bells, nothingPlanned(), TOMORROW)).toEqual({ kind: "busy" });
    await db.query(LEASE);
    expect(await stepWhenIdle(tools(db), nothingPlanned(), TOMORROW)).toEqual({ kind: "busy" });
    expect(await now(db)).toEqual(NOON);
  });
});

function nothingPlanned(event: Instant | null = null): Companion & { readonly moves: Instant[] } {
  const moves: Instant[] = [];
  return {
    moves,
    nextEventAt: async () => event,
    busy: async () => false,
    moveTo: async (at) => void moves.push(at),
  };
}

function settledOf<T>(promise: Promise<T>) {
  let settled = false;
  const end = () => {
    settled = true;
  };
  promise.then(end, end);
  return { promise, settled: () => settled };
}

const DELIVERY = `insert into inbox (kind, external_id, body, body_hash, signature_form, at)
  values ('payment', '1', '{}', 'hash', 'raw', now())`;
