import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { rupiah } from "../../src/kernel/money.ts";
import { type BillingPeriod, billingPeriod } from "../../src/subscriptions/billing-period.ts";
import { type Discount, discountOff } from "../../src/subscriptions/discount.ts";
import { billPeriod, settle } from "../../src/subscriptions/invoice-lines.ts";
import { someTerms } from "./subscription-builders.ts";

const MIN_CHARGE = 10_000;

function percent(value: number, periods: number | null = null, fromIndex = 0): Discount {
  return { off: { kind: "percent", percent: value }, fromIndex, periods };
}

function off(amount: number, periods: number | null = null, fromIndex = 0): Discount {
  return { off: { kind: "amount", amount: rupiah(amount) }, fromIndex, periods };
}

function period(amount: number, index = 0): BillingPeriod {
  const found = billingPeriod(someTerms("2027-01-01", "month", { amount: rupiah(amount) }), index);
  if (found === null) throw new Error("these have no end");
  return found;
}

function bill(
  amount: number,
  more: { discounts?: Discount[]; credit?: number; rollover?: number; isLast?: boolean; index?: number } = {},
) {
  return billPeriod({
    period: period(amount, more.index),
    price: rupiah(amount),
    discounts: more.discounts ?? [],
    carried: { credit: rupiah(more.credit ?? 0), rollover: rupiah(more.rollover ?? 0) },
    minCharge: MIN_CHARGE,
    isLast: more.isLast ?? false,
  });
}

describe("a discount", () => {
  test.each<[string, Discount, number, number, number]>([
    ["once, in its period", percent(10, 1), 0, 99_000, 9_900],
    ["once, in the next period", percent(10, 1), 1, 99_000, 0],
    ["three cycles, the last", percent(50, 3), 2, 99_000, 49_500],
    ["three cycles, after them", percent(50, 3), 3, 99_000, 0],
    ["from the fifth period, before it", percent(50, 3, 5), 4, 99_000, 0],
    ["from the fifth period, in it", percent(50, 3, 5), 5, 99_000, 49_500],
    ["for ever", percent(25), 119, 99_000, 24_750],
    ["half-up", percent(50), 0, 99_001, 49_501],
    ["all of it", percent(100), 0, 99_000, 99_000],
    ["an amount", off(20_000), 0, 99_000, 20_000],
    ["an amount, never more than the price", off(120_000), 0, 99_000, 99_000],
    ["an amount of a part, whole", off(20_000), 0, 30_000, 20_000],
  ])("%s", (_name, discount, index, amount, expected) => {
    expect(discountOff(discount, index, rupiah(amount))).toBe(expected);
  });
});

