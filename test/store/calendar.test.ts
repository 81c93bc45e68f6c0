import { describe, expect, it, test } from "vitest";
import type { DecideTools } from "../../src/invoices/collect-tools.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant, LocalDate } from "../../src/kernel/time.ts";
import type { IntervalUnit } from "../../src/plans/plan.ts";
import { billingPeriod, previewPeriods } from "../../src/subscriptions/billing-period.ts";
import type { Discount } from "../../src/subscriptions/discount.ts";
import { plusDays } from "../../src/subscriptions/local-date.ts";
import { type Billed, beat, liveUntil, openedInvoices, storeBilled, turnTo } from "../support/billing.ts";
import { everyDay } from "../support/plain-policy.ts";
import { at } from "../support/rooms.ts";
import { someTerms } from "../unit/subscription-builders.ts";
import { decideTools } from "./invoice-rows.ts";

const SEED = 20_271_231;
const SUBSCRIPTIONS = 240;
const BEGIN = "2027-11-01";
/** Past a 29 February and two ends of a year. */
const HORIZON = "2029-01-20";
const MIN_CHARGE = 10_000;
const ZONES = ["Asia/Jakarta", "Asia/Tokyo", "America/New_York", "Pacific/Auckland", "Pacific/Apia"];
/** All kinds of steps; few of those that are billed often, for they would be most of the work. */
const STEPS: readonly (readonly [unit: IntervalUnit, count: number, weight: number])[] = [
  ["month", 1, 34],
  ["month", 2, 12],
  ["month", 3, 14],
  ["month", 5, 5],
  ["month", 6, 8],
  ["month", 13, 3],
  ["year", 1, 10],
  ["week", 1, 3],
  ["week", 2, 4],
  ["day", 1, 0.7],
  ["day", 10, 2],
  ["day", 30, 4],
];

/** Numbers from 0 up to 1 that a seed makes again (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

function anyBilled(random: () => number, number: number): Billed {
  const below = (limit: number) => Math.floor(random() * limit);
  const maybe = <Value>(chance: number, value: () => Value): Value | null =>
    random() < chance ? value() : null;
  const [unit, count] = anyStep(random);
  const startOn = plusDays(BEGIN, 1 + below(60));
  const isCalendar = random() < 0.15;
  const trialEndsOn = maybe(0.2, () => plusDays(startOn, 1 + below(60)));
  const terms = someTerms(startOn, unit, {
    count,
    billingDay: isCalendar ? null : maybe(0.4, () => 1 + below(31)),
    trialEndsOn,
    alignment: isCalendar ? "calendar" : "anniversary",
    billingMonth: isCalendar || unit !== "year" ? null : maybe(0.3, () => 1 + below(12)),
    cycles: maybe(0.15, () => 1 + below(12)),
    endsOn: maybe(0.2, () => plusDays(trialEndsOn ?? startOn, 1 + below(420))),
    // Some too small to be charged by themselves.
    amount: rupiah(random() < 0.1 ? 500 + below(9_000) : 10_000 + below(2_000_000)),
  });
  const discounts: Discount[] = [];
  for (let more = 0; more < 2 && random() < 0.3; more += 1) {
    const off =
      random() < 0.5
        ? ({ kind: "percent", percent: 1 + below(100) } as const)
        : ({ kind: "amount", amount: rupiah(1 + below(300_000)) } as const);
    discounts.push({ off, fromIndex: below(3), periods: maybe(0.7, () => 1 + below(4)) });
  }
  const prices = Array.from({ length: below(4) === 0 ? 1 + below(2) : 0 }, (_, later) => ({
    on: plusDays(BEGIN, 90 + 120 * later + below(100)),
    amount: 10_000 + below(2_000_000),
  }));
  return {
    reference: `s-${number}`,
    // Some customers have two or three.
    customer: `c-${number < 40 ? Math.floor(number / 3) : number}`,
    zone: ZONES[number % ZONES.length] ?? "UTC",
    terms,
    discounts,
    prices,
    more: random() < 0.1 ? { credit: rupiah(1 + below(500_000)) } : {},
  };
}

function anyStep(random: () => number): (typeof STEPS)[number] {
  let left = random() * STEPS.reduce((sum, [, , weight]) => sum + weight, 0);
  for (const step of STEPS) {
    left -= step[2];
    if (left < 0) return step;
  }
  return ["month", 1, 1];
}

type Row = readonly [index: number, start: LocalDate, end: LocalDate, amount: number];

/**
 * What the preview says, and what the stated rules make of its amounts: the price of the period's first day, its part,
 * one discount after the other, what was carried over, credit, and nothing below the least that is charged.
 */
