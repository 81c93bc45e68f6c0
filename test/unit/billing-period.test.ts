import fc from "fast-check";
import { DateTime } from "luxon";
import { describe, expect, it, test } from "vitest";
import { rupiah } from "../../src/kernel/money.ts";
import type { IntervalUnit } from "../../src/plans/plan.ts";
import {
  billingPeriod,
  periodOn,
  previewPeriods,
  type Terms,
} from "../../src/subscriptions/billing-period.ts";
import { clampedDate, daysBetween, plusDays } from "../../src/subscriptions/local-date.ts";
import { prorate } from "../../src/subscriptions/proration.ts";
import { wakeAt } from "../../src/subscriptions/wake-at.ts";

function terms(startOn: string, unit: IntervalUnit, more: Partial<Terms> & { count?: number } = {}): Terms {
  const { count = 1, ...rest } = more;
  const open = { billingDay: null, trialEndsOn: null, endsOn: null, cycles: null, amount: rupiah(99_000) };
  return { startOn, interval: { unit, count }, ...open, ...rest };
}

/** Start dates of the first periods, then the end of the last. */
function boundaries(of: Terms, count: number): string {
  const rows = previewPeriods(of, count);
  return [...rows.map((row) => row.start), rows.at(-1)?.end].join(" ");
}

describe("boundaries clamp to short months and come back", () => {
  const month = (start: string, more = {}) => terms(start, "month", more);
  const year = (start: string, more = {}) => terms(start, "year", more);
  test.each<[string, Terms, number, string]>([
    ["the 1st", month("2027-01-01"), 3, "2027-01-01 2027-02-01 2027-03-01 2027-04-01"],
    ["the 15th over a year's end", month("2027-11-15"), 2, "2027-11-15 2027-12-15 2028-01-15"],
    ["the 28th never clamps", month("2027-01-28"), 2, "2027-01-28 2027-02-28 2027-03-28"],
    ["the 29th in a common year", month("2027-01-29"), 3, "2027-01-29 2027-02-28 2027-03-29 2027-04-29"],
    ["the 29th in a leap year", month("2028-01-29"), 2, "2028-01-29 2028-02-29 2028-03-29"],
    ["the 30th in a common year", month("2027-01-30"), 3, "2027-01-30 2027-02-28 2027-03-30 2027-04-30"],
    ["the 30th in a leap year", month("2028-01-30"), 2, "2028-01-30 2028-02-29 2028-03-30"],
    ["the 31st", month("2027-01-31"), 4, "2027-01-31 2027-02-28 2027-03-31 2027-04-30 2027-05-31"],
    ["the 31st in a leap year", month("2028-01-31"), 2, "2028-01-31 2028-02-29 2028-03-31"],
    ["the 31st in 2100, no leap year", month("2100-01-31"), 2, "2100-01-31 2100-02-28 2100-03-31"],
    ["the 31st in 2000, a leap year", month("2000-01-31"), 2, "2000-01-31 2000-02-29 2000-03-31"],
    ["29 February is the 29th of other months", month("2028-02-29"), 2, "2028-02-29 2028-03-29 2028-04-29"],
    ["28 February stays the 28th", month("2027-02-28"), 2, "2027-02-28 2027-03-28 2027-04-28"],
    ["every 2 months", month("2027-12-31", { count: 2 }), 3, "2027-12-31 2028-02-29 2028-04-30 2028-06-30"],
    [
      "quarterly",
      month("2027-01-31", { count: 3 }),
      4,
      "2027-01-31 2027-04-30 2027-07-31 2027-10-31 2028-01-31",
    ],
    ["quarterly from 30 Nov", month("2027-11-30", { count: 3 }), 2, "2027-11-30 2028-02-29 2028-05-30"],
    ["half-yearly", month("2027-08-31", { count: 6 }), 2, "2027-08-31 2028-02-29 2028-08-31"],
    ["every 13 months", month("2027-01-31", { count: 13 }), 2, "2027-01-31 2028-02-29 2029-03-31"],
    ["yearly", year("2027-07-10"), 2, "2027-07-10 2028-07-10 2029-07-10"],
    [
      "yearly from 29 February",
      year("2028-02-29"),
      5,
      "2028-02-29 2029-02-28 2030-02-28 2031-02-28 2032-02-29 2033-02-28",
    ],
    [
      "every 2 years from 29 February",
      year("2028-02-29", { count: 2 }),
      2,
      "2028-02-29 2030-02-28 2032-02-29",
    ],
    [
      "every 4 years from 29 February",
      year("2028-02-29", { count: 4 }),
      2,
      "2028-02-29 2032-02-29 2036-02-29",
    ],
    ["yearly from 31 December", year("2027-12-31"), 2, "2027-12-31 2028-12-31 2029-12-31"],
    ["daily over a leap day", terms("2028-02-28", "day"), 2, "2028-02-28 2028-02-29 2028-03-01"],
    ["every 10 days", terms("2027-02-25", "day", { count: 10 }), 2, "2027-02-25 2027-03-07 2027-03-17"],
    [
      "every 30 days is not a month",
      terms("2027-01-31", "day", { count: 30 }),
      2,
      "2027-01-31 2027-03-02 2027-04-01",
    ],
    ["weekly", terms("2027-12-27", "week"), 2, "2027-12-27 2028-01-03 2028-01-10"],
    ["every 2 weeks", terms("2028-02-20", "week", { count: 2 }), 2, "2028-02-20 2028-03-05 2028-03-19"],
  ])("%s", (_name, of, count, expected) => {
    expect(boundaries(of, count)).toBe(expected);
  });
});