describe("an invoice is the sum of its lines", () => {
  test.each<
    [string, ReturnType<typeof bill>, [string, number][], number, { credit: number; rollover: number }]
  >([
    ["the plain price", bill(99_000), [["period", 99_000]], 99_000, { credit: 0, rollover: 0 }],
    [
      "a discount",
      bill(99_000, { discounts: [percent(10)] }),
      [
        ["period", 99_000],
        ["discount", -9_900],
      ],
      89_100,
      { credit: 0, rollover: 0 },
    ],
    [
      "two discounts, one after the other",
      bill(100_000, { discounts: [percent(10), percent(10)] }),
      [
        ["period", 100_000],
        ["discount", -10_000],
        ["discount", -9_000],
      ],
      81_000,
      { credit: 0, rollover: 0 },
    ],
    [
      "a free period is paid without an attempt",
      bill(99_000, { discounts: [percent(100)] }),
      [
        ["period", 99_000],
        ["discount", -99_000],
      ],
      0,
      { credit: 0, rollover: 0 },
    ],
    [
      "credit is used",
      bill(99_000, { credit: 30_000 }),
      [
        ["period", 99_000],
        ["credit", -30_000],
      ],
      69_000,
      { credit: 0, rollover: 0 },
    ],
    [
      "credit is used as far as it goes",
      bill(99_000, { credit: 130_000 }),
      [
        ["period", 99_000],
        ["credit", -99_000],
      ],
      0,
      { credit: 31_000, rollover: 0 },
    ],
    [
      "a small amount is carried on",
      bill(9_999),
      [
        ["period", 9_999],
        ["rollover", -9_999],
      ],
      0,
      { credit: 0, rollover: 9_999 },
    ],
    [
      "and over, until it can be charged",
      bill(9_999, { rollover: 9_999 }),
      [
        ["period", 9_999],
        ["rollover", 9_999],
      ],
      19_998,
      { credit: 0, rollover: 0 },
    ],
    [
      "credit leaves too little: carried on",
      bill(99_000, { credit: 95_000 }),
      [
        ["period", 99_000],
        ["credit", -95_000],
        ["rollover", -4_000],
      ],
      0,
      { credit: 0, rollover: 4_000 },
    ],
    ["exactly the least is charged", bill(10_000), [["period", 10_000]], 10_000, { credit: 0, rollover: 0 }],
    [
      "the last one is not carried on",
      bill(5_000, { isLast: true }),
      [["period", 5_000]],
      5_000,
      { credit: 0, rollover: 0 },
    ],
  ])("%s", (_name, billed, lines, amount, carried) => {
    expect(billed.lines.map((line) => [line.kind, line.amount])).toEqual(lines);
    expect(billed).toMatchObject({ amount, carried });
  });

  it("of a plan change, too: what is below the least goes on the next invoice", () => {
    const lines = [
      { kind: "credit" as const, amount: -45_000, note: "" },
      { kind: "proration" as const, amount: 50_000, note: "" },
    ];
    const carried = { credit: rupiah(1_000), rollover: rupiah(0) };
    const settled = settle(lines, { carried, minCharge: MIN_CHARGE, isLast: false });
    expect(settled.lines.map((line) => line.amount)).toEqual([-45_000, 50_000, -1_000, -4_000]);
    expect(settled).toMatchObject({ amount: 0, carried: { credit: 0, rollover: 4_000 } });
  });

  it("a last invoice that is too small to charge waits for a person", () => {
    expect(bill(5_000, { isLast: true }).needsPerson).toBe(true);
    expect(bill(5_000).needsPerson).toBe(false);
    expect(bill(99_000, { isLast: true }).needsPerson).toBe(false);
  });

  it("a part says which part, and a discount which of its periods", () => {
    const terms = someTerms("2027-01-10", "month", { billingDay: 25 });
    const first = billingPeriod(terms, 0);
    if (first === null) throw new Error("it has no end");
    const carried = { credit: rupiah(0), rollover: rupiah(0) };
    const billed = billPeriod({
      period: first,
      price: terms.amount,
      discounts: [percent(10, 3)],
      carried,
      minCharge: 10_000,
      isLast: false,
    });
    expect(billed.lines).toEqual([
      { kind: "proration", amount: 47_903, note: "15 of 31 days of 99000" },
      { kind: "discount", amount: -4_790, note: "10 % off, 1 of 3" },
    ]);
  });

  it("over any run of invoices nothing is lost and nothing is charged twice", () => {
    const anyDiscount = fc.oneof(
      fc
        .record({
          value: fc.integer({ min: 1, max: 100 }),
          periods: fc.option(fc.integer({ min: 1, max: 6 })),
        })
        .map(({ value, periods }) => percent(value, periods)),
      fc
        .record({
          value: fc.integer({ min: 1, max: 200_000 }),
          periods: fc.option(fc.integer({ min: 1, max: 6 })),
        })
        .map(({ value, periods }) => off(value, periods)),
    );
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 150_000 }), { minLength: 1, maxLength: 12 }),
        fc.array(anyDiscount, { maxLength: 3 }),
        fc.integer({ min: 0, max: 300_000 }),
        (amounts, discounts, credit) => {
          let carried = { credit: rupiah(credit), rollover: rupiah(0) };
          let charged = 0;
          let owed = 0;
          amounts.forEach((amount, index) => {
            const billed = billPeriod({
              period: period(amount, index),
              price: rupiah(amount),
              discounts,
              carried,
              minCharge: MIN_CHARGE,
              isLast: index === amounts.length - 1,
            });
            expect(billed.amount).toBe(billed.lines.reduce((sum, line) => sum + line.amount, 0));
            expect(billed.amount === 0 || billed.amount >= MIN_CHARGE || billed.needsPerson).toBe(true);
            owed += billed.lines
              .filter(({ kind }) => kind === "period" || kind === "discount")
              .reduce((sum, line) => sum + line.amount, 0);
            charged += billed.amount;
            carried = billed.carried;
          });
          // Charged, and still carried, is what was owed less the credit that was used.
          expect(charged + carried.rollover).toBe(owed - (credit - carried.credit));
        },
      ),
      { numRuns: 500 },
    );
  });
});
