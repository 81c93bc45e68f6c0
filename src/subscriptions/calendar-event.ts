import { ConflictError, InvalidError } from "../kernel/errors.ts";
import type { LocalDate } from "../kernel/time.ts";
import { isByMonths } from "../plans/plan.ts";
import { type BillingPeriod, billingPeriod } from "./billing-period.ts";
import { demandNotEnded } from "./ending.ts";
import { nextWake } from "./opening.ts";
import { type AnchorChoice, reanchor, resumedTerms } from "./re-anchor.ts";
import type { Subscription } from "./subscription.ts";

/** The next period to invoice; throws `ConflictError` in words when none is coming. */
export function nextPeriod(subscription: Subscription): BillingPeriod {
  demandNotEnded(subscription);
  const { reference, state, terms, nextIndex, nextInvoiceAt } = subscription;
  const period = nextInvoiceAt === null ? null : billingPeriod(terms, nextIndex);
  if (period !== null) return period;
  const cure = state === "paused" ? ": resume it first" : "";
  throw new ConflictError(`subscription ${reference} is ${state} and has no next period${cure}`);
}

/**
 * The next period is not billed, and those after it stay where they are; the number of invoices to come is the same.
 * `from`, when given, is the first day of the period that is meant.
 */
export function skipped(
  subscription: Subscription,
  from: LocalDate | null,
  windowFrom: string | null,
): Subscription {
  const { start, end, index } = nextPeriod(subscription);
  if (from !== null && from !== start)
    throw new ConflictError(
      `the next period begins on ${start}, not on ${from}: it was billed or skipped already`,
    );
  const terms = resumedTerms(subscription.terms, { index, on: end, choice: "keep" });
  if (terms === null)
    throw new ConflictError(
      `no period is left after the one from ${start}: cancel at the period's end instead`,
    );
  return woken({ ...subscription, terms }, windowFrom);
}

/** Another zone, from the next period that is not billed on: dates stay, only their moments move. */
export function moved(subscription: Subscription, zone: string, windowFrom: string | null): Subscription {
  demandNotEnded(subscription);
  if (zone === subscription.zone)
    throw new ConflictError(`subscription ${subscription.reference} is in ${zone} already`);
  const { nextInvoiceAt } = subscription;
  // Behind schedule it waits for its turn, which is no moment of its calendar.
  const onTime =
    nextInvoiceAt !== null && nextInvoiceAt.toMillis() === nextWake(subscription, windowFrom)?.toMillis();
  const there = { ...subscription, zone };
  return onTime ? woken(there, windowFrom) : there;
}

export type ReanchorAsked = {
  /** First day of the next period; null: the day it would begin on anyway. */
  readonly on: LocalDate | null;
  readonly choice: AnchorChoice;
};

/** The next period begins on the day asked for, and later ones are counted from there. Days that are billed stay billed. */
export function reanchored(
  subscription: Subscription,
  { on, choice }: ReanchorAsked,
  windowFrom: string | null,
): Subscription {
  const { start, index } = nextPeriod(subscription);
  if (on !== null && on < start)
    throw new InvalidError(`on: the days before ${start} are billed already; take ${start} or later`, {
      field: "on",
    });
  const { unit } = subscription.terms.interval;
  if (typeof choice === "number" && !isByMonths({ unit }))
    throw new InvalidError(
      `billing_day: periods of ${unit}s are counted in days; say on which day they begin`,
      {
        field: "billing_day",
      },
    );
  const terms = reanchor(subscription.terms, { index, on: on ?? start, choice });
  if (billingPeriod(terms, index) === null)
    throw new InvalidError(`on: the subscription ends on ${terms.endsOn}, so no period could begin then`, {
      field: "on",
    });
  return woken({ ...subscription, terms }, windowFrom);
}

function woken(subscription: Subscription, windowFrom: string | null): Subscription {
  return { ...subscription, nextInvoiceAt: nextWake(subscription, windowFrom) };
}