describe("a chosen billing day", () => {
  test.each<[string, Terms, number, string]>([
    [
      "later in the month",
      terms("2027-01-10", "month", { billingDay: 25 }),
      2,
      "2027-01-10 2027-01-25 2027-02-25",
    ],
    [
      "earlier in the month",
      terms("2027-01-10", "month", { billingDay: 1 }),
      2,
      "2027-01-10 2027-02-01 2027-03-01",
    ],
    [
      "on the start day",
      terms("2027-01-10", "month", { billingDay: 10 }),
      2,
      "2027-01-10 2027-02-10 2027-03-10",
    ],
    [
      "31, begun on 28 February: no period of no days",
      terms("2027-02-28", "month", { billingDay: 31 }),
      2,
      "2027-02-28 2027-03-31 2027-04-30",
    ],
    [
      "30, begun on the 31st",
      terms("2027-01-31", "month", { billingDay: 30 }),
      2,
      "2027-01-31 2027-02-28 2027-03-30",
    ],
    [
      "31, begun on the 30th",
      terms("2027-01-30", "month", { billingDay: 31 }),
      2,
      "2027-01-30 2027-01-31 2027-02-28",
    ],
    [
      "every 2 months snaps first, then steps",
      terms("2027-01-10", "month", { count: 2, billingDay: 25 }),
      3,
      "2027-01-10 2027-01-25 2027-03-25 2027-05-25",
    ],
    [
      "quarterly snaps first, then steps",
      terms("2027-01-10", "month", { count: 3, billingDay: 1 }),
      2,
      "2027-01-10 2027-02-01 2027-05-01",
    ],
    [
      "yearly snaps first, then steps",
      terms("2027-03-10", "year", { billingDay: 1 }),
      2,
      "2027-03-10 2027-04-01 2028-04-01",
    ],
    [
      "a weekly plan ignores it",
      terms("2027-01-10", "week", { billingDay: 25 }),
      2,
      "2027-01-10 2027-01-17 2027-01-24",
    ],
    [
      "a daily plan ignores it",
      terms("2027-01-10", "day", { billingDay: 25 }),
      2,
      "2027-01-10 2027-01-11 2027-01-12",
    ],
    [
      "over a year's end",
      terms("2027-12-31", "month", { billingDay: 15 }),
      2,
      "2027-12-31 2028-01-15 2028-02-15",
    ],
  ])("%s", (_name, of, count, expected) => {
    expect(boundaries(of, count)).toBe(expected);
  });

  test.each<[string, Terms, { days: number; of: number } | null, number]>([
    ["15 of 31 days", terms("2027-01-10", "month", { billingDay: 25 }), { days: 15, of: 31 }, 47_903],
    ["22 of 31 days", terms("2027-01-10", "month", { billingDay: 1 }), { days: 22, of: 31 }, 70_258],
    [
      "1 of 28 days of a clamped February",
      terms("2027-02-27", "month", { billingDay: 31 }),
      { days: 1, of: 28 },
      3_536,
    ],
    [
      "15 of 61 days of 2 months",
      terms("2027-01-10", "month", { count: 2, billingDay: 25 }),
      { days: 15, of: 61 },
      24_344,
    ],
    [
      "22 of 365 days of a year",
      terms("2027-03-10", "year", { billingDay: 1 }),
      { days: 22, of: 365 },
      5_967,
    ],
    [
      "a first period on the billing day is whole",
      terms("2027-01-25", "month", { billingDay: 25 }),
      null,
      99_000,
    ],
  ])("is charged for %s", (_name, of, proration, amount) => {
    expect(billingPeriod(of, 0)).toMatchObject({ proration, amount });
    expect(billingPeriod(of, 1)).toMatchObject({ proration: null, amount: 99_000 });
  });
});

