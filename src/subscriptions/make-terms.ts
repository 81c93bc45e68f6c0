import { InvalidError } from "../kernel/errors.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import { demandDayOfMonth, type Interval, isByMonths, type Plan } from "../plans/plan.ts";
import { type Alignment, blockOf } from "./alignment.ts";
import type { Terms } from "./billing-period.ts";
import { plusDays } from "./local-date.ts";

/** What people say; a trial by days or by date, not both. */
export type Said = {
  readonly startOn: LocalDate;
  readonly interval: Interval;
  readonly billingDay: number | null;
  readonly trialDays: number | null;
  readonly endsOn: LocalDate | null;
  readonly cycles: number | null;
  readonly amount: Rupiah;
  readonly alignment?: Alignment;
  readonly billingMonth?: number | null;
  /** First day that is billed. */
  readonly trialEndsOn?: LocalDate | null;
};

/** Terms from what people say; throws `InvalidError` when that contradicts itself or nothing would ever be billed. */
export function makeTerms(said: Said): Terms {
  const { trialDays, trialEndsOn: until, ...terms } = said;
  const { startOn, endsOn } = terms;
  const trialEndsOn = trialEnd(startOn, trialDays, until ?? null);
  demandOneAnchor(said);
  if (endsOn !== null && endsOn <= startOn) {
    throw new InvalidError(`ends_on: ${endsOn} must be after the start, ${startOn}`, { field: "ends_on" });
  }
  if (endsOn !== null && trialEndsOn !== null && endsOn <= trialEndsOn) {
    const says = `ends_on: ${endsOn} must be after the trial, which ends on ${trialEndsOn}; before it nothing is billed`;
    throw new InvalidError(says, { field: "ends_on" });
  }
  return { ...terms, trialEndsOn };
}

/** What people say about a subscription to a plan; null: the plan's own, else the calendar's default. */
export type SaidOfPlan = {
  readonly startOn: LocalDate | null;
  readonly alignment: Alignment | null;
  readonly billingDay: number | null;
  readonly billingMonth: number | null;
  readonly trialDays: number | null;
  readonly trialEndsOn: LocalDate | null;
  readonly endsOn: LocalDate | null;
  readonly cycles: number | null;
};

/**
 * Terms on a plan: what is said wins over the plan's; a calendar has no billing day, and a trial to a day none of days.
 * Throws `InvalidError` as `makeTerms` does.
 */
export function termsOnPlan(
  given: SaidOfPlan,
  plan: Plan,
  { amount, today }: { readonly amount: Rupiah; readonly today: LocalDate },
): Terms {
  return makeTerms({
    startOn: given.startOn ?? today,
    interval: { unit: plan.intervalUnit, count: plan.intervalCount },
    billingDay: billingDayFor(given, plan),
    trialDays: given.trialDays ?? (given.trialEndsOn === null ? plan.trialDays : null),
    trialEndsOn: given.trialEndsOn,
    endsOn: given.endsOn,
    cycles: given.cycles ?? plan.cycles,
    amount,
    alignment: given.alignment ?? "anniversary",
    billingMonth: given.billingMonth,
  });
}

/** The day of the month to say for a subscription to `plan`: what was asked, else the plan's where one can apply. */
export function billingDayFor(
  { billingDay, alignment }: { readonly billingDay: number | null; readonly alignment: Alignment | null },
  plan: Plan,
): number | null {
  // A plan of weeks from before that was refused may still name a day.
  const inherits = alignment !== "calendar" && isByMonths({ unit: plan.intervalUnit });
  return billingDay ?? (inherits ? plan.billingDay : null);
}

function trialEnd(startOn: LocalDate, days: number | null, until: LocalDate | null): LocalDate | null {
  if (until === null) return days === null || days === 0 ? null : plusDays(startOn, days);
  if (days !== null) {
    throw new InvalidError("trial_ends_on: give it or trial_days, not both", { field: "trial_ends_on" });
  }
  if (until < startOn) {
    const says = `trial_ends_on: ${until} must not be before the start, ${startOn}`;
    throw new InvalidError(says, { field: "trial_ends_on" });
  }
  return until === startOn ? null : until;
}

function demandOneAnchor({ alignment, billingDay, billingMonth, interval }: Said): void {
  const month = billingMonth ?? null;
  demandDayOfMonth(interval, billingDay);
  if (alignment === "calendar" && billingDay !== null) {
    const says = "billing_day: with calendar alignment periods begin on the 1st; leave one of the two out";
    throw new InvalidError(says, { field: "billing_day" });
  }
  if (month === null) return;
  if (alignment === "calendar") {
    const says =
      "billing_month: with calendar alignment the year begins in January; leave one of the two out";
    throw new InvalidError(says, { field: "billing_month" });
  }
  const months = { day: 0, week: 0, month: interval.count, year: interval.count * 12 }[interval.unit];
  if (months === 0 || blockOf(months) === 1) {
    const says =
      "billing_month: only for steps of 2, 3, 4, 6 or 12 months or whole years, which keep to their months";
    throw new InvalidError(says, { field: "billing_month" });
  }
}