function expectedOf({ terms, discounts = [], prices = [], more }: Billed): Row[] {
  const rows: Row[] = [];
  let credit: number = more?.credit ?? 0;
  let rollover = 0;
  for (const { index, start, end, proration } of previewPeriods(terms, 600)) {
    if (start >= HORIZON) break;
    const price = prices.filter(({ on }) => on <= start).at(-1)?.amount ?? terms.amount;
    let due = proration ? halfUp(price * proration.days, proration.of) : price;
    for (const discount of discounts) due -= offOf(discount, index, due);
    due += rollover;
    const used = Math.min(credit, due);
    credit -= used;
    due -= used;
    const isLast = billingPeriod(terms, index + 1) === null;
    rollover = due < MIN_CHARGE && !isLast ? due : 0;
    rows.push([index, start, end, due - rollover]);
  }
  return rows;
}

function offOf({ off, fromIndex, periods }: Discount, index: number, due: number): number {
  if (index < fromIndex || index >= fromIndex + (periods ?? 10_000)) return 0;
  return off.kind === "percent" ? halfUp(due * off.percent, 100) : Math.min(off.amount, due);
}

function halfUp(times: number, by: number): number {
  return Math.floor((2 * times + by) / (2 * by));
}

const WINDOW = "08:00";

async function houseAt(start: Instant, windowFrom: string | null): Promise<DecideTools> {
  const tools = await decideTools();
  await turnTo(tools.db, start);
  const window = windowFrom === null ? null : everyDay({ from: windowFrom, to: "20:00" });
  return { ...tools, minCharge: MIN_CHARGE, policy: { ...tools.policy, window } };
}

describe(`${SUBSCRIPTIONS} seeded subscriptions over more than a year of the real scheduler`, () => {
  it("are billed what the preview says, to the date and the rupiah; periods tile, none twice", {
    timeout: 180_000,
  }, async () => {
    const start = at(`${BEGIN}T00:00:00Z`);
    const tools = await houseAt(start, WINDOW);
    const random = seeded(SEED);
    const all = Array.from({ length: SUBSCRIPTIONS }, (_, number) => anyBilled(random, number));
    await storeBilled(tools.db, all, start, WINDOW);
    // Half a working day late, as a beat may be; still the same day everywhere.
    await liveUntil(tools, at(`${HORIZON}T23:00:00Z`), { hours: 5 });
    const invoices = await openedInvoices(tools.db);
    for (const each of all) {
      const mine = invoices.filter(
        ({ subscription, start }) => subscription === each.reference && start < HORIZON,
      );
      const rows = mine.map(({ index, start, end, amount }): Row => [index, start, end, amount]);
      expect({ each, rows }).toEqual({ each, rows: expectedOf(each) });
      mine.forEach((invoice, place) => {
        expect(invoice.start).toBe(mine[place - 1]?.end ?? each.terms.trialEndsOn ?? each.terms.startOn);
        expect(invoice).toMatchObject({ bills_on: invoice.start, on: invoice.start, lines: invoice.amount });
      });
    }
    expect(invoices.length).toBeGreaterThan(2_500);
    expect(invoices.some(({ amount }) => amount === 0)).toBe(true);
    expect(await tools.db.query(`select kind, says from exceptions where kind = 'parked'`)).toEqual([]);
  });
});

/** A boundary, with the moments at which it wakes: midnight of its day there, and 08:00. By hand, not by our code. */
const BOUNDARIES: readonly (readonly [zone: string, on: LocalDate, midnight: string, window: string])[] = [
  ["Asia/Jakarta", "2027-01-31", "2027-01-30T17:00Z", "2027-01-31T01:00Z"],
  ["Asia/Jakarta", "2027-02-28", "2027-02-27T17:00Z", "2027-02-28T01:00Z"],
  ["Asia/Jakarta", "2028-02-29", "2028-02-28T17:00Z", "2028-02-29T01:00Z"],
  ["Asia/Jakarta", "2028-01-01", "2027-12-31T17:00Z", "2028-01-01T01:00Z"],
  ["Asia/Tokyo", "2027-01-31", "2027-01-30T15:00Z", "2027-01-30T23:00Z"],
  ["Asia/Tokyo", "2028-01-01", "2027-12-31T15:00Z", "2027-12-31T23:00Z"],
  // Clocks go forward on 14 March and back on 7 November, at 2:00.
  ["America/New_York", "2027-03-13", "2027-03-13T05:00Z", "2027-03-13T13:00Z"],
  ["America/New_York", "2027-03-14", "2027-03-14T05:00Z", "2027-03-14T12:00Z"],
  ["America/New_York", "2027-03-15", "2027-03-15T04:00Z", "2027-03-15T12:00Z"],
  ["America/New_York", "2027-11-07", "2027-11-07T04:00Z", "2027-11-07T13:00Z"],
  ["America/New_York", "2027-11-08", "2027-11-08T05:00Z", "2027-11-08T13:00Z"],
  ["America/New_York", "2028-01-01", "2028-01-01T05:00Z", "2028-01-01T13:00Z"],
  // Clocks go back on 4 April and forward on 26 September.
  ["Pacific/Auckland", "2027-04-04", "2027-04-03T11:00Z", "2027-04-03T20:00Z"],
  ["Pacific/Auckland", "2027-04-05", "2027-04-04T12:00Z", "2027-04-04T20:00Z"],
  ["Pacific/Auckland", "2027-09-26", "2027-09-25T12:00Z", "2027-09-25T19:00Z"],
  ["Pacific/Auckland", "2027-09-27", "2027-09-26T11:00Z", "2027-09-26T19:00Z"],
  ["Pacific/Auckland", "2028-01-01", "2027-12-31T11:00Z", "2027-12-31T19:00Z"],
  ["Pacific/Apia", "2027-01-31", "2027-01-30T11:00Z", "2027-01-30T19:00Z"],
  // From ten hours behind to fourteen ahead at the end of 29 December 2011: there was no 30 December.
  ["Pacific/Apia", "2011-12-29", "2011-12-29T10:00Z", "2011-12-29T18:00Z"],
  ["Pacific/Apia", "2011-12-30", "2011-12-30T10:00Z", "2011-12-30T18:00Z"],
  ["Pacific/Apia", "2011-12-31", "2011-12-30T10:00Z", "2011-12-30T18:00Z"],
  ["Pacific/Apia", "2012-01-01", "2011-12-31T10:00Z", "2011-12-31T18:00Z"],
];

