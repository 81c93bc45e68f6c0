import { ConflictError } from "../kernel/errors.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { billingPeriod } from "./billing-period.ts";
import type { Subscription } from "./subscription.ts";

/** Throws `ConflictError` in words when a subscription is over: nothing can be done to it any more. */
export function demandNotEnded({ reference, state, endedAt }: Subscription): void {
  if (state !== "canceled" && state !== "completed") return;
  const since = endedAt === null ? "" : ` since ${endedAt.toISODate()}`;
  throw new ConflictError(
    `subscription ${reference} is ${state}${since} and stays so: make a new one instead`,
  );
}

/** Canceled now: nothing is invoiced any more, and what is open is not collected by itself. */
export function canceledNow(subscription: Subscription, reason: string, now: Instant): Subscription {
  demandNotEnded(subscription);
  return {
    ...subscription,
    state: "canceled",
    nextInvoiceAt: null,
    pausedAt: null,
    resumesOn: null,
    hold: null,
    cancelAtPeriodEnd: false,
    endedAt: now,
    endReason: reason,
  };
}

/** Canceled when what is billed runs out: the next period is not invoiced any more. */
export function cancelPlanned(subscription: Subscription): Subscription {
  demandNotEnded(subscription);
  const { reference, state, nextInvoiceAt, cancelAtPeriodEnd } = subscription;
  if (cancelAtPeriodEnd)
    throw new ConflictError(`subscription ${reference} is already canceled at the period's end`);
  if (nextInvoiceAt === null)
    throw new ConflictError(`subscription ${reference} is ${state}, nothing more is invoiced: cancel it now`);
  return { ...subscription, cancelAtPeriodEnd: true };
}

/** A cancel at the period's end taken back, while the period has not ended. */
export function cancelTakenBack(subscription: Subscription): Subscription {
  demandNotEnded(subscription);
  if (!subscription.cancelAtPeriodEnd)
    throw new ConflictError(
      `subscription ${subscription.reference} is not canceled: there is nothing to take back`,
    );
  return { ...subscription, cancelAtPeriodEnd: false };
}

/** The first day that is not billed yet, whether or not anything is left to bill from there on. */
export function unbilledFrom({ terms, nextIndex }: Pick<Subscription, "terms" | "nextIndex">): LocalDate {
  const next = billingPeriod({ ...terms, cycles: null, endsOn: null }, nextIndex);
  // Without its ends a calendar never runs out.
  return next?.start ?? terms.startOn;
}
