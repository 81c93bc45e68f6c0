import { ConflictError, InvalidError } from "../kernel/errors.ts";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import { type BillingPeriod, billingPeriod } from "./billing-period.ts";
import { demandNotEnded, unbilledFrom } from "./ending.ts";
import { nextWake } from "./opening.ts";
import { resumedTerms } from "./re-anchor.ts";
import type { Hold, Subscription } from "./subscription.ts";

/** Enough to tell a person; nobody counts further. */
const MOST_LATE = 100;

/** Periods that began before `today` and are not invoiced yet, oldest first; at most 100. */
export function latePeriods(
  { terms, nextIndex, nextInvoiceAt }: Subscription,
  today: LocalDate,
): BillingPeriod[] {
  const late: BillingPeriod[] = [];
  if (nextInvoiceAt === null) return late;
  for (let index = nextIndex; late.length < MOST_LATE; index += 1) {
    const period = billingPeriod(terms, index);
    if (period === null || period.billsOn >= today) break;
    late.push(period);
  }
  return late;
}

export type PauseAsked = {
  /** The day on which it goes on by itself; null: when somebody resumes it. */
  readonly resumesOn: LocalDate | null;
  /** Periods that are late already may stay unbilled. */
  readonly passOver: boolean;
};

/** Paused from now on: nothing is invoiced and nothing collected until it is resumed. */
export function paused(subscription: Subscription, asked: PauseAsked, now: Instant): Subscription {
  demandNotEnded(subscription);
  const { reference, state, zone } = subscription;
  if (state === "paused") throw new ConflictError(`subscription ${reference} is paused already`);
  if (subscription.nextInvoiceAt === null)
    throw new ConflictError(
      `subscription ${reference} is ${state}, nothing is invoiced: use a hold, or cancel`,
    );
  const today = localDateAt(now, zone);
  if (asked.resumesOn !== null && asked.resumesOn <= today)
    throw new InvalidError(`resumes_on: must be after ${today}, the day in ${zone}`, { field: "resumes_on" });
  const late = latePeriods(subscription, today);
  if (late.length > 0 && !asked.passOver) throw new ConflictError(lateSays(late));
  return {
    ...subscription,
    state: "paused",
    pausedAt: now,
    resumesOn: asked.resumesOn,
    nextInvoiceAt: null,
  };
}

function lateSays(late: readonly BillingPeriod[]): string {
  const [oldest] = late;
  const periods = late.length === 1 ? "the period" : `${late.length} periods, the first`;
  return (
    `${periods} from ${oldest?.start} should have been invoiced before today: wait until that is done, ` +
    "or say pass_over if it is never to be billed"
  );
}

export type ResumeAsked = {
  /** Whether the old dates stay, or its days begin anew on the day of return. */
  readonly anchor: "keep" | "move";
  /** The day of return; null: today. */
  readonly on: LocalDate | null;
  /** An invoice of it is in dunning. */
  readonly inArrears: boolean;
  /** Start of the charge window, `HH:MM`; null: always open. */
  readonly windowFrom: string | null;
};

/**
 * Goes on after a pause. Days that are billed stay billed: back before they are over, the dates are as if there had
 * been no pause. Later, the next period is the first old one from the day of return on (`keep`) or
 * begins on it (`move`).
 */
export function resumed(subscription: Subscription, asked: ResumeAsked, now: Instant): Subscription {
  demandNotEnded(subscription);
  const { reference, state, zone, nextIndex: index } = subscription;
  if (state !== "paused") throw new ConflictError(`subscription ${reference} is ${state}, not paused`);
  const on = asked.on ?? localDateAt(now, zone);
  const stays = on <= unbilledFrom(subscription);
  const terms = stays
    ? subscription.terms
    : resumedTerms(subscription.terms, { index, on, choice: asked.anchor });
  const back = { ...subscription, pausedAt: null, resumesOn: null, terms: terms ?? subscription.terms };
  const next = terms === null ? null : billingPeriod(terms, index);
  return next === null ? withNothingLeft(back, asked.inArrears, now) : running(back, next, asked, on);
}

/** With an invoice in dunning it is completed when that is paid, as always. */
function withNothingLeft(subscription: Subscription, inArrears: boolean, now: Instant): Subscription {
  if (inArrears) return { ...subscription, state: "past_due", nextInvoiceAt: null };
  const endReason = "its last period is over";
  return { ...subscription, state: "completed", nextInvoiceAt: null, endedAt: now, endReason };
}

function running(
  subscription: Subscription,
  next: BillingPeriod,
  { inArrears, windowFrom }: ResumeAsked,
  today: LocalDate,
): Subscription {
  const inTrial =
    subscription.nextIndex === 0 && subscription.terms.trialEndsOn !== null && next.start > today;
  return {
    ...subscription,
    state: inArrears ? "past_due" : inTrial ? "trialing" : "active",
    nextInvoiceAt: nextWake(subscription, windowFrom),
  };
}

/** Held from now on: invoices are made as usual, and nothing is charged. A completed one may still have a debt. */
export function held(subscription: Subscription, hold: Hold, now: Instant): Subscription {
  const { reference, zone } = subscription;
  if (subscription.state === "canceled") demandNotEnded(subscription);
  if (subscription.hold !== null) {
    const { owner, reason } = subscription.hold;
    throw new ConflictError(`${owner} holds subscription ${reference} already (${reason}): release it first`);
  }
  const today = localDateAt(now, zone);
  if (hold.endsOn !== null && hold.endsOn <= today)
    throw new InvalidError(`ends_on: must be after ${today}, the day in ${zone}`, { field: "ends_on" });
  return { ...subscription, hold };
}

/** The hold is over: what is open is collected again. */
export function released(subscription: Subscription): Subscription {
  if (subscription.hold === null)
    throw new ConflictError(`nobody holds subscription ${subscription.reference}`);
  return { ...subscription, hold: null };
}
