import { describe, expect, test } from "vitest";
import { sharedPermits } from "../../src/platform/permits.ts";
import { until } from "../../src/platform/timer.ts";
import type { RoomsDatabase } from "../support/rooms.ts";
import { emptyDatabase } from "./invoice-rows.ts";

describe("permits", () => {
  test("are granted up to a burst, and then as many as the time that passed brings", async () => {
    const { db, permits } = await bucket(50);
    await refill(db, 10);
    const startedMs = performance.now();
    expect(await permits.take(30)).toBe(30);
    const rest = await permits.take(1_000);
    expect(rest).toBeGreaterThanOrEqual(20);
    expect(rest).toBeLessThanOrEqual(20 + grownSince(startedMs, 50));
    await refill(db, 0.5);
    const half = await permits.take(1_000);
    expect(half).toBeGreaterThanOrEqual(25);
    expect(half).toBeLessThanOrEqual(50);
  });

  test("are whole: none is granted before one has grown", async () => {
    const { db, permits } = await bucket(1);
    await db.query(
      `update rate_bucket set permits = 0.4, refilled_at = clock_timestamp() + interval '1 hour'`,
    );
    expect(await permits.take(3)).toBe(0);
    await db.query(
      `update rate_bucket set permits = 2.9, refilled_at = clock_timestamp() + interval '1 hour'`,
    );
    expect(await permits.take(3)).toBe(2);
  });

  test("never go below zero nor above a burst, also when more come back than were taken", async () => {
    const { db, permits } = await bucket(10);
    await freeze(db, 10);
    await permits.giveBack(500);
    await permits.giveBack(0);
    await permits.giveBack(-3);
    await freeze(db);
    expect(await permits.take(1_000)).toBe(10);
    await freeze(db);
    expect(await permits.take(1)).toBe(0);
    await permits.giveBack(4);
    await freeze(db);
    expect(await permits.take(1_000)).toBe(4);
  });

  test("taken by many at once are never more than there are", async () => {
    const { db, permits } = await bucket(100);
    await freeze(db, 100);
    const startedMs = performance.now();
    const granted = await Promise.all(Array.from({ length: 60 }, () => permits.take(3)));
    const sum = granted.reduce((all, count) => all + count, 0);
    expect(sum).toBeGreaterThanOrEqual(100);
    expect(sum).toBeLessThanOrEqual(100 + grownSince(startedMs, 100));
  });

  test("at one a second still let a whole collection through: token, balance and payment", async () => {
    const { db, permits } = await bucket(1);
    await refill(db, 60);
    expect(await permits.take(3)).toBe(3);
  });

  test("are held back while the gateway wants silence; a shorter silence does not end a longer one", async () => {
    const { db, permits } = await bucket(100);
    await refill(db, 10);
    await permits.block(3_600_000);
    await permits.block(1);
    expect(await permits.take(3)).toBe(0);
    await db.query(`update rate_bucket set blocked_until = clock_timestamp() - interval '1 second'`);
    await refill(db, 10);
    expect(await permits.take(3)).toBe(3);
  });

  test("begin to grow when the silence is over: it does not end with a burst", async () => {
    const { db, permits } = await bucket(20);
    await refill(db, 10);
    await permits.block(250);
    expect(await permits.take(3)).toBe(0);
    const silence = `select clock_timestamp() > blocked_until as over,
                            extract(epoch from clock_timestamp() - blocked_until)::float8 as since from rate_bucket`;
    await until("the silence is over", 10_000, async () => (await db.query(silence))[0]?.["over"] === true);
    const granted = await permits.take(1_000);
    const [row] = await db.query<{ since: number }>(silence);
    expect(granted).toBeLessThanOrEqual(20 * (row?.since ?? 0));
  });
});

/** How many may have grown meanwhile, at most. */
function grownSince(startedMs: number, perSecond: number): number {
  return ((performance.now() - startedMs) / 1_000) * perSecond;
}

async function bucket(perSecond: number) {
  const db = await emptyDatabase();
  await db.query(`update rate_bucket set permits = 0, refilled_at = clock_timestamp(), blocked_until = null`);
  return { db, permits: sharedPermits(db, perSecond) };
}

/** As if nothing had been asked for some seconds. */
async function refill(db: RoomsDatabase, seconds: number): Promise<void> {
  await db.query(
    `update rate_bucket set permits = 0, refilled_at = clock_timestamp() - $1 * interval '1 second'`,
    [seconds],
  );
}

/** Nothing grows while this test runs, however slow the machine is. */
async function freeze(db: RoomsDatabase, permits?: number): Promise<void> {
  await db.query(
    `update rate_bucket
        set permits = coalesce($1::double precision, permits), refilled_at = clock_timestamp() + interval '1 hour'`,
    [permits ?? null],
  );
}
