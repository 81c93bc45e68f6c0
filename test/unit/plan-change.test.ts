import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { InvalidError, InvariantError } from "../../src/kernel/errors.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Interval, IntervalUnit } from "../../src/plans/plan.ts";
import { billingPeriod, previewPeriods, type Terms } from "../../src/subscriptions/billing-period.ts";
import { daysBetween, plusDays } from "../../src/subscriptions/local-date.ts";
import { changeAtNextPeriod, changeNow } from "../../src/subscriptions/plan-change.ts";
import { reanchor, resumedTerms } from "../../src/subscriptions/re-anchor.ts";
import { someTerms } from "./subscription-builders.ts";

const MONTH: Interval = { unit: "month", count: 1 };
const YEAR: Interval = { unit: "year", count: 1 };
const JUNE = someTerms("2027-06-01", "month", { amount: rupiah(90_000) });

function ask(
  on: string,
  amount: number,
  more: { interval?: Interval; paid?: number; terms?: Terms; nextIndex?: number } = {},
) {
  const { interval = MONTH, paid = 90_000, terms = JUNE, nextIndex = 1 } = more;
  return { terms, nextIndex, on, paid: rupiah(paid), to: { interval, amount: rupiah(amount) } };
}

function starts(terms: Terms, from: number, count: number): (string | undefined)[] {
  return Array.from({ length: count }, (_, at) => billingPeriod(terms, from + at)?.start);
}

describe("a change now, with the same interval", () => {
  test.each<[string, string, number, number, number[], number, number]>([
    ["an upgrade in the middle", "2027-06-16", 150_000, 90_000, [-45_000, 75_000], 30_000, 0],
    ["a downgrade in the middle", "2027-06-16", 30_000, 90_000, [-45_000, 15_000], 0, 30_000],
    ["to the same price", "2027-06-16", 90_000, 90_000, [-45_000, 45_000], 0, 0],
    ["on the first day: all of it", "2027-06-01", 150_000, 90_000, [-90_000, 150_000], 60_000, 0],
    ["on the last day: one day of 30", "2027-06-30", 150_000, 90_000, [-3_000, 5_000], 2_000, 0],
    ["half-up on both sides", "2027-06-24", 100_000, 90_000, [-21_000, 23_333], 2_333, 0],
    ["half of it was paid", "2027-06-16", 150_000, 45_000, [-22_500, 75_000], 52_500, 0],
    ["nothing was paid: nothing goes back", "2027-06-16", 150_000, 0, [75_000], 75_000, 0],
  ])("%s", (_name, on, amount, paid, lines, charge, credit) => {
    const change = changeNow(ask(on, amount, { paid }));
    expect(change.lines.map((line) => line.amount)).toEqual(lines);
    expect(change).toMatchObject({ from: on, charge, credit, nextIndex: 1 });
    expect(change.next).toMatchObject({ index: 1, start: "2027-07-01", end: "2027-08-01", amount });
  });

  it("says which days of what each line is for", () => {
    expect(changeNow(ask("2027-06-16", 150_000)).lines).toEqual([
      { kind: "credit", amount: -45_000, note: "15 of 30 days of 90000 not used" },
      { kind: "proration", amount: 75_000, note: "15 of 30 days of 150000" },
    ]);
  });

  it("inside a short first period is measured against its full period, and gives back of what was paid", () => {
    const terms = someTerms("2027-01-10", "month", { billingDay: 25, amount: rupiah(93_000) });
    const change = changeNow(ask("2027-01-20", 186_000, { terms, paid: 45_000 }));
    // 15 of 31 days cost 45,000; 5 of those 15 are not used. The new plan costs 5 of 31 days.
    expect(change.lines.map((line) => line.amount)).toEqual([-15_000, 30_000]);
    expect(change.next).toMatchObject({ index: 1, start: "2027-01-25", amount: 186_000 });
  });

  it("inside a period that is cut short by the end date stays within it", () => {
    const terms = { ...JUNE, endsOn: "2027-06-21" };
    const change = changeNow(ask("2027-06-11", 150_000, { terms, paid: 60_000 }));
    expect(change.lines.map((line) => line.amount)).toEqual([-30_000, 50_000]);
    expect(change.next).toBeNull();
  });

  it("on the day the period ends bills nothing extra: the next period is the first on the new plan", () => {
    const change = changeNow(ask("2027-07-01", 150_000));
    expect(change).toMatchObject({ lines: [], charge: 0, credit: 0, from: "2027-07-01" });
    expect(change.next?.amount).toBe(150_000);
  });

  it("before anything was billed is only a change of terms", () => {
    const terms = { ...JUNE, trialEndsOn: "2027-06-15" };
    const change = changeNow(ask("2027-06-05", 1_000_000, { terms, nextIndex: 0, paid: 0, interval: YEAR }));
    expect(change).toMatchObject({ lines: [], charge: 0, credit: 0 });
    expect(change.next).toMatchObject({ index: 0, start: "2027-06-15", end: "2028-06-15" });
  });

  test.each(["2027-05-31", "2027-07-02"])("on %s, outside the period in hand, is refused", (on) => {
    expect(() => changeNow(ask(on, 150_000))).toThrow(InvalidError);
  });

  it("in the last of its cycles changes what is left of it", () => {
    const change = changeNow(ask("2027-06-16", 150_000, { terms: { ...JUNE, cycles: 1 } }));
    expect(change).toMatchObject({ charge: 30_000, next: null });
  });
});