/** How far from the boundary a beat is, and whether the invoice is there after it. */
const LOOKS = [
  [{ days: -1 }, 0],
  [{ seconds: -1 }, 0],
  [{ seconds: 0 }, 1],
  [{ seconds: 1 }, 1],
  [{ days: 1 }, 1],
] as const;

describe.each([
  ["at midnight", null],
  ["when the charge window opens", WINDOW],
] as const)("a period is due exactly once, on its day, %s", (_name, windowFrom) => {
  test("not the day before, nor a second before, not again after", async () => {
    const tools = await houseAt(at("2011-12-01T00:00Z"), windowFrom);
    const wakeOf = (boundary: (typeof BOUNDARIES)[number]) => at(boundary[windowFrom === null ? 2 : 3]);
    const nameOf = ([zone, on]: (typeof BOUNDARIES)[number]) => `${zone.split("/")[1]}-${on}`;
    const all = BOUNDARIES.map((boundary): Billed => {
      const [zone, on] = boundary;
      const terms = someTerms(on, "month", { cycles: 1 });
      return { reference: nameOf(boundary), customer: nameOf(boundary), zone, terms };
    });
    await storeBilled(tools.db, all, at("2011-12-01T00:00Z"), windowFrom);
    const looks = BOUNDARIES.flatMap((boundary) =>
      LOOKS.map(([off, count]) => ({ at: wakeOf(boundary).plus(off), name: nameOf(boundary), count })),
    ).sort((a, b) => a.at.toMillis() - b.at.toMillis());
    const seen: unknown[] = [];
    for (const look of looks) {
      await turnTo(tools.db, look.at as Instant);
      await beat(tools);
      await beat(tools);
      const invoices = await openedInvoices(tools.db);
      const count = invoices.filter(({ subscription }) => subscription === look.name).length;
      seen.push({ ...look, count });
    }
    expect(seen).toEqual(looks);
    const invoices = await openedInvoices(tools.db);
    expect(invoices).toHaveLength(BOUNDARIES.length);
    expect(invoices.map(({ subscription, bills_on }) => subscription.endsWith(bills_on))).not.toContain(
      false,
    );
  });

  test("in Apia, where 30 December 2011 did not exist, a daily plan and one of three months lose no period", async () => {
    const start = at("2011-12-27T00:00Z");
    const tools = await houseAt(start, windowFrom);
    const zone = "Pacific/Apia";
    const daily = {
      reference: "daily",
      customer: "c-1",
      zone,
      terms: someTerms("2011-12-28", "day", { cycles: 6 }),
    };
    const terms = someTerms("2011-09-30", "month", { count: 3, cycles: 3 });
    const quarter = { reference: "quarter", customer: "c-2", zone, terms, nextIndex: 1 };
    await storeBilled(tools.db, [daily, quarter], start, windowFrom);
    await liveUntil(tools, at("2012-04-05T00:00Z"));
    const says = (await openedInvoices(tools.db)).map(
      ({ subscription, start, on }) => `${subscription} ${start} on ${on}`,
    );
    expect(says.sort()).toEqual([
      "daily 2011-12-28 on 2011-12-28",
      "daily 2011-12-29 on 2011-12-29",
      "daily 2011-12-30 on 2011-12-31",
      "daily 2011-12-31 on 2011-12-31",
      "daily 2012-01-01 on 2012-01-01",
      "daily 2012-01-02 on 2012-01-02",
      "quarter 2011-12-30 on 2011-12-31",
      "quarter 2012-03-30 on 2012-03-30",
    ]);
  });
});
