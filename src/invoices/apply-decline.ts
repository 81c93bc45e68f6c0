import type { Verdict } from "../gateway/gateway.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import { applyDoubt } from "./apply-doubt.ts";
import { type Attempt, mayHaveLeft } from "./attempt.ts";
import type { Circumstances } from "./circumstances.ts";
import { type Consequences, contradicted, unchanged } from "./consequences.ts";
import { afterDecline, type DunningPolicy } from "./dunning.ts";
import type { NewsFacts } from "./facts.ts";
import { backToPlanAt, type Invoice } from "./invoice.ts";
import { nextRung } from "./next-step.ts";

type Declined = Extract<Verdict, { kind: "declined" }>;

/** An invoice that is called our mistake this often waits for a person instead of trying on. */
const MAX_CONFIG_REFUSALS = 3;

/** A definite no. Frees the invoice for a new reference only when nothing else can have happened. */
export function applyDecline(circumstances: Circumstances, verdict: Declined): Consequences {
  const { facts, attempt, news, now } = circumstances;
  const leave = unchanged(facts, attempt);
  if (attempt.state === "succeeded")
    return contradicted(facts, attempt, `the ${news.source} says ${verdict.code}`);
  if (attempt.state === "failed") return leave;
  // A refusal of a re-send says nothing about the earlier send of the same reference.
  if (news.source === "answer" && mayHaveLeft(attempt, news.requestId))
    return applyDoubt(circumstances, `${verdict.code} answered a re-send`);
  const failed: Attempt = {
    ...attempt,
    state: "failed",
    declineClass: verdict.declineClass,
    code: verdict.code,
    message: verdict.message.slice(0, 200),
    reviewReason: null,
    closedAt: now,
  };
  if (facts.invoice.state !== "open")
    return {
      ...leave,
      attempt: failed,
      invoice: { ...facts.invoice, nextActionAt: rungElsewhere(facts, failed) },
    };
  if (attempt.kind === "sale") return pageEnded(circumstances, failed, verdict);
  if (verdict.declineClass === "config") return ourMistake(circumstances, failed, verdict);
  if (isStaleCustomerToken(facts, failed)) return renewCustomerToken(circumstances, failed);
  return dun(circumstances, failed, verdict);
}

/** A closed invoice keeps a time only for inquiries that were asked for about its other attempts. */
function rungElsewhere({ attempts }: NewsFacts, failed: Attempt): Instant | null {
  return nextRung({ attempts: attempts.filter((other) => other.number !== failed.number) });
}

/** The first refusal of the customer's token may only mean that it is old; the second means that the wallet is gone. */
function isStaleCustomerToken(facts: NewsFacts, failed: Attempt): boolean {
  const refused = (attempt: Attempt) => /^401\d\d0[24]$/.test(attempt.code ?? "");
  const before = facts.attempts.filter((other) => other.kind === "recurring" && other.number < failed.number);
  return refused(failed) && !before.some(refused);
}

/** Canceled, run out or refused: the invoice goes back to its plan, or to what it waited for. No step, no budget. */
function pageEnded({ facts, now }: Circumstances, failed: Attempt, verdict: Declined): Consequences {
  const says = `the page of ${failed.reference} ended unpaid (${verdict.code} ${verdict.message})`.slice(
    0,
    200,
  );
  const refusedUs = verdict.declineClass === "config";
  return {
    ...unchanged(facts, failed),
    invoice: { ...facts.invoice, nextActionAt: backToPlanAt(facts.invoice, now) },
    exceptions: refusedUs ? [{ kind: "our_mistake", says, amount: failed.amount }] : [],
    decision: { rule: "pay_link.ended", says },
  };
}

function renewCustomerToken({ facts, now }: Circumstances, failed: Attempt): Consequences {
  return {
    ...unchanged(facts, failed),
    invoice: { ...facts.invoice, nextActionAt: now, retryAt: now },
    decision: {
      rule: "binding.renew",
      says: `${failed.code}: exchange the customer's token once more, then try again`,
    },
  };
}

function dun({ facts, policy, now }: Circumstances, failed: Attempt, verdict: Declined): Consequences {
  const { invoice } = facts;
  const said = `declined ${verdict.code} (${verdict.declineClass})`;
  // A cut-off is the gateway's opening hours, not the customer's failure: no step, no budget.
  const counts = verdict.declineClass !== "window";
  const { invoice: next, subscription, says } = planRetry(facts, policy, verdict.declineClass, now, counts);
  const used =
    verdict.declineClass === "binding" || !counts ? invoice.requestsUsed : invoice.requestsUsed + 1;
  return {
    ...unchanged(facts, failed),
    invoice: { ...next, requestsUsed: used },
    subscription,
    decision: { rule: `dunning.${verdict.declineClass}`, says: `${said}: ${says}` },
  };
}

/** The invoice after a definite no or a short balance, and what becomes of its subscription. */
export function planRetry(
  { invoice }: NewsFacts,
  policy: DunningPolicy,
  declineClass: Declined["declineClass"],
  now: Instant,
  counts: boolean,
): { invoice: Invoice; subscription: "past_due" | "unpaid" | null; says: string } {
  const firstFailedAt = invoice.firstFailedAt ?? (counts ? now : null);
  const step = afterDecline(policy, declineClass, firstFailedAt ?? now, now);
  const base: Invoice = {
    ...invoice,
    firstFailedAt,
    dunningStep: counts ? invoice.dunningStep + 1 : invoice.dunningStep,
    askedAt: null,
    notSentCount: 0,
    balanceFailures: 0,
  };
  if (step.kind === "retry") {
    const says = `next try ${step.at.setZone(policy.zone).toFormat("yyyy-MM-dd HH:mm")}`;
    const next = { ...base, nextActionAt: step.at, retryAt: step.at, waitingFor: null };
    return { invoice: next, subscription: counts ? "past_due" : null, says };
  }
  const spent = step.waitingFor === "customer";
  return {
    invoice: {
      ...base,
      nextActionAt: null,
      retryAt: null,
      waitingFor: step.waitingFor,
      endReason: spent ? "exhausted" : null,
    },
    subscription: spent ? "unpaid" : "past_due",
    says: spent ? "the ladder is spent" : `waits for ${step.waitingFor}`,
  };
}

/** Nothing was taken and the customer is not at fault: no dunning, everything stops, a person is called. */
function ourMistake({ facts, now }: Circumstances, failed: Attempt, verdict: Declined): Consequences {
  const { invoice } = facts;
  const refusals = invoice.configRefusals + 1;
  const untilTomorrow = verdict.code.endsWith("20") && verdict.code.startsWith("403");
  const retryAt = now.plus({ hours: 1 });
  const givenUp = refusals >= MAX_CONFIG_REFUSALS;
  return {
    ...unchanged(facts, failed),
    invoice: {
      ...invoice,
      configRefusals: refusals,
      askedAt: null,
      nextActionAt: givenUp ? null : retryAt,
      retryAt: givenUp ? null : retryAt,
      waitingFor: givenUp ? "person" : null,
    },
    exceptions: [
      {
        kind: "our_mistake",
        says: `the gateway refused ${formatRupiah(failed.amount)} with ${verdict.code} ${verdict.message}: our side or our contract`,
        amount: failed.amount,
      },
    ],
    decision: {
      rule: "dunning.config",
      says: `${verdict.code}: our mistake, not the customer's; collecting stops`,
    },
    stop: {
      reason: `${verdict.code} ${verdict.message}`.slice(0, 200),
      until: untilTomorrow ? "tomorrow" : "an_hour",
    },
  };
}