describe("a change now, with another interval", () => {
  it("gives back what is unused and begins a first period on that day", () => {
    const change = changeNow(ask("2027-06-16", 1_000_000, { interval: YEAR }));
    expect(change.lines).toEqual([
      { kind: "credit", amount: -45_000, note: "15 of 30 days of 90000 not used" },
      { kind: "period", amount: 1_000_000, note: "" },
    ]);
    expect(change).toMatchObject({ charge: 955_000, credit: 0, nextIndex: 2 });
    expect(change.next).toMatchObject({ index: 2, start: "2028-06-16", end: "2029-06-16" });
  });

  it("leaves a chosen billing day alone, so that the first period is a short one", () => {
    const terms = someTerms("2027-06-01", "month", { billingDay: 1, amount: rupiah(90_000) });
    const change = changeNow(ask("2027-06-16", 365_000, { terms, interval: YEAR }));
    expect(change.lines.map((line) => line.amount)).toEqual([-45_000, 15_000]);
    expect(change).toMatchObject({ charge: 0, credit: 30_000 });
    expect(change.next).toMatchObject({ index: 2, start: "2027-07-01", end: "2028-07-01", proration: null });
  });

  it("with no cycle left is refused", () => {
    const terms = { ...JUNE, cycles: 1 };
    expect(() => changeNow(ask("2027-06-16", 1, { terms, interval: YEAR }))).toThrow(InvalidError);
  });

  it("to another billing day ends the period in hand and begins a short one", () => {
    const asked = ask("2027-06-16", 90_000);
    const change = changeNow({ ...asked, to: { ...asked.to, billingDay: 25 } });
    // 15 of 30 days back; 9 of the 31 days from 25 May to 25 June.
    expect(change.lines.map((line) => line.amount)).toEqual([-45_000, 26_129]);
    expect(change.credit).toBe(18_871);
    expect(change.next?.start).toBe("2027-06-25");
  });
});

describe("a change at the next period", () => {
  test.each<[string, Terms, number, Interval, number | null | undefined, string[]]>([
    [
      "the same interval keeps its dates",
      someTerms("2027-01-31", "month"),
      1,
      MONTH,
      undefined,
      ["2027-02-28", "2027-03-31", "2027-04-30"],
    ],
    [
      "monthly on the 31st to quarterly, from a clamped day",
      someTerms("2027-01-31", "month"),
      1,
      { unit: "month", count: 3 },
      undefined,
      ["2027-02-28", "2027-05-31", "2027-08-31"],
    ],
    [
      "monthly to yearly",
      someTerms("2027-01-31", "month"),
      2,
      YEAR,
      undefined,
      ["2027-03-31", "2028-03-31", "2029-03-31"],
    ],
    [
      "monthly to weekly",
      someTerms("2027-01-31", "month"),
      1,
      { unit: "week", count: 1 },
      undefined,
      ["2027-02-28", "2027-03-07", "2027-03-14"],
    ],
    [
      "weekly to monthly",
      someTerms("2027-01-04", "week"),
      3,
      MONTH,
      undefined,
      ["2027-01-25", "2027-02-25", "2027-03-25"],
    ],
    [
      "to a chosen day, with a short period before it",
      someTerms("2027-01-31", "month"),
      1,
      MONTH,
      15,
      ["2027-02-28", "2027-03-15", "2027-04-15"],
    ],
    [
      "from a chosen day to that of the period",
      someTerms("2027-01-31", "month", { billingDay: 31 }),
      1,
      MONTH,
      null,
      ["2027-02-28", "2027-03-28", "2027-04-28"],
    ],
    [
      "calendar months to calendar quarters",
      someTerms("2027-01-10", "month", { alignment: "calendar" }),
      1,
      { unit: "month", count: 3 },
      undefined,
      ["2027-02-01", "2027-04-01", "2027-07-01"],
    ],
  ])("%s", (_name, terms, nextIndex, interval, billingDay, expected) => {
    const to = { interval, amount: rupiah(50_000), ...(billingDay === undefined ? {} : { billingDay }) };
    const change = changeAtNextPeriod({ terms, nextIndex, on: "2027-01-31", paid: rupiah(0), to });
    expect(change).toMatchObject({ lines: [], charge: 0, credit: 0, nextIndex, from: expected[0] });
    expect(starts(change.terms, nextIndex, expected.length)).toEqual(expected);
  });

  it("is refused when no period is left", () => {
    expect(() => changeAtNextPeriod(ask("2027-06-16", 1, { terms: { ...JUNE, cycles: 1 } }))).toThrow(
      InvalidError,
    );
  });
});

