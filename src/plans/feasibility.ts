import { formatRupiah, type Rupiah, rupiah } from "../kernel/money.ts";
import type { Interval } from "./plan.ts";

/** What a kind of wallet can hold and take in. */
export type WalletTier = {
  readonly name: string;
  /** The most it holds at any time, and so the most that one charge can take. */
  readonly balance: Rupiah;
  /** The most that can be paid into it in a calendar month. */
  readonly incomingPerMonth: Rupiah;
};

/** OVO's kinds of wallet, the smallest first: its published limits (OVO and Bank Indonesia; they change by decree). */
export const OVO_TIERS: readonly WalletTier[] = [
  { name: "OVO Club", balance: rupiah(2_000_000), incomingPerMonth: rupiah(20_000_000) },
  { name: "OVO Premier", balance: rupiah(20_000_000), incomingPerMonth: rupiah(40_000_000) },
];

export type PriceLimits = {
  /** From the smallest wallet to the largest. */
  readonly tiers: readonly WalletTier[];
  /** The least that is charged; what is smaller is carried over to the next invoice. */
  readonly minCharge: number;
};

/** Whether a wallet of the tier can pay a price, each time and month after month. */
type TierFeasibility = {
  readonly tier: WalletTier;
  /** A charge is not more than the wallet can hold. */
  readonly holds: boolean;
  /** A month's charges are not more than can be paid into the wallet in a month. */
  readonly refills: boolean;
};

/** What a biller should know about a price before it is sold. */
export type Feasibility = {
  readonly tiers: readonly TierFeasibility[];
  /** The most charges that fall into one calendar month; a plan of a month or longer has one. */
  readonly chargesPerMonth: number;
  /** The most that is charged in one calendar month. */
  readonly monthly: number;
  readonly belowMinCharge: boolean;
  /** In words; empty when any wallet can pay it. */
  readonly warnings: readonly string[];
};

/** A price against what wallets hold, what may be paid into them, and the least that is charged. */
export function feasibility(amount: Rupiah, interval: Interval, limits: PriceLimits): Feasibility {
  const chargesPerMonth = mostChargesPerMonth(interval);
  const monthly = amount * chargesPerMonth;
  const tiers = limits.tiers.map((tier) => ({
    tier,
    holds: amount <= tier.balance,
    refills: monthly <= tier.incomingPerMonth,
  }));
  const belowMinCharge = amount < limits.minCharge;
  const warnings = [
    ...holdWarnings(amount, tiers),
    ...refillWarnings({ chargesPerMonth, monthly, tiers }),
    ...(belowMinCharge ? [carriedOver(amount, limits.minCharge)] : []),
  ];
  return { tiers, chargesPerMonth, monthly, belowMinCharge, warnings };
}

/** A month has 31 days and, of these, at most 5 of one weekday. */
function mostChargesPerMonth({ unit, count }: Interval): number {
  switch (unit) {
    case "day":
      return Math.ceil(31 / count);
    case "week":
      return Math.ceil(31 / (7 * count));
    case "month":
    case "year":
      return 1;
  }
}

function holdWarnings(amount: Rupiah, tiers: readonly TierFeasibility[]): string[] {
  const [, ...above] = tiers;
  return tiers.flatMap(({ tier, holds }, index) => {
    if (holds) return [];
    const larger = above.slice(index).filter((next) => next.holds);
    // Of several wallets that are too small only the largest is worth a line.
    if (tiers[index + 1]?.holds === false) return [];
    const cure =
      larger.length === 0
        ? "no wallet can pay it; bill a smaller amount more often"
        : `only customers with ${larger.map((next) => next.tier.name).join(" or ")} can pay it`;
    return [
      `${formatRupiah(amount)} is more than an ${tier.name} wallet can hold (${formatRupiah(tier.balance)}): ${cure}`,
    ];
  });
}

type Monthly = Pick<Feasibility, "chargesPerMonth" | "monthly" | "tiers">;

function refillWarnings({ chargesPerMonth, monthly, tiers }: Monthly): string[] {
  return tiers.flatMap(({ tier, holds, refills }) => {
    if (!holds || refills) return [];
    return [
      `${chargesPerMonth} charges in a month are ${formatRupiah(monthly)}, more than can be paid into an ` +
        `${tier.name} wallet in a month (${formatRupiah(tier.incomingPerMonth)})`,
    ];
  });
}

function carriedOver(amount: Rupiah, minCharge: number): string {
  return (
    `${formatRupiah(amount)} is below the least we charge (${formatRupiah(minCharge)}): ` +
    "it is carried over until the sum is large enough"
  );
}