describe("the end", () => {
  const until = (endsOn: string, more = {}) => terms("2027-01-31", "month", { endsOn, ...more });
  test.each<[string, Terms, string]>([
    ["on a boundary makes no invoice that day", until("2027-03-31"), "2027-01-31 2027-02-28 2027-03-31"],
    [
      "a day after a boundary bills one day",
      until("2027-04-01"),
      "2027-01-31 2027-02-28 2027-03-31 2027-04-01",
    ],
    ["inside the first period", until("2027-02-10"), "2027-01-31 2027-02-10"],
    ["after 3 cycles", until("2030-01-01", { cycles: 3 }), "2027-01-31 2027-02-28 2027-03-31 2027-04-30"],
    ["by date before the cycles", until("2027-03-01", { cycles: 9 }), "2027-01-31 2027-02-28 2027-03-01"],
  ])("%s", (_name, of, expected) => {
    expect(boundaries(of, 50)).toBe(expected);
  });

  it("in the middle of a period bills days over days of the full period, and says so", () => {
    expect(billingPeriod(until("2027-04-10"), 2)).toEqual({
      index: 2,
      start: "2027-03-31",
      end: "2027-04-10",
      billsOn: "2027-03-31",
      amount: 33_000,
      proration: { days: 10, of: 30 },
      note: "cut short by the end date, 2027-04-10; 10 of 30 days are billed",
    });
  });

  it("inside a short first period is measured against the same full period", () => {
    const of = terms("2027-01-10", "month", { billingDay: 25, endsOn: "2027-01-20" });
    expect(previewPeriods(of, 5)).toMatchObject([{ end: "2027-01-20", proration: { days: 10, of: 31 } }]);
  });

  it("a short first period counts as one of the cycles", () => {
    expect(previewPeriods(terms("2027-01-10", "month", { billingDay: 25, cycles: 2 }), 9)).toHaveLength(2);
  });

  it("nothing is billed from the end date on", () => {
    expect(billingPeriod(until("2027-03-31"), 2)).toBeNull();
  });
});

describe("a trial", () => {
  test.each<[string, Terms, string]>([
    [
      "makes no row; period 0 begins at its end",
      terms("2027-01-01", "month", { trialEndsOn: "2027-01-15" }),
      "2027-01-15 2027-02-15 2027-03-15",
    ],
    [
      "moves the anchor to its end",
      terms("2027-01-17", "month", { trialEndsOn: "2027-01-31" }),
      "2027-01-31 2027-02-28 2027-03-31",
    ],
    [
      "leaves a chosen day alone",
      terms("2027-01-01", "month", { trialEndsOn: "2027-01-15", billingDay: 1 }),
      "2027-01-15 2027-02-01 2027-03-01",
    ],
  ])("%s", (_name, of, expected) => {
    expect(boundaries(of, 2)).toBe(expected);
  });

  it("that outlasts the subscription bills nothing", () => {
    expect(
      previewPeriods(terms("2027-01-01", "month", { trialEndsOn: "2027-02-01", endsOn: "2027-02-01" }), 3),
    ).toEqual([]);
  });
});

describe("the preview says why", () => {
  test.each<[string, Terms, number, string]>([
    ["nothing when nothing is special", terms("2027-01-31", "month"), 0, ""],
    ["a 31st that February lacks", terms("2027-01-31", "month"), 1, "31 does not exist in February: 28th"],
    [
      "a 31st that February lacks in a leap year",
      terms("2028-01-31", "month"),
      1,
      "31 does not exist in February: 29th",
    ],
    ["a 31st that April lacks", terms("2027-01-31", "month"), 3, "31 does not exist in April: 30th"],
    ["a 29th with its year", terms("2028-02-29", "year"), 1, "29 does not exist in February 2029: 28th"],
    ["nothing for a 29th in a leap year", terms("2028-02-29", "year"), 4, ""],
    [
      "a short first period",
      terms("2027-01-10", "month", { billingDay: 25 }),
      0,
      "short first period until the billing day, 2027-01-25; 15 of 31 days are billed",
    ],
    [
      "a first period that begins on a clamped billing day",
      terms("2027-02-28", "month", { billingDay: 31 }),
      0,
      "31 does not exist in February: 28th",
    ],
  ])("%s", (_name, of, index, note) => {
    expect(billingPeriod(of, index)?.note).toBe(note);
  });

  it("in the row's outside form", () => {
    expect(previewPeriods(terms("2027-01-31", "month"), 1)).toEqual([
      { index: 0, start: "2027-01-31", end: "2027-02-28", bills_on: "2027-01-31", amount: 99_000, note: "" },
    ]);
  });
});

