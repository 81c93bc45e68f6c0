import { type Rupiah, rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import { billingPeriod } from "../subscriptions/billing-period.ts";
import { type Billed, type InvoiceLine, settle } from "../subscriptions/invoice-lines.ts";
import type { PlanChange } from "../subscriptions/plan-change.ts";
import type { Subscription } from "../subscriptions/subscription.ts";

/** What a plan change comes to for the customer. */
export type ChangeBill = Pick<Billed, "lines" | "carried" | "needsPerson"> & {
  /** Of the invoice that is made at once; null: none is, for nothing is to be charged. */
  readonly amount: Rupiah | null;
};

/** The bill of a plan change: a charge takes credit and what was carried over along, a net credit is kept. */
export function billChange(
  { credit, rollover }: Pick<Subscription, "credit" | "rollover">,
  change: PlanChange,
  minCharge: number,
): ChangeBill {
  if (change.charge > 0) {
    const carried = { credit, rollover };
    return settle(change.lines, { carried, minCharge, isLast: change.next === null });
  }
  const carried = { credit: rupiah(credit + change.credit), rollover };
  return { lines: change.lines, amount: null, carried, needsPerson: false };
}

/** The days that the new plan is billed for by a change, and what they cost. */
export type Covered = {
  readonly index: number;
  readonly from: LocalDate;
  readonly to: LocalDate;
  readonly worth: number;
};

/** Null when a change bills nothing: it begins with the next period. */
export function coveredBy({ lines, from, terms, nextIndex }: PlanChange): Covered | null {
  if (lines.length === 0) return null;
  const index = nextIndex - 1;
  const period = billingPeriod({ ...terms, cycles: null }, index);
  if (period === null) return null;
  const worth = lines.filter(isPrice).reduce((total, { amount }) => total + amount, 0);
  return { index, from, to: period.end, worth };
}

function isPrice({ kind }: InvoiceLine): boolean {
  return kind === "period" || kind === "proration";
}
