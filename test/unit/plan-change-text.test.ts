import { describe, expect, it } from "vitest";
import { planChangeText } from "../../src/invoices/plan-change-text.ts";

const UPGRADE = {
  from: "2027-06-16",
  lines: [
    { kind: "credit", amount: -45_000, note: "15 of 30 days of 90000 not used" },
    { kind: "proration", amount: 75_000, note: "15 of 30 days of 150000" },
  ],
  charge: 30_000,
  credit: 0,
  invoice: "0b2f5c1e-0000-4000-8000-000000000000",
  invoice_amount: 30_000,
  next: { from: "2027-07-01", to: "2027-08-01", amount: 150_000 },
};

const text = (change: Partial<typeof UPGRADE> | Record<string, unknown>) =>
  planChangeText({ reference: "s-1", plan: "gold", state: "active", change: { ...UPGRADE, ...change } });

describe("a plan change in words", () => {
  it("says what is charged and given back, what is due and what comes next", () => {
    expect(text({}).split("\n")).toEqual([
      "s-1 is on plan gold from 2027-06-16 on",
      "  credit     -Rp 45.000  15 of 30 days of 90000 not used",
      "  proration   Rp 75.000  15 of 30 days of 150000",
      "due now: Rp 30.000, invoice 0b2f5c1e-0000-4000-8000-000000000000",
      "next: Rp 150.000 for 2027-07-01 to 2027-08-01",
    ]);
  });

  it("says what is kept when nothing is due, and when nothing comes next", () => {
    const lines = [{ kind: "credit", amount: -30_000, note: "" }];
    expect(
      text({ lines, credit: 30_000, invoice: null, invoice_amount: null, next: null }).split("\n"),
    ).toEqual([
      "s-1 is on plan gold from 2027-06-16 on",
      "  credit  -Rp 30.000",
      "due now: nothing",
      "kept for the next invoices: Rp 30.000",
      "next: nothing more is billed",
    ]);
  });
});
