import { InvalidError } from "../kernel/errors.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { Interval } from "../plans/plan.ts";
import { type BillingPeriod, billingPeriod, type Terms } from "./billing-period.ts";
import type { InvoiceLine } from "./invoice-lines.ts";
import { daysBetween } from "./local-date.ts";
import { type Fraction, prorate } from "./proration.ts";
import { reanchor } from "./re-anchor.ts";

/** What changes; a billing day that is not given stays. */
type NewPlan = {
  readonly interval: Interval;
  readonly amount: Rupiah;
  readonly billingDay?: number | null;
};

export type ChangeAsked = {
  readonly terms: Terms;
  /** Index of the next period to bill; the period in hand is the one before. */
  readonly nextIndex: number;
  readonly to: NewPlan;
  readonly on: LocalDate;
  /** What was really paid for the period in hand; 0 while its invoice is open. */
  readonly paid: Rupiah;
  /** The first day that `paid` is for, when the period in hand saw another change already; else its first day. */
  readonly since?: LocalDate;
};

/** The change worked out: shown as a preview, and the same value is what is then done. */
export type PlanChange = {
  /** First day on the new plan. */
  readonly from: LocalDate;
  /** Empty when nothing is billed or given back; else they add up to `charge − credit`. */
  readonly lines: readonly InvoiceLine[];
  /** To be invoiced at once (`change`); 0: no invoice. */
  readonly charge: Rupiah;
  /** To be used by the next invoices. Charge and credit are never both above 0. */
  readonly credit: Rupiah;
  readonly terms: Terms;
  readonly nextIndex: number;
  /** The first period that the new terms bill as usual; null: none is left. */
  readonly next: BillingPeriod | null;
};

/**
 * Changes the plan on a day of the period in hand: the unused part of what was paid goes back, the new plan is billed
 * from that day on. With the same interval the dates stay; with another one, or another billing day, a new first
 * period begins. On the day the period ends, or before any was billed, nothing is given back and nothing extra billed.
 */
export function changeNow(asked: ChangeAsked): PlanChange {
  const inHand = periodInHand(asked);
  if (inHand === null || asked.on === inHand.end) return changeAtNextPeriod(asked);
  const since = asked.since ?? inHand.start;
  if (asked.on < since || asked.on > inHand.end) {
    const says = `on: ${asked.on} is not in the period in hand, ${since} to ${inHand.end}`;
    throw new InvalidError(says, { field: "on" });
  }
  const unused: Fraction = { days: daysBetween(asked.on, inHand.end), of: daysBetween(since, inHand.end) };
  const back = creditLine(asked.paid, unused);
  return keepsDates(asked) ? sameDates(asked, inHand, back) : newDates(asked, back);
}

/** Changes the plan from the next period that is not yet billed: nothing is given back, nothing extra is billed. */
export function changeAtNextPeriod({ terms, nextIndex, to }: ChangeAsked): PlanChange {
  const next = billingPeriod(terms, nextIndex);
  if (next === null)
    throw new InvalidError("plan: no period is left that could be changed", { field: "plan" });
  const asked = { terms, to };
  const choice = to.billingDay === null ? "move" : (to.billingDay ?? "keep");
  const changed =
    keepsDates(asked) || isFirst(terms, nextIndex)
      ? changedTerms(asked)
      : changedTerms({ terms: reanchor(terms, { index: nextIndex, on: next.start, choice }), to });
  return {
    from: next.start,
    lines: [],
    charge: rupiah(0),
    credit: rupiah(0),
    terms: changed,
    nextIndex,
    next: billingPeriod(changed, nextIndex),
  };
}

/** The period that was billed last; null when none was under these terms. */
export function periodInHand({
  terms,
  nextIndex,
}: Pick<ChangeAsked, "terms" | "nextIndex">): BillingPeriod | null {
  return isFirst(terms, nextIndex) ? null : billingPeriod({ ...terms, cycles: null }, nextIndex - 1);
}

/** Nothing was billed under these terms yet. */
function isFirst(terms: Terms, nextIndex: number): boolean {
  return nextIndex <= (terms.countedFrom?.index ?? 0);
}

type Change = Pick<ChangeAsked, "terms" | "to">;

function keepsDates({ terms, to }: Change): boolean {
  const sameDay = to.billingDay === undefined || to.billingDay === terms.billingDay;
  return sameDay && to.interval.unit === terms.interval.unit && to.interval.count === terms.interval.count;
}

function changedTerms({ terms, to: { interval, amount, billingDay } }: Change): Terms {
  const changed = { ...terms, interval, amount };
  if (billingDay === undefined) return changed;
  return { ...changed, billingDay, alignment: "anniversary" };
}

function sameDates(asked: ChangeAsked, inHand: BillingPeriod, back: readonly InvoiceLine[]): PlanChange {
  const days = daysBetween(asked.on, inHand.end);
  const of = inHand.proration?.of ?? daysBetween(inHand.start, inHand.end);
  const debit = debitLine(asked.to.amount, { days, of });
  return result(asked, [...back, debit], { terms: changedTerms(asked), nextIndex: asked.nextIndex });
}

function newDates(asked: ChangeAsked, back: readonly InvoiceLine[]): PlanChange {
  const { nextIndex: index, on, to } = asked;
  // An anniversary moves to the day of the change; a chosen or calendar day stays and makes a short first period.
  const terms = reanchor(changedTerms(asked), { index, on, choice: "move" });
  const first = billingPeriod(terms, index);
  if (first === null)
    throw new InvalidError("plan: no period is left that could be changed", { field: "plan" });
  const of = first.proration ?? whole(first);
  return result(asked, [...back, debitLine(to.amount, of)], { terms, nextIndex: index + 1 });
}

function whole({ start, end }: BillingPeriod): Fraction {
  const days = daysBetween(start, end);
  return { days, of: days };
}

function creditLine(paid: Rupiah, unused: Fraction): InvoiceLine[] {
  const { part } = prorate(paid, unused);
  if (part === 0) return [];
  return [{ kind: "credit", amount: -part, note: `${unused.days} of ${unused.of} days of ${paid} not used` }];
}

function debitLine(price: Rupiah, fraction: Fraction): InvoiceLine {
  const { days, of } = fraction;
  const { part } = prorate(price, fraction);
  return days === of
    ? { kind: "period", amount: part, note: "" }
    : { kind: "proration", amount: part, note: `${days} of ${of} days of ${price}` };
}

function result(
  { on }: ChangeAsked,
  lines: readonly InvoiceLine[],
  { terms, nextIndex }: { readonly terms: Terms; readonly nextIndex: number },
): PlanChange {
  const net = lines.reduce((total, line) => total + line.amount, 0);
  return {
    from: on,
    lines,
    charge: rupiah(Math.max(0, net)),
    credit: rupiah(Math.max(0, -net)),
    terms,
    nextIndex,
    next: billingPeriod(terms, nextIndex),
  };
}
