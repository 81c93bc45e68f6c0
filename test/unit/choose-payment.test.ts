import { expect, it } from "vitest";
import type { Attempt } from "../../src/invoices/attempt.ts";
import type { InvoiceState } from "../../src/invoices/invoice.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { choosePayment } from "../../src/refunds/choose-payment.ts";
import { attempt, NOW } from "./invoice-builders.ts";

const paid = (number: number, minutesAgo: number): Attempt =>
  attempt({ number, state: "succeeded", closedAt: NOW.minus({ minutes: minutesAgo }) });
const failed = attempt({ number: 1, state: "failed", closedAt: NOW });

function choose(
  attempts: readonly Attempt[],
  change: Partial<Parameters<typeof choosePayment>[0]> & { readonly state?: InvoiceState } = {},
) {
  const { state = "paid", ...rest } = change;
  return choosePayment({
    invoice: { state },
    attempts,
    amount: null,
    attemptNumber: null,
    asked: new Map(),
    terms: { windowDays: 7, parts: true },
    now: NOW,
    ...rest,
  });
}

it("takes the one payment, whole", () => {
  expect(choose([failed, paid(2, 5)])).toMatchObject({ attempt: { number: 2 }, amount: 99_000 });
});

it("takes what was too much first, whichever number it has", () => {
  expect(choose([paid(1, 5), paid(2, 60)]).attempt.number).toBe(1);
  expect(choose([paid(1, 60), paid(2, 5)]).attempt.number).toBe(2);
  const asked = new Map([[2, { asked: rupiah(99_000), live: null }]]);
  expect(choose([paid(1, 60), paid(2, 5)], { asked }).attempt.number).toBe(1);
});

it("of an invoice that is void every payment is too much", () => {
  expect(choose([paid(1, 60), paid(2, 5)], { state: "void" }).attempt.number).toBe(1);
});

it("takes what is left, or less, never more", () => {
  const asked = new Map([[1, { asked: rupiah(90_000), live: null }]]);
  expect(choose([paid(1, 5)], { asked }).amount).toBe(9_000);
  expect(choose([paid(1, 5)], { asked, amount: 1_000 }).amount).toBe(1_000);
  expect(() => choose([paid(1, 5)], { asked, amount: 9_001 })).toThrow("at most Rp 9.000 are left");
});

it("a named attempt must be a payment", () => {
  expect(choose([paid(1, 60), paid(2, 5)], { attemptNumber: 1 }).attempt.number).toBe(1);
  expect(() => choose([failed, paid(2, 5)], { attemptNumber: 1 })).toThrow("1 is no payment of this invoice");
});

it("waits while another attempt, or another refund of the payment, is live", () => {
  expect(() => choose([paid(1, 5), attempt({ number: 2, state: "unknown" })])).toThrow("is unknown");
  const asked = new Map([[1, { asked: rupiah(1), live: "X-R1" }]]);
  expect(() => choose([paid(1, 5)], { asked })).toThrow("refund X-R1 is not settled");
});

it("parts only where they are agreed, and nothing after the window", () => {
  const whole = { windowDays: 7, parts: false };
  expect(() => choose([paid(1, 5)], { terms: whole, amount: 5 })).toThrow("only the whole Rp 99.000");
  expect(choose([paid(1, 7 * 1_440)]).amount).toBe(99_000);
  expect(() => choose([paid(1, 7 * 1_440 + 1)])).toThrow("more than 7 days ago");
});