describe("an anchor moves only by choice", () => {
  const terms = someTerms("2027-01-31", "month");

  test.each<[string, Parameters<typeof reanchor>[1], string[]]>([
    [
      "keeps the 31st from a clamped day",
      { index: 1, on: "2027-02-28", choice: "keep" },
      ["2027-02-28", "2027-03-31", "2027-04-30"],
    ],
    [
      "moves to the day itself",
      { index: 1, on: "2027-02-28", choice: "move" },
      ["2027-02-28", "2027-03-28", "2027-04-28"],
    ],
    [
      "takes a new day after a short period",
      { index: 1, on: "2027-02-28", choice: 10 },
      ["2027-02-28", "2027-03-10", "2027-04-10"],
    ],
    [
      "takes a new day that is that day",
      { index: 3, on: "2027-04-30", choice: 30 },
      ["2027-04-30", "2027-05-30", "2027-06-30"],
    ],
  ])("%s", (_name, asked, expected) => {
    expect(starts(reanchor(terms, asked), asked.index, expected.length)).toEqual(expected);
  });

  it("measures the short period against the full one that ends on the new day", () => {
    const moved = reanchor(terms, { index: 1, on: "2027-02-28", choice: 10 });
    expect(billingPeriod(moved, 1)).toMatchObject({
      end: "2027-03-10",
      proration: { days: 10, of: 28 },
      amount: 35_357,
    });
  });

  it("does not give periods from before the new anchor", () => {
    expect(() => billingPeriod(reanchor(terms, { index: 4, on: "2027-06-15", choice: "move" }), 3)).toThrow(
      InvariantError,
    );
  });

  it("never goes back", () => {
    const moved = reanchor(terms, { index: 4, on: "2027-06-15", choice: "move" });
    expect(() => reanchor(moved, { index: 3, on: "2027-05-15", choice: "move" })).toThrow(InvariantError);
  });
});

describe("after a time that is not billed", () => {
  test.each<[string, Terms, "keep" | "move", string, string[]]>([
    [
      "the old day comes next",
      someTerms("2027-01-31", "month"),
      "keep",
      "2027-04-10",
      ["2027-04-30", "2027-05-31"],
    ],
    [
      "on a boundary it begins at once",
      someTerms("2027-01-31", "month"),
      "keep",
      "2027-04-30",
      ["2027-04-30", "2027-05-31"],
    ],
    [
      "two-monthly keeps its months",
      someTerms("2027-01-31", "month", { count: 2 }),
      "keep",
      "2027-04-10",
      ["2027-05-31", "2027-07-31"],
    ],
    [
      "yearly keeps its month",
      someTerms("2028-02-29", "year"),
      "keep",
      "2029-04-10",
      ["2030-02-28", "2031-02-28"],
    ],
    [
      "weekly keeps its weekday",
      someTerms("2027-01-04", "week"),
      "keep",
      "2027-01-20",
      ["2027-01-25", "2027-02-01"],
    ],
    [
      "the anchor moves to the day",
      someTerms("2027-01-31", "month"),
      "move",
      "2027-04-10",
      ["2027-04-10", "2027-05-10"],
    ],
    [
      "a chosen day stays chosen",
      someTerms("2027-01-25", "month", { billingDay: 25 }),
      "move",
      "2027-04-10",
      ["2027-04-10", "2027-04-25"],
    ],
    [
      "weekly moves its weekday",
      someTerms("2027-01-04", "week"),
      "move",
      "2027-01-20",
      ["2027-01-20", "2027-01-27"],
    ],
  ])("%s", (_name, terms, choice, on, expected) => {
    const resumed = resumedTerms(terms, { index: 2, on, choice });
    expect(resumed === null ? [] : starts(resumed, 2, 2)).toEqual(expected);
  });

  it("all cycles are still to come", () => {
    const resumed = resumedTerms(someTerms("2027-01-31", "month", { cycles: 4 }), {
      index: 1,
      on: "2027-06-10",
      choice: "keep",
    });
    expect(resumed === null ? [] : starts(resumed, 1, 4)).toEqual([
      "2027-06-30",
      "2027-07-31",
      "2027-08-31",
      undefined,
    ]);
  });

  it("nothing is left when the end date came first", () => {
    const terms = someTerms("2027-01-31", "month", { endsOn: "2027-05-01" });
    expect(resumedTerms(terms, { index: 1, on: "2027-05-01", choice: "move" })).toBeNull();
    expect(resumedTerms(terms, { index: 1, on: "2027-04-30", choice: "keep" })).not.toBeNull();
    expect(resumedTerms(terms, { index: 1, on: "2027-05-02", choice: "keep" })).toBeNull();
  });
});

