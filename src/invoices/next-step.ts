import type { Decision } from "../dunning/decision.ts";
import type { Explanation } from "../dunning/explanation.ts";
import { nextTry } from "../dunning/next-try.ts";
import type { DunningPolicy, EndAction } from "../dunning/policy.ts";
import { say } from "../dunning/say.ts";
import { dateAt } from "../dunning/wall-clock.ts";
import { nextOpening } from "../dunning/window.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import { type Attempt, mayHaveLeft } from "./attempt.ts";
import { billAfter, type Dunned, dunningFactsOf } from "./dunned.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { firstInquiryAt, reviewReason } from "./inquiry-ladder.ts";
import type { Invoice, WaitingFor } from "./invoice.ts";
import { plannedTryOf } from "./plan-next.ts";

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
      readonly why?: Explanation;
      /** When the next request is planned, if this was planned anew. */
      readonly plannedTryAt?: Instant | null;
      /** Set where dunning begins without a request: there is no wallet to ask. */
      readonly failed?: Pick<Invoice, "firstFailedAt" | "nextBillOn" | "declineClass" | "dunningStep">;
    }
  /** Ask the balance, then charge: with a new reference, or with that of `again`. */
  | {
      readonly kind: "collect";
      readonly again: Attempt | null;
      readonly rule: string;
      readonly says: string;
      readonly why?: Explanation;
      /** A probe is a look: nothing is failed by it, and it leads to a charge only where the policy lets it. */
      readonly purpose: "try" | "probe";
      readonly askBalance: boolean;
      readonly mayCharge: boolean;
    }
  /** Collecting by the ladder is over. */
  | {
      readonly kind: "end";
      readonly action: EndAction;
      readonly rule: string;
      readonly says: string;
      readonly why: Explanation;
    }
  | { readonly kind: "inquire"; readonly attempt: Attempt; readonly rule: string; readonly says: string }
  /** A person must look at `attempt`. */
  | { readonly kind: "review"; readonly attempt: Attempt; readonly reason: string };

/** What an invoice needs `now`. Doubt is resolved before new money is asked for. */
export function nextStep(facts: Facts, dunned: Dunned, now: Instant): NextStep {
  const { policy } = dunned;
  const rung = facts.attempts.find((attempt) => attempt.inquireAt !== null && attempt.inquireAt <= now);
  if (rung !== undefined) return inquire(rung, "inquire.rung", "an inquiry was asked for");
  const live = liveAttempt(facts);
  if (live !== null) return stepForLive(facts, live, policy, now);
  // An inquiry that was rung about an old attempt does not take the invoice out of a person's hands.
  if (facts.invoice.state !== "open" || facts.invoice.waitingFor === "person")
    return { kind: "rest", nextActionAt: nextRung(facts) };
  return obstacle(facts, now) ?? stepOfPlan(facts, dunned, now);
}

/** What the policy, or a person who asked, wants of an invoice that nothing stands against. */
function stepOfPlan(facts: Facts, dunned: Dunned, now: Instant): NextStep {
  const { invoice, binding } = facts;
  const { policy } = dunned;
  if (binding === null) return withoutWallet(facts, dunned, now);
  if (invoice.askedAt !== null) return closedNow(policy, now) ?? asked(facts);
  const { retryAt } = invoice;
  if (retryAt !== null && retryAt > now)
    return {
      ...until(retryAt, "wait.planned", "the next step is planned"),
      waitingFor: invoice.waitingFor,
      plannedTryAt: invoice.plannedTryAt,
    };
  return planned(facts, dunned, now);
}

function asked({ invoice }: Facts): NextStep {
  const says = `a person asked for ${formatRupiah(invoice.amount)}: ask the balance, then charge`;
  return { ...collect(null, "collect.asked", says), kind: "collect" };
}

/** Nobody can be asked: dunning begins all the same, and ends as the policy says. */
function withoutWallet(facts: Facts, dunned: Dunned, now: Instant): NextStep {
  const { invoice } = facts;
  const { policy, holidays, nextBillOn } = dunned;
  const failed =
    invoice.firstFailedAt === null
      ? { firstFailedAt: now, nextBillOn: billAfter(nextBillOn, dateAt(now, policy.zone)), dunningStep: 1 }
      : invoice;
  const { firstFailedAt, nextBillOn: billsNext, dunningStep } = failed;
  const begun = { firstFailedAt, nextBillOn: billsNext, dunningStep, declineClass: "binding" as const };
  const without = dunningFactsOf({ ...facts, invoice: { ...invoice, ...begun } }, dunned, now);
  const decision = nextTry(policy, without, holidays, now);
  if (decision.kind === "end" && decision.at !== null && decision.at <= now) return ended(decision);
  return {
    kind: "wait",
    until: decision.at,
    waitingFor: "method",
    rule: "wait.method",
    says: "the customer has no active wallet binding",
    why: decision.why,
    plannedTryAt: null,
    failed: begun,
  };
}

