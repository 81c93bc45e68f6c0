import { formatRupiah } from "../kernel/money.ts";
import { type Instant, localDateAt } from "../kernel/time.ts";
import { type Attempt, mayHaveLeft } from "./attempt.ts";
import { nextOpening } from "./charge-window.ts";
import { type DunningPolicy, endsOn } from "./dunning.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { firstInquiryAt, reviewReason } from "./inquiry-ladder.ts";
import type { WaitingFor } from "./invoice.ts";

/** At most this many times is one reference sent again after it was proved not to have arrived. */
const MAX_RESENDS = 2;
/** How often a stop without an end is looked at again. */
const STOP_RECHECK_MINUTES = 15;

export type NextStep =
  /** Nothing to do and nothing to say. */
  | { readonly kind: "rest"; readonly nextActionAt: Instant | null }
  /** No request now: until a time, or until something else happens. */
  | {
      readonly kind: "wait";
      readonly until: Instant | null;
      readonly waitingFor: WaitingFor | null;
      readonly rule: string;
      readonly says: string;
      /** Set when collecting by the ladder is over. */
      readonly endReason?: string;
    }
  /** Ask the balance, then charge: with a new reference, or with that of `again`. */
  | { readonly kind: "collect"; readonly again: Attempt | null; readonly rule: string; readonly says: string }
  | { readonly kind: "inquire"; readonly attempt: Attempt; readonly rule: string; readonly says: string }
  /** A person must look at `attempt`. */
  | { readonly kind: "review"; readonly attempt: Attempt; readonly reason: string };

/** What an invoice needs `now`. Doubt is resolved before new money is asked for. */
export function nextStep(facts: Facts, policy: DunningPolicy, now: Instant): NextStep {
  const rung = facts.attempts.find((attempt) => attempt.inquireAt !== null && attempt.inquireAt <= now);
  if (rung !== undefined) return inquire(rung, "inquire.rung", "an inquiry was asked for");
  const live = liveAttempt(facts);
  if (live !== null) return stepForLive(facts, live, policy, now);
  // An inquiry that was rung about an old attempt does not take the invoice out of a person's hands.
  if (facts.invoice.state !== "open" || facts.invoice.waitingFor === "person")
    return { kind: "rest", nextActionAt: nextRung(facts) };
  const why = whyNotCharge(facts, policy, now);
  if (why !== null) return why;
  return {
    kind: "collect",
    again: null,
    rule: "collect.due",
    says: `${formatRupiah(facts.invoice.amount)} is due: ask the balance, then charge`,
  };
}

function stepForLive(facts: Facts, attempt: Attempt, policy: DunningPolicy, now: Instant): NextStep {
  if (attempt.state === "review") return { kind: "rest", nextActionAt: null };
  const reason = reviewReason(policy, attempt, now);
  // The gateway's page may still be payable: only a person may say that it is not.
  if (reason !== null)
    return { kind: "review", attempt, reason: attempt.kind === "sale" ? "abandoned page" : reason };
  if (attempt.state === "unsent" && !mayHaveLeft(attempt, null))
    return stepForUnsent(facts, attempt, policy, now);
  if (attempt.notFoundProved) return stepForNotFound(facts, attempt, policy, now);
  const says = `the fate of ${attempt.reference} is not known: ask the gateway`;
  return inquireWhenReady(facts, attempt, now, { rule: "inquire.doubt", says });
}

function stepForUnsent(facts: Facts, attempt: Attempt, policy: DunningPolicy, now: Instant): NextStep {
  // A page is never asked for again by the machine: somebody has to want to pay.
  const why = attempt.kind === "sale" ? null : whyNotCharge(facts, policy, now);
  // What the wallet itself refused is as lasting as a hold.
  if (why === null && attempt.kind !== "sale" && facts.invoice.waitingFor === null)
    return {
      kind: "collect",
      again: attempt,
      rule: "collect.unsent",
      says: `${attempt.reference} never left: send the same reference`,
    };
  if (why?.kind === "wait" && why.until !== null && why.waitingFor === null) return why;
  // Something lasting forbids it: the reference is given up, once the gateway confirms that it never arrived.
  const says = `${attempt.reference} may not be sent any more: confirm it never left`;
  return inquireWhenReady(facts, attempt, now, { rule: "inquire.never_left", says });
}

