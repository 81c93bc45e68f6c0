import { type BillingPeriod, billingPeriod } from "./billing-period.ts";
import type { Discount } from "./discount.ts";
import { type Billed, billPeriod } from "./invoice-lines.ts";
import { type PeriodPrice, type PriceChange, priceOfPeriod } from "./price-change.ts";
import type { Subscription } from "./subscription.ts";

/** What besides the subscription decides an invoice's amount. */
export type BillingFacts = {
  /** In the order in which they are taken off. */
  readonly discounts: readonly Discount[];
  readonly priceChanges: readonly PriceChange[];
  readonly minCharge: number;
};

/** A period with its bill, at the price it has. */
export type Bill = {
  readonly period: BillingPeriod;
  readonly price: PeriodPrice;
  readonly billed: Billed;
  /** No later invoice will take what this one leaves. */
  readonly isLast: boolean;
};

/** The bill of period `index`: what is shown before, and then done. Null when the subscription is over by then. */
export function billOf(
  subscription: Pick<Subscription, "terms" | "planVersionId" | "credit" | "rollover">,
  index: number,
  { discounts, priceChanges, minCharge }: BillingFacts,
): Bill | null {
  const { terms, planVersionId, credit, rollover } = subscription;
  const plain = billingPeriod(terms, index);
  if (plain === null) return null;
  const price = priceOfPeriod({ planVersionId, amount: terms.amount }, priceChanges, plain.start);
  const priced = { ...terms, amount: price.amount };
  const period = billingPeriod(priced, index) ?? plain;
  const isLast = billingPeriod(priced, index + 1) === null;
  const carried = { credit, rollover };
  const billed = billPeriod({ period, price: price.amount, discounts, carried, minCharge, isLast });
  return { period, price, billed, isLast };
}
