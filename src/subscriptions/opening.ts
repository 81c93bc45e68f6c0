import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import { type BillingPeriod, billingPeriod, type Terms } from "./billing-period.ts";
import { plusDays } from "./local-date.ts";
import { reanchor } from "./re-anchor.ts";
import { wakeAt, waking } from "./wake-at.ts";

/** What is done about periods whose day went by while nothing was billed. */
export const CATCH_UP_POLICIES = [
  /** Every missed period, oldest first, one a local day. The default. */
  "one_a_day",
  /** Every missed period, oldest first, all on the day billing comes back. */
  "all_at_once",
  /** Periods that are over are never billed; the one that runs is. */
  "current_only",
  /** The missed time is not billed: the period begins on the day billing comes back, and the anchor with it. */
  "shift_anchor",
  /** Nothing opens until a person has chosen one of the others. */
  "hold",
] as const;
export type CatchUpPolicy = (typeof CATCH_UP_POLICIES)[number];

/** Where the billing of a subscription stands. */
export type Standing = {
  readonly terms: Terms;
  readonly zone: string;
  /** Index of the next period to bill. */
  readonly nextIndex: number;
  /** When to look at it next; null: never again. */
  readonly nextInvoiceAt: Instant | null;
  /** The local day on which an invoice was last opened. */
  readonly lastOpenedOn: LocalDate | null;
};

export type OpeningRules = {
  readonly now: Instant;
  /** Start of the charge window, `HH:MM`; null: always open. */
  readonly windowFrom: string | null;
  readonly policy: CatchUpPolicy;
  /** Invoices of the customer today, for any subscription: opened, or due on their own day and still to open. */
  readonly openedToday: number;
  /** How many a day late periods may add up to: see `latePerDay`. */
  readonly perDay: number;
};

/** Time that is not billed, by the policy. */
export type PassedOver = { readonly from: LocalDate; readonly to: LocalDate; readonly says: string };

/** What to do about the next period of a subscription. Except after `holds`, `next` is what is stored. */
export type Opening =
  | {
      readonly kind: "opens";
      readonly period: BillingPeriod;
      readonly late: boolean;
      readonly passedOver: readonly PassedOver[];
      readonly next: Standing;
    }
  /** Not its day yet, or enough was opened today: `next.nextInvoiceAt` says when to look again. */
  | { readonly kind: "waits"; readonly next: Standing }
  | { readonly kind: "holds" }
  | { readonly kind: "over"; readonly passedOver: readonly PassedOver[]; readonly next: Standing };

/**
 * How many late invoices a customer may be given a local day: one, so that nobody is charged for a quarter at once; two
 * when one of the plans is billed every day, or it would never draw level.
 */
export function latePerDay(plans: readonly Terms[]): number {
  return plans.some(({ interval }) => interval.unit === "day" && interval.count === 1) ? 2 : 1;
}

/** The decision for one due subscription; asked again until it waits, holds or is over. Same facts, same answer. */
export function opening(standing: Standing, rules: OpeningRules): Opening {
  const period = billingPeriod(standing.terms, standing.nextIndex);
  if (period === null) return over(standing, []);
  const { at: wakes, on: day } = waking(period.billsOn, standing.zone, rules.windowFrom);
  if (wakes > rules.now) return waits(standing, wakes);
  // By the day it wakes, not by its date: a day that the zone skipped is not late on the day after.
  const late = wakeAt(plusDays(day, 1), standing.zone, null) <= rules.now;
  const today = late ? localDateAt(rules.now, standing.zone) : day;
  if (late && rules.policy === "hold") return { kind: "holds" };
  if (late && rules.policy === "shift_anchor") return opensShifted(standing, period, today, rules);
  if (late && rules.policy === "current_only") return opensCurrent(standing, period, today, rules);
  return opens(standing, { terms: standing.terms, period, late, passedOver: [] }, today, rules);
}

/** The moment of the next period, by its date in `zone`: a change of zone moves this and no period. Null: over. */
export function nextWake(
  { terms, nextIndex, zone }: Pick<Standing, "terms" | "nextIndex" | "zone">,
  windowFrom: string | null,
): Instant | null {
  const period = billingPeriod(terms, nextIndex);
  return period === null ? null : wakeAt(period.billsOn, zone, windowFrom);
}

type Found = Pick<Extract<Opening, { kind: "opens" }>, "period" | "late" | "passedOver"> & {
  /** The terms that the period is one of; other than the standing's after a shift. */
  readonly terms: Terms;
};

function opens(standing: Standing, found: Found, today: LocalDate, rules: OpeningRules): Opening {
  const { terms, period, late, passedOver } = found;
  const bound = rules.policy !== "all_at_once" && (late || standing.lastOpenedOn === today);
  if (bound && rules.openedToday >= rules.perDay) {
    return waits(standing, wakeAt(plusDays(today, 1), standing.zone, rules.windowFrom));
  }
  const nextInvoiceAt = wakeAt(period.end, standing.zone, rules.windowFrom);
  const next = { ...standing, terms, nextIndex: period.index + 1, nextInvoiceAt, lastOpenedOn: today };
  return { kind: "opens", period, late, passedOver, next };
}

function opensCurrent(
  standing: Standing,
  oldest: BillingPeriod,
  today: LocalDate,
  rules: OpeningRules,
): Opening {
  const passedOver: PassedOver[] = [];
  let period: BillingPeriod | null = oldest;
  while (period !== null && period.end <= today) {
    passedOver.push({ from: period.start, to: period.end, says: `period ${period.index} was over` });
    period = billingPeriod(standing.terms, period.index + 1);
  }
  if (period === null) return over(standing, passedOver);
  const { at: wakes, on: day } = waking(period.billsOn, standing.zone, rules.windowFrom);
  // Found again then, with the same periods passed over.
  if (wakes > rules.now) return waits(standing, wakes);
  const late = day < today;
  return opens(standing, { terms: standing.terms, period, late, passedOver }, today, rules);
}

function opensShifted(
  standing: Standing,
  oldest: BillingPeriod,
  today: LocalDate,
  rules: OpeningRules,
): Opening {
  const passedOver = [{ from: oldest.start, to: today, says: `period ${oldest.index} begins on ${today}` }];
  const terms = reanchor(standing.terms, { index: oldest.index, on: today, choice: "move" });
  const period = billingPeriod(terms, oldest.index);
  if (period === null) return over(standing, passedOver);
  return opens(standing, { terms, period, late: true, passedOver }, today, rules);
}

function waits(standing: Standing, nextInvoiceAt: Instant): Opening {
  return { kind: "waits", next: { ...standing, nextInvoiceAt } };
}

function over(standing: Standing, passedOver: readonly PassedOver[]): Opening {
  return { kind: "over", passedOver, next: { ...standing, nextInvoiceAt: null } };
}