describe("the period of a day", () => {
  test.each<[string, Terms, string, number | null]>([
    ["before the start is the first", terms("2027-01-31", "month"), "2026-05-01", 0],
    ["on the start", terms("2027-01-31", "month"), "2027-01-31", 0],
    ["the day before a boundary", terms("2027-01-31", "month"), "2027-02-27", 0],
    ["on a boundary", terms("2027-01-31", "month"), "2027-02-28", 1],
    ["ten years on", terms("2027-01-31", "month"), "2037-01-31", 120],
    ["after a short first period", terms("2027-01-10", "month", { billingDay: 25 }), "2027-02-01", 1],
    ["many days on", terms("2027-01-01", "day"), "2037-01-01", 3653],
    ["in a trial is the first", terms("2027-01-01", "month", { trialEndsOn: "2027-03-01" }), "2027-02-01", 0],
    ["after the end is none", terms("2027-01-31", "month", { endsOn: "2027-03-31" }), "2027-03-31", null],
    ["after the last cycle is none", terms("2027-01-31", "month", { cycles: 2 }), "2027-04-30", null],
  ])("%s", (_name, of, date, index) => {
    expect(periodOn(of, date)?.index ?? null).toBe(index);
  });
});

describe("wakeAt", () => {
  test.each<[string, string, string, string | null, string]>([
    ["Jakarta's morning", "2027-01-31", "Asia/Jakarta", "08:00", "2027-01-31T01:00:00.000Z"],
    ["Jakarta's midnight without a window", "2027-01-31", "Asia/Jakarta", null, "2027-01-30T17:00:00.000Z"],
    ["Makassar", "2027-01-31", "Asia/Makassar", "08:00", "2027-01-31T00:00:00.000Z"],
    ["Jayapura", "2027-01-31", "Asia/Jayapura", "08:00", "2027-01-30T23:00:00.000Z"],
    ["UTC", "2027-01-31", "UTC", "08:00", "2027-01-31T08:00:00.000Z"],
    ["a half-hour zone", "2027-01-31", "Asia/Kolkata", "08:00", "2027-01-31T02:30:00.000Z"],
    ["New York, winter", "2027-03-13", "America/New_York", "08:00", "2027-03-13T13:00:00.000Z"],
    ["New York, summer", "2027-03-15", "America/New_York", "08:00", "2027-03-15T12:00:00.000Z"],
    [
      "New York, morning after the clock went forward",
      "2027-03-14",
      "America/New_York",
      "08:00",
      "2027-03-14T12:00:00.000Z",
    ],
    [
      "New York, 02:30 does not exist: 03:30",
      "2027-03-14",
      "America/New_York",
      "02:30",
      "2027-03-14T07:30:00.000Z",
    ],
    [
      "New York, 01:30 occurs twice: the first",
      "2027-11-07",
      "America/New_York",
      "01:30",
      "2027-11-07T05:30:00.000Z",
    ],
    [
      "Berlin, 02:30 occurs twice: the first",
      "2027-10-31",
      "Europe/Berlin",
      "02:30",
      "2027-10-31T00:30:00.000Z",
    ],
    ["Beirut, midnight does not exist: 01:00", "2027-03-28", "Asia/Beirut", null, "2027-03-27T22:00:00.000Z"],
    [
      "Lord Howe's half-hour gap: 02:15 is 02:45",
      "2027-10-03",
      "Australia/Lord_Howe",
      "02:15",
      "2027-10-02T15:45:00.000Z",
    ],
    [
      "Apia skipped 30 December 2011: a day later",
      "2011-12-30",
      "Pacific/Apia",
      "08:00",
      "2011-12-30T18:00:00.000Z",
    ],
    ["Apia, the day before", "2011-12-29", "Pacific/Apia", "08:00", "2011-12-29T18:00:00.000Z"],
    ["Apia, the day after", "2011-12-31", "Pacific/Apia", "08:00", "2011-12-30T18:00:00.000Z"],
    [
      "Kwajalein skipped 21 August 1993",
      "1993-08-21",
      "Pacific/Kwajalein",
      "08:00",
      "1993-08-21T20:00:00.000Z",
    ],
  ])("%s", (_name, date, zone, windowFrom, expected) => {
    expect(wakeAt(date, zone, windowFrom).toISO()).toBe(expected);
  });
});

