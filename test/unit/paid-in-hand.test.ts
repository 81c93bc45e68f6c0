import { describe, expect, it } from "vitest";
import { billChange, coveredBy } from "../../src/invoices/change-bill.ts";
import { type ChargedInHand, paidInHand } from "../../src/invoices/paid-in-hand.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { billingPeriod, type Terms } from "../../src/subscriptions/billing-period.ts";
import { changeNow } from "../../src/subscriptions/plan-change.ts";

const june: Terms = {
  startOn: "2027-06-01",
  interval: { unit: "month", count: 1 },
  billingDay: null,
  trialEndsOn: null,
  endsOn: null,
  cycles: null,
  amount: rupiah(90_000),
};
const period = billingPeriod(june, 0);
if (period === null) throw new Error("June is billed");
const inHand = period;

const id = (name: string) => name as unknown as InvoiceId;
const charged = (more: Partial<ChargedInHand> = {}): ChargedInHand => ({
  id: id("a"),
  kind: "period",
  state: "paid",
  from: "2027-06-01",
  to: "2027-07-01",
  worth: rupiah(90_000),
  creditUsed: rupiah(20_000),
  refunded: rupiah(0),
  reissuedAs: null,
  ...more,
});
const paid = (all: readonly ChargedInHand[], more: Partial<Parameters<typeof paidInHand>[0]> = {}) =>
  paidInHand({ inHand, charged: all, change: null, told: null, ...more });

describe("what was paid for the period in hand", () => {
  it.each([
    ["paid, in money or credit", {}, 90_000],
    ["refunded in part", { refunded: rupiah(30_000) }, 60_000],
    ["refunded, and more than it was for", { refunded: rupiah(95_000) }, 0],
    ["void", { state: "void" }, 0],
    ["written off: what credit settled", { state: "uncollectible" }, 20_000],
  ] as const)("%s", (_name, more, amount) => {
    expect(paid([charged(more)])).toEqual({ since: "2027-06-01", paid: amount });
  });

  it("of a void invoice that was issued again is that of the other one", () => {
    const first = charged({ state: "void", reissuedAs: id("b") });
    expect(paid([first, charged({ id: id("b") })])).toMatchObject({ paid: 90_000 });
    expect(() => paid([first, charged({ id: id("b"), state: "open" })])).toThrow("invoice b for 2027-06-01");
  });

  it("after a change is what the days since then cost, by its invoice or by credit", () => {
    const change = { from: "2027-06-16", worth: rupiah(75_000), invoice: id("c") };
    const bill = charged({ id: id("c"), kind: "change", from: "2027-06-16", worth: rupiah(75_000) });
    expect(paid([charged(), bill], { change })).toEqual({ since: "2027-06-16", paid: 75_000 });
    expect(() => paid([charged(), { ...bill, state: "open" }], { change })).toThrow("invoice c");
    const byCredit = { ...change, invoice: null };
    expect(paid([charged({ state: "open" })], { change: byCredit })).toEqual({
      since: "2027-06-16",
      paid: 75_000,
    });
  });

  it("is asked for where no invoice says it, and only there", () => {
    expect(() => paid([])).toThrow("say what was paid for it elsewhere, 0 if nothing");
    expect(paid([], { told: rupiah(0) })).toEqual({ since: "2027-06-01", paid: 0 });
    expect(() => paid([charged()], { told: rupiah(5) })).toThrow("leave it out");
  });
});

describe("a change in a period that was changed before", () => {
  const asked = { terms: june, nextIndex: 1, on: "2027-06-21", paid: rupiah(75_000), since: "2027-06-16" };

  it("measures what goes back by the days since then, and refuses a day before", () => {
    const change = changeNow({ ...asked, to: { interval: june.interval, amount: rupiah(30_000) } });
    expect(change).toMatchObject({ credit: 40_000, charge: 0 });
    expect(coveredBy(change)).toEqual({ index: 0, from: "2027-06-21", to: "2027-07-01", worth: 10_000 });
    expect(() =>
      changeNow({ ...asked, on: "2027-06-15", to: { interval: june.interval, amount: rupiah(1) } }),
    ).toThrow("on: 2027-06-15 is not in the period in hand, 2027-06-16 to 2027-07-01");
  });

  it("makes a bill of a charge, and credit of what is left", () => {
    const to = (amount: number) =>
      changeNow({ ...asked, to: { interval: june.interval, amount: rupiah(amount) } });
    const carried = { credit: rupiah(7_000), rollover: rupiah(1_000) };
    expect(billChange(carried, to(300_000), 10_000)).toMatchObject({
      amount: 44_000,
      carried: { credit: 0, rollover: 0 },
    });
    expect(billChange(carried, to(30_000), 10_000)).toMatchObject({
      amount: null,
      carried: { credit: 47_000, rollover: 1_000 },
    });
  });
});
