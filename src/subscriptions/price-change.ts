import type { PlanVersionId, SubscriptionId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";

/** From `effectiveOn` on, periods of a subscription are billed at another version of its plan. */
export type PriceChange = {
  readonly subscriptionId: SubscriptionId;
  readonly effectiveOn: LocalDate;
  readonly planVersionId: PlanVersionId;
  /** That version's price. */
  readonly amount: Rupiah;
};

/** What a period is billed at. */
export type PeriodPrice = { readonly planVersionId: PlanVersionId; readonly amount: Rupiah };

/**
 * The price of a period that begins on `start`: the newest change in effect then, else `base`. A late period from
 * before a change keeps the old price, however late it is billed.
 */
export function priceOfPeriod(
  base: PeriodPrice,
  changes: readonly PriceChange[],
  start: LocalDate,
): PeriodPrice {
  let found: PriceChange | null = null;
  for (const change of changes) {
    if (change.effectiveOn > start) continue;
    if (found === null || change.effectiveOn > found.effectiveOn) found = change;
  }
  return found === null
    ? { planVersionId: base.planVersionId, amount: base.amount }
    : { planVersionId: found.planVersionId, amount: found.amount };
}