/** No sooner than the gateway can know: until then "not found" proves nothing. */
function inquireWhenReady(
  { invoice }: Facts,
  attempt: Attempt,
  now: Instant,
  why: { readonly rule: string; readonly says: string },
): NextStep {
  const earliest = firstInquiryAt(attempt, now);
  if (earliest <= now) return inquire(attempt, why.rule, why.says);
  const { waitingFor } = invoice;
  return { kind: "wait", until: earliest, waitingFor, rule: "inquire.early", says: "too early to ask" };
}

function stepForNotFound(facts: Facts, attempt: Attempt, policy: DunningPolicy, now: Instant): NextStep {
  if (attempt.accepted)
    return { kind: "review", attempt, reason: "the gateway accepted it and now does not know it" };
  if (attempt.resends >= MAX_RESENDS)
    return { kind: "review", attempt, reason: `not found after ${MAX_RESENDS} re-sends` };
  const why = whyNotCharge(facts, policy, now);
  if (why === null)
    return {
      kind: "collect",
      again: attempt,
      rule: "collect.resend",
      says: `${attempt.reference} was proved not to have arrived: send the same reference`,
    };
  // A live attempt keeps a time: the same reference is tried again when the obstacle is gone.
  if (why.kind === "wait" && why.until === null) return { ...why, until: now.plus({ days: 1 }) };
  return why;
}

/** The obstacle that keeps a charge from leaving `now`, or null. The same checks decide before and after the balance. */
export function whyNotCharge(
  { invoice, subscription, binding, stop }: Facts,
  policy: DunningPolicy,
  now: Instant,
): Extract<NextStep, { kind: "wait" | "rest" }> | null {
  if (invoice.state !== "open") return { kind: "rest", nextActionAt: now.plus({ days: 1 }) };
  const halted = haltedBy(subscription);
  if (halted !== null) return halted;
  if (stop !== null) {
    const until = stop.endsAt ?? now.plus({ minutes: STOP_RECHECK_MINUTES });
    return { kind: "wait", until, waitingFor: null, rule: "wait.stop", says: `stopped: ${stop.reason}` };
  }
  if (binding === null) return forever("method", "wait.method", "the customer has no active wallet binding");
  const planned = invoice.askedAt === null ? heldByPlan(invoice, policy, now) : null;
  if (planned !== null) return planned;
  const opening = nextOpening(policy.window, policy.zone, now);
  if (opening > now)
    return {
      kind: "wait",
      until: opening,
      waitingFor: null,
      rule: "wait.window",
      says: "outside the charge window",
    };
  return null;
}

function heldByPlan(
  { retryAt, firstFailedAt }: Facts["invoice"],
  policy: DunningPolicy,
  now: Instant,
): Extract<NextStep, { kind: "wait" }> | null {
  if (retryAt !== null && retryAt > now)
    return {
      kind: "wait",
      until: retryAt,
      waitingFor: null,
      rule: "wait.planned",
      says: "the next try is planned",
    };
  if (firstFailedAt !== null && localDateAt(now, policy.zone) >= endsOn(policy, firstFailedAt))
    return {
      ...forever("customer", "dunning.end", "the ladder is spent: no more tries of our own"),
      endReason: "exhausted",
    };
  return null;
}

function haltedBy(subscription: Facts["subscription"]): Extract<NextStep, { kind: "wait" }> | null {
  if (subscription.state === "canceled")
    return forever(
      "person",
      "wait.canceled",
      "the subscription is canceled: void the invoice or write it off",
    );
  if (subscription.state === "paused") return forever("hold", "wait.paused", "the subscription is paused");
  if (subscription.collectionHold) return forever("hold", "wait.hold", "collection is on hold");
  return null;
}

function forever(waitingFor: WaitingFor, rule: string, says: string): Extract<NextStep, { kind: "wait" }> {
  return { kind: "wait", until: null, waitingFor, rule, says };
}

function inquire(attempt: Attempt, rule: string, says: string): NextStep {
  return { kind: "inquire", attempt, rule, says };
}

/** The earliest inquiry that is still rung for the future, on any attempt. */
export function nextRung(facts: { readonly attempts: readonly Attempt[] }): Instant | null {
  const times = facts.attempts.flatMap((attempt) => (attempt.inquireAt === null ? [] : [attempt.inquireAt]));
  return times.sort((a, b) => a.toMillis() - b.toMillis())[0] ?? null;
}

/** The invoice's next time, or that of an inquiry rung about any of its attempts, whichever is sooner. */
export function keepingRung(nextActionAt: Instant | null, attempts: readonly Attempt[]): Instant | null {
  const rung = nextRung({ attempts });
  if (rung === null) return nextActionAt;
  return nextActionAt !== null && nextActionAt < rung ? nextActionAt : rung;
}
