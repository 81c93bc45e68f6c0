import { InvalidError } from "../kernel/errors.ts";
import { formatRupiah, type Rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { PlanPrice, PricedPlan } from "../plans/priced-plan.ts";
import { type BillingPeriod, billingPeriod, periodOn, type Terms } from "./billing-period.ts";
import type { ImportRow } from "./import-row.ts";
import { billingDayFor, makeTerms } from "./make-terms.ts";

/** The terms that a line describes, and the price they are at. */
export type ImportedTerms = { readonly terms: Terms; readonly price: PlanPrice };

/**
 * The terms of a running subscription. Its start is its anchor, so the plan's trial does not move it: only a trial
 * that the line names does. Throws `InvalidError` by column.
 */
export function importedTerms(row: ImportRow, { plan, prices }: PricedPlan, today: LocalDate): ImportedTerms {
  const price = priceOf(row, prices, row.startOn < today ? row.startOn : today);
  const terms = makeTerms({
    startOn: row.startOn,
    interval: { unit: plan.intervalUnit, count: plan.intervalCount },
    billingDay: billingDayFor(row, plan),
    trialDays: null,
    trialEndsOn: row.trialEndsOn,
    endsOn: row.endsOn,
    cycles: row.cycles ?? plan.cycles,
    amount: price.amount,
    alignment: row.alignment ?? "anniversary",
    billingMonth: row.billingMonth,
  });
  return { terms, price };
}

/** The plan's newest price of that amount; without an amount the one it had on `date`, or its first one before that. */
function priceOf({ amount, plan }: ImportRow, prices: readonly PlanPrice[], date: LocalDate): PlanPrice {
  const asked = prices.findLast((price) => price.amount === amount);
  if (amount !== null && asked === undefined) {
    const has = prices.map((price) => formatRupiah(price.amount)).join(", ");
    const says = `amount: the plan ${plan} has never cost ${formatRupiah(amount)}, only ${has}; give it that price first (docs/import.md)`;
    throw new InvalidError(says, { field: "amount" });
  }
  const inEffect = prices
    .filter(({ effectiveOn }) => effectiveOn <= date)
    .sort((one, other) => (one.effectiveOn < other.effectiveOn ? -1 : 1) || one.number - other.number)
    .at(-1);
  const price = asked ?? inEffect ?? prices[0];
  if (price === undefined) throw new InvalidError(`plan: ${plan} has no price yet`, { field: "plan" });
  return price;
}

/**
 * The first period that we bill: the one that begins on `nextBillOn`, or the first one that begins today or later.
 * Throws `InvalidError` when that day is no boundary, when its period is over, and when nothing is left to bill.
 */
export function firstPeriodToBill(
  terms: Terms,
  nextBillOn: LocalDate | null,
  today: LocalDate,
): BillingPeriod {
  const running = periodOn(terms, today);
  if (nextBillOn === null) {
    const next =
      running !== null && running.start < today ? billingPeriod(terms, running.index + 1) : running;
    return next ?? refuseEnded(terms, today);
  }
  const asked = periodOn(terms, nextBillOn);
  if (asked === null) return refuseEnded(terms, nextBillOn);
  if (asked.start !== nextBillOn) throw new InvalidError(noBoundary(nextBillOn, asked), NEXT_BILL_ON);
  if (running !== null && running.index <= asked.index) return asked;
  if (running === null) return refuseEnded(terms, today);
  const says =
    `next_bill_on: the period from ${nextBillOn} is over, and nothing is charged for the past; ` +
    `use ${running.start}, where the current period begins, or ${running.end}`;
  throw new InvalidError(says, NEXT_BILL_ON);
}

const NEXT_BILL_ON = { field: "next_bill_on" };

function noBoundary(date: LocalDate, { start, end }: BillingPeriod): string {
  const near =
    date < start
      ? `the first one begins on ${start}, the second on ${end}`
      : `the nearest ones do on ${start} and ${end}`;
  return `next_bill_on: no period begins on ${date}; ${near}`;
}

function refuseEnded({ endsOn, cycles }: Terms, date: LocalDate): never {
  const field = endsOn !== null && endsOn <= date ? "ends_on" : cycles === null ? "ends_on" : "cycles";
  const why = field === "ends_on" ? `it ends on ${endsOn}` : `its ${cycles} cycles are spent`;
  throw new InvalidError(
    `${field}: nothing is left to bill from ${date} on, for ${why}; leave the line out`,
    {
      field,
    },
  );
}

/** What was agreed by an import, as it is written down to compare the same line with when it comes again. */
export type ImportedAgreement = {
  readonly customer: string;
  readonly plan: string;
  readonly amount: Rupiah;
  readonly start_on: LocalDate;
  readonly next_bill_on: LocalDate;
  readonly alignment: string;
  readonly billing_day: number | null;
  readonly billing_month: number | null;
  readonly trial_ends_on: LocalDate | null;
  readonly ends_on: LocalDate | null;
  readonly cycles: number | null;
  readonly zone: string;
};

/** The agreement of a line by its columns; `nextBillOn` and `zone` are those that were found for it. */
export function agreementOf(
  row: ImportRow,
  { terms, price }: ImportedTerms,
  { nextBillOn, zone }: { readonly nextBillOn: LocalDate; readonly zone: string },
): ImportedAgreement {
  return {
    customer: row.customer,
    plan: row.plan,
    amount: price.amount,
    start_on: terms.startOn,
    next_bill_on: nextBillOn,
    alignment: terms.alignment ?? "anniversary",
    billing_day: terms.billingDay,
    billing_month: terms.billingMonth ?? null,
    trial_ends_on: terms.trialEndsOn,
    ends_on: terms.endsOn,
    cycles: terms.cycles,
    zone,
  };
}

/**
 * Columns in which a line differs from what was imported under its reference. An empty `amount`, `zone` or
 * `next_bill_on` differs from nothing: what it stood for then may be something else today.
 */
export function changedColumns(
  row: ImportRow,
  { terms }: ImportedTerms,
  imported: ImportedAgreement,
): (keyof ImportedAgreement)[] {
  const now: Record<keyof ImportedAgreement, unknown> = {
    customer: row.customer,
    plan: row.plan,
    amount: row.amount ?? imported.amount,
    start_on: terms.startOn,
    next_bill_on: row.nextBillOn ?? imported.next_bill_on,
    alignment: terms.alignment ?? "anniversary",
    billing_day: terms.billingDay,
    billing_month: terms.billingMonth ?? null,
    trial_ends_on: terms.trialEndsOn,
    ends_on: terms.endsOn,
    cycles: terms.cycles,
    zone: row.zone ?? imported.zone,
  };
  return (Object.keys(now) as (keyof ImportedAgreement)[]).filter(
    (column) => now[column] !== imported[column],
  );
}