function planned(facts: Facts, dunned: Dunned, now: Instant): NextStep {
  const { policy, holidays } = dunned;
  const decision = nextTry(policy, dunningFactsOf(facts, dunned, now), holidays, now);
  const { kind, at, why, waitingFor } = decision;
  const rule = why.rule;
  const says = say(why, "en");
  const plannedTryAt = plannedTryOf(why);
  if (kind === "wait" || at === null || at > now) {
    const person = waitingFor === "person" || waitingFor === "method" ? waitingFor : null;
    return { kind: "wait", until: at, waitingFor: person, rule, says, why, plannedTryAt };
  }
  if (kind === "end") return ended(decision);
  const isProbe = kind === "probe";
  const isFirst = why.reason.code === "first_try";
  const due = `${formatRupiah(facts.invoice.amount)} is due: ask the balance, then charge`;
  return {
    ...collect(null, isFirst ? "collect.due" : rule, isFirst ? due : says),
    why,
    purpose: kind,
    askBalance: isProbe || decision.askBalance,
    mayCharge: !isProbe || (policy.probes.chargeWhenEnough && closedNow(policy, now) === null),
  };
}

function ended({ endAction, why }: Decision): NextStep {
  return { kind: "end", action: endAction ?? "unpaid", rule: why.rule, says: say(why, "en"), why };
}

function collect(again: Attempt | null, rule: string, says: string): Extract<NextStep, { kind: "collect" }> {
  return { kind: "collect", again, rule, says, purpose: "try", askBalance: true, mayCharge: true };
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
    return collect(attempt, "collect.unsent", `${attempt.reference} never left: send the same reference`);
  const isLasting = facts.invoice.waitingFor !== null;
  if (!isLasting && why?.kind === "wait" && why.until !== null && why.waitingFor === null) return why;
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
    return collect(
      attempt,
      "collect.resend",
      `${attempt.reference} was proved not to have arrived: send the same reference`,
    );
  // A live attempt keeps a time: the same reference is tried again when the obstacle is gone.
  if (why.kind === "wait" && why.until === null) return { ...why, until: now.plus({ days: 1 }) };
  return why;
}

/** What keeps the same reference from being sent again `now`, or null: all but the plan, which it is part of. */
export function whyNotCharge(
  facts: Facts,
  policy: DunningPolicy,
  now: Instant,
): Extract<NextStep, { kind: "wait" | "rest" }> | null {
  if (facts.invoice.state !== "open") return { kind: "rest", nextActionAt: now.plus({ days: 1 }) };
  const why = obstacle(facts, now);
  if (why !== null) return why;
  if (facts.binding === null)
    return forever("method", "wait.method", "the customer has no active wallet binding");
  const { askedAt, retryAt } = facts.invoice;
  if (askedAt === null && retryAt !== null && retryAt > now)
    return until(retryAt, "wait.planned", "the next step is planned");
  return closedNow(policy, now);
}

/** What forbids sending an open invoice at all: its subscription, or a stop. */
function obstacle({ subscription, stop }: Facts, now: Instant): Extract<NextStep, { kind: "wait" }> | null {
  const halted = haltedBy(subscription);
  if (halted !== null || stop === null) return halted;
  return until(
    stop.endsAt ?? now.plus({ minutes: STOP_RECHECK_MINUTES }),
    "wait.stop",
    `stopped: ${stop.reason}`,
  );
}

function closedNow(policy: DunningPolicy, now: Instant): Extract<NextStep, { kind: "wait" }> | null {
  const opening = nextOpening(policy, now);
  return opening > now ? until(opening, "wait.window", "outside the charge window") : null;
}

function until(at: Instant, rule: string, says: string): Extract<NextStep, { kind: "wait" }> {
  return { kind: "wait", until: at, waitingFor: null, rule, says };
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
