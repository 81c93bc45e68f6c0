import { describe, expect, it, test } from "vitest";
import { InvariantError } from "../../src/kernel/errors.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { feasibility, OVO_TIERS } from "../../src/plans/feasibility.ts";
import type { Interval } from "../../src/plans/plan.ts";
import { inclusiveTax, taxLine } from "../../src/plans/tax.ts";

describe("the tax in a price", () => {
  test.each([
    [111_000, 1_100, 11_000],
    [99_000, 1_100, 9_811],
    [100_000, 1_200, 10_714],
    // Halves go up: 3 × 2000 / 12000 = 0.5.
    [3, 2_000, 1],
    [1, 1_100, 0],
    [0, 1_100, 0],
    [1, 10_000, 1],
    [1_000_000_000_000, 1_111, 99_990_999_910],
  ])("of Rp %i at %i basis points is Rp %i", (amount, basisPoints, tax) => {
    expect(inclusiveTax(rupiah(amount), basisPoints)).toBe(tax);
  });

  it("is never more than the price, and grows with it", () => {
    for (const basisPoints of [1, 50, 1_000, 1_100, 1_250, 5_000, 10_000]) {
      let before = 0;
      for (let amount = 0; amount < 2_000; amount += 1) {
        const tax = inclusiveTax(rupiah(amount), basisPoints);
        const exact = (amount * basisPoints) / (10_000 + basisPoints);
        expect(Math.abs(tax - exact)).toBeLessThanOrEqual(0.5);
        expect(tax).toBeGreaterThanOrEqual(before);
        before = tax;
      }
    }
  });

  it("needs a rate between a hundredth of a percent and all", () => {
    for (const wrong of [0, -1, 10_001, 11.5])
      expect(() => inclusiveTax(rupiah(100), wrong)).toThrow(InvariantError);
    expect(taxLine(rupiah(100), null)).toBeNull();
    expect(taxLine(rupiah(112_500), 1_250)).toEqual({ percent: 12.5, amount: 12_500 });
  });
});

const check = (amount: number, interval: Interval = { unit: "month", count: 1 }) =>
  feasibility(rupiah(amount), interval, { tiers: OVO_TIERS, minCharge: 10_000 });

describe("whether wallets can pay a price", () => {
  test.each<[number, readonly string[]]>([
    [10_000, []],
    [9_999, ["Rp 9.999 is below the least we charge (Rp 10.000)"]],
    [2_000_000, []],
    [2_000_001, ["more than an OVO Club wallet can hold (Rp 2.000.000): only customers with OVO Premier"]],
    [2_500_000, ["Rp 2.500.000 is more than an OVO Club wallet can hold"]],
    [20_000_000, ["more than an OVO Club wallet can hold"]],
    [20_000_001, ["more than an OVO Premier wallet can hold (Rp 20.000.000): no wallet can pay it"]],
  ])("Rp %i a month: %j", (amount, warnings) => {
    expect(check(amount).warnings).toEqual(warnings.map((says) => expect.stringContaining(says)));
  });

  test.each<[Interval, number]>([
    [{ unit: "day", count: 1 }, 31],
    [{ unit: "day", count: 2 }, 16],
    [{ unit: "day", count: 30 }, 2],
    [{ unit: "day", count: 31 }, 1],
    [{ unit: "week", count: 1 }, 5],
    [{ unit: "week", count: 2 }, 3],
    [{ unit: "week", count: 5 }, 1],
    [{ unit: "month", count: 1 }, 1],
    [{ unit: "year", count: 1 }, 1],
  ])("%j is at most %i charges in a calendar month", (interval, charges) => {
    expect(check(99_000, interval)).toMatchObject({ chargesPerMonth: charges, monthly: charges * 99_000 });
  });

  it("a month's charges must fit into what may be paid in", () => {
    expect(check(1_000_000, { unit: "day", count: 1 }).warnings).toEqual([
      "31 charges in a month are Rp 31.000.000, more than can be paid into an OVO Club wallet in a month (Rp 20.000.000)",
    ]);
    expect(check(10_000_000, { unit: "week", count: 1 }).warnings).toEqual([
      expect.stringContaining("more than an OVO Club wallet can hold"),
      expect.stringContaining(
        "5 charges in a month are Rp 50.000.000, more than can be paid into an OVO Premier",
      ),
    ]);
    expect(check(640_000, { unit: "day", count: 1 }).warnings).toEqual([]);
  });

  it("says it wallet by wallet", () => {
    const { tiers } = check(2_500_000);
    expect(tiers.map(({ tier, holds, refills }) => [tier.name, holds, refills])).toEqual([
      ["OVO Club", false, true],
      ["OVO Premier", true, true],
    ]);
  });
});