describe("prorate", () => {
  test.each([
    [99_000, 0, 31, 0],
    [99_000, 31, 31, 99_000],
    [1, 1, 2, 1],
    [1, 1, 3, 0],
    [100, 1, 8, 13],
    [99_000, 1, 3, 33_000],
    [9_007_199_254_740_991, 182, 365, 4_491_260_998_254_412],
  ])("%i for %i of %i days is %i", (price, days, of, part) => {
    expect(prorate(rupiah(price), { days, of })).toEqual({ part, rest: price - part });
  });
});

describe("over ten years, for any terms", () => {
  const anyDate = fc.integer({ min: 0, max: 3_000 }).map((days) => plusDays("2024-01-01", days));
  const anyTerms = fc
    .record({
      start: anyDate,
      unit: fc.constantFrom("day", "week", "month", "year") as fc.Arbitrary<IntervalUnit>,
      count: fc.integer({ min: 1, max: 13 }),
      billingDay: fc.option(fc.integer({ min: 1, max: 31 })),
      trialDays: fc.option(fc.integer({ min: 1, max: 60 })),
    })
    .map(({ start, unit, count, billingDay, trialDays }) =>
      terms(start, unit, {
        count,
        billingDay,
        trialEndsOn: trialDays === null ? null : plusDays(start, trialDays),
      }),
    );

  it("periods tile without gap or overlap, and none is empty", () => {
    fc.assert(
      fc.property(anyTerms, (of) => {
        const rows = previewPeriods(of, 130);
        expect(rows[0]?.start).toBe(of.trialEndsOn ?? of.startOn);
        rows.forEach((row, at) => {
          expect(row.start < row.end).toBe(true);
          if (at > 0) expect(row.start).toBe(rows[at - 1]?.end);
        });
      }),
    );
  });

  it("the anchor never drifts: each boundary is the anchor day or its month's last day", () => {
    fc.assert(
      fc.property(anyTerms, fc.integer({ min: 1, max: 130 }), (of, index) => {
        const start = billingPeriod(of, index)?.start ?? "";
        const anchor = of.trialEndsOn ?? of.startOn;
        if (of.interval.unit === "day" || of.interval.unit === "week") {
          const step = of.interval.count * (of.interval.unit === "week" ? 7 : 1);
          expect(daysBetween(anchor, start)).toBe(step * index);
          return;
        }
        const local = DateTime.fromISO(start, { zone: "utc" });
        const day = of.billingDay ?? DateTime.fromISO(anchor, { zone: "utc" }).day;
        expect(local.day).toBe(Math.min(day, local.daysInMonth ?? 0));
      }),
    );
  });

  it("an end date changes the last period only, and its part and rest add up to the price", () => {
    fc.assert(
      fc.property(anyTerms, fc.integer({ min: 1, max: 3_650 }), (of, days) => {
        const endsOn = plusDays(of.trialEndsOn ?? of.startOn, days);
        const open = previewPeriods(of, 4_000);
        const cut = previewPeriods({ ...of, endsOn }, 4_000);
        expect(cut.at(-1)?.end).toBe(endsOn);
        expect(cut.slice(0, -1)).toEqual(open.slice(0, cut.length - 1));
        const last = cut.at(-1);
        const halves = last?.proration === undefined ? null : prorate(of.amount, last.proration);
        expect(last?.amount).toBe(halves === null ? of.amount : halves.part);
        if (halves !== null) expect(halves.part + halves.rest).toBe(of.amount);
      }),
      { numRuns: 30 },
    );
  });

  it("the period found for a day contains it", () => {
    fc.assert(
      fc.property(anyTerms, fc.integer({ min: 0, max: 3_650 }), (of, days) => {
        const date = plusDays(of.trialEndsOn ?? of.startOn, days);
        const period = periodOn(of, date);
        expect(period !== null && period.start <= date && date < period.end).toBe(true);
      }),
    );
  });

  it("a clamped date is never outside its month", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2000 * 12, max: 2100 * 12 }),
        fc.integer({ min: 1, max: 31 }),
        (month, day) => {
          const date = clampedDate(month, day);
          expect(Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1).toBe(month);
        },
      ),
    );
  });
});
