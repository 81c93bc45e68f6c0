import type { Rupiah } from "../kernel/money.ts";
import type { Terms } from "./billing-period.ts";
import { type CatchUpPlan, lateAmountOf } from "./catch-up.ts";
import { type BillingFacts, billOf } from "./next-bill.ts";
import type { Subscription } from "./subscription.ts";

/** What the bills of one planned subscription depend on. */
export type PlannedBills = { readonly subscription: Subscription; readonly facts: BillingFacts };

/**
 * The plan with what its invoices will really say: discounts, price changes, credit and what is carried over, one
 * invoice after another. `bills` by the plan's names of the subscriptions; one that is missing keeps plain prices.
 */
export function billCatchUp(plan: CatchUpPlan, bills: ReadonlyMap<string, PlannedBills>): CatchUpPlan {
  const standing = new Map(bills);
  const amountOf = (name: string, terms: Terms, index: number): Rupiah | null => {
    const known = standing.get(name);
    const bill = known && billOf({ ...known.subscription, terms }, index, known.facts);
    if (!known || !bill) return null;
    standing.set(name, { ...known, subscription: { ...known.subscription, ...bill.billed.carried } });
    return bill.billed.amount;
  };
  const rows = plan.rows.map((row) => {
    const amount = amountOf(row.subscription, row.terms, row.period.index);
    return { ...row, amount: amount ?? row.amount };
  });
  const held = plan.held.map((each) => {
    const terms = bills.get(each.subscription)?.subscription.terms;
    const amount = terms && amountOf(each.subscription, terms, each.period.index);
    return { ...each, amount: amount ?? each.amount };
  });
  return { ...plan, rows, held, lateAmount: lateAmountOf(rows) };
}
