import type { Verdict } from "../gateway/gateway.ts";
import { InvariantError } from "../kernel/errors.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import { applyDoubt } from "./apply-doubt.ts";
import { type Attempt, mayHaveLeft } from "./attempt.ts";
import type { Circumstances } from "./circumstances.ts";
import { type Consequences, contradicted, unchanged } from "./consequences.ts";
import type { NewsFacts } from "./facts.ts";
import { backToPlanAt, unspent } from "./invoice.ts";
import { nextRung } from "./next-step.ts";
import { planNext } from "./plan-next.ts";

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
    invoice: { ...facts.invoice, nextActionAt: now, retryAt: now, ...unspent(facts.invoice) },
    decision: {
      rule: "binding.renew",
      says: `${failed.code}: exchange the customer's token once more, then try again`,
    },
  };
}

function dun({ facts, dunned, now }: Circumstances, failed: Attempt, verdict: Declined): Consequences {
  const { invoice } = facts;
  const { code, declineClass } = verdict;
  if (dunned === null) throw new InvariantError("a decline is planned with what it depends on", { code });
  // A cut-off is the gateway's opening hours, not the customer's failure: no step, no budget.
  const counts = declineClass !== "window";
  // What a person asked for is counted apart, and a dead link is no try of a wallet.
  const usesBudget = counts && declineClass !== "binding" && invoice.askedAt === null;
  const attempts = facts.attempts.map((each) => (each.number === failed.number ? failed : each));
  const change = {
    firstFailedAt: invoice.firstFailedAt ?? (counts ? now : null),
    declineClass,
    outcome: { kind: "declined", at: now, code } as const,
    dunningStep: invoice.dunningStep + (counts ? 1 : 0),
    requestsUsed: invoice.requestsUsed + (usesBudget ? 1 : 0),
    ...(counts ? {} : unspent(invoice)),
  };
  const next = planNext({ ...facts, attempts }, dunned, change, now);
  return {
    ...unchanged(facts, failed),
    invoice: next.invoice,
    subscription: counts ? "past_due" : null,
    decision: {
      rule: `dunning.${declineClass}`,
      says: `declined ${code} (${declineClass}): ${next.says}`,
      why: next.why,
    },
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
      ...unspent(invoice),
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