describe("for any change", () => {
  const anyInterval = fc.record({
    unit: fc.constantFrom("day", "week", "month", "year") as fc.Arbitrary<IntervalUnit>,
    count: fc.integer({ min: 1, max: 6 }),
  });
  const asked = fc.record({
    interval: anyInterval,
    to: anyInterval,
    same: fc.boolean(),
    index: fc.integer({ min: 0, max: 30 }),
    within: fc.nat(),
    price: fc.integer({ min: 1, max: 10_000_000 }),
    newPrice: fc.integer({ min: 1, max: 10_000_000 }),
    billingDay: fc.option(fc.integer({ min: 1, max: 31 })),
    start: fc.integer({ min: 0, max: 1_500 }),
  });

  it("credit and debit are exact, the lines add up, and the periods go on without gap or overlap", () => {
    fc.assert(
      fc.property(asked, ({ interval, to, same, index, within, price, newPrice, billingDay, start }) => {
        const terms: Terms = {
          ...someTerms(plusDays("2027-01-01", start), "month", { billingDay }),
          interval,
          amount: rupiah(price),
        };
        const inHand = billingPeriod(terms, index);
        if (inHand === null) throw new Error("these have no end");
        const days = daysBetween(inHand.start, inHand.end);
        const on = plusDays(inHand.start, within % days);
        const change = changeNow({
          terms,
          nextIndex: index + 1,
          on,
          paid: inHand.amount,
          to: { interval: same ? interval : to, amount: rupiah(newPrice) },
        });
        const total = change.lines.reduce((sum, line) => sum + line.amount, 0);
        expect(change.charge - change.credit).toBe(total);
        expect(Math.min(change.charge, change.credit)).toBe(0);
        const back = -(change.lines.find(({ kind }) => kind === "credit")?.amount ?? 0);
        expect(Math.abs(back - (inHand.amount * daysBetween(on, inHand.end)) / days)).toBeLessThanOrEqual(
          0.5,
        );
        expect(back).toBeLessThanOrEqual(inHand.amount);
        // What follows tiles, from the end of the period in hand or from the end of the new first one.
        const { nextIndex, next } = change;
        const before = nextIndex === index + 1 ? inHand : billingPeriod(change.terms, nextIndex - 1);
        expect(next?.start).toBe(before?.end);
        if (nextIndex > index + 1) expect(before?.start).toBe(on);
        for (let at = nextIndex; at < nextIndex + 5; at += 1) {
          expect(billingPeriod(change.terms, at)?.end).toBe(billingPeriod(change.terms, at + 1)?.start);
        }
      }),
      { numRuns: 2_000 },
    );
  });

  it("keeping the anchor changes no boundary that is to come", () => {
    fc.assert(
      fc.property(asked, ({ interval, index, billingDay, start }) => {
        const terms: Terms = {
          ...someTerms(plusDays("2027-01-01", start), "month", { billingDay }),
          interval,
        };
        const rows = previewPeriods(terms, index + 10).slice(index);
        const kept = reanchor(terms, { index, on: rows[0]?.start ?? "", choice: "keep" });
        // The first of all may be short; every other one is whole, with the anchor kept as without.
        const expected = index === 0 ? rows.slice(1) : rows;
        expect(starts(kept, index, 10).slice(index === 0 ? 1 : 0)).toEqual(expected.map((row) => row.start));
      }),
      { numRuns: 1_000 },
    );
  });
});
