import type { Verdict } from "../gateway/gateway.ts";
import type { Instant } from "../kernel/time.ts";
import { type Attempt, type AttemptState, isLive, mayHaveLeft } from "./attempt.ts";
import { type Circumstances, codeOf } from "./circumstances.ts";
import { type Consequences, contradicted, unchanged, withRequest } from "./consequences.ts";
import {
  FIRST_INQUIRY_AFTER_MS,
  firstInquiryAt,
  lookAgainAt,
  NOT_FOUND_SPREAD_MS,
  NOT_FOUND_TIMES,
  reviewReason,
} from "./inquiry-ladder.ts";
import { backToPlanAt, type Invoice, unspent } from "./invoice.ts";
import { afterNotSent } from "./not-sent.ts";

/** Our own token refused this often for one reference means that our keys are wrong. */
const MAX_TOKEN_REFUSALS = 2;
/** A gateway that says "too many requests" gets this much silence from all workers. */
const BUSY_SILENCE_MS = 2_000;

/** No trustworthy word: nothing is concluded, and the gateway is asked later. */
export function applyDoubt(
  { facts, attempt, news, policy, now }: Circumstances,
  cause: string,
): Consequences {
  const leave = unchanged(facts, attempt);
  if (!isLive(attempt)) {
    // A rung inquiry that got no answer is made again, until the ladder is spent.
    if (news.source !== "inquiry" || reviewReason(policy, attempt, now) !== null) return leave;
    const inquireAt = lookAgainAt(policy, attempt, now);
    return {
      ...leave,
      attempt: { ...attempt, inquireAt },
      invoice: { ...facts.invoice, nextActionAt: soonest(facts.invoice.retryAt, inquireAt) },
    };
  }
  if (attempt.state === "review") return leave;
  const askAt =
    news.source === "inquiry"
      ? lookAgainAt(policy, attempt, now)
      : later(attempt.lastSentAt.plus(policy.inquiryLadderMs[0] ?? FIRST_INQUIRY_AFTER_MS), now);
  return {
    ...leave,
    attempt: { ...attempt, state: inDoubt(attempt.state, news.source) },
    invoice: { ...facts.invoice, nextActionAt: askAt },
    decision: {
      rule: "doubt",
      says: `${cause.slice(0, 120)}: nothing is concluded, the gateway is asked again`,
    },
  };
}

/** An inquiry without an answer leaves `unsent` and `pending` alone; a send without one is unknown. */
function inDoubt(state: AttemptState, source: string): AttemptState {
  if (state === "pending" || (source === "inquiry" && state === "unsent")) return state;
  return "unknown";
}

/** A notification of failure is not believed by itself: it rings an inquiry. */
export function applyRefusalNotice(
  { facts, attempt, news, now }: Circumstances,
  verdict: Extract<Verdict, { kind: "refusal_notice" }>,
): Consequences {
  const leave = unchanged(facts, attempt);
  if (attempt.state === "succeeded")
    return contradicted(facts, attempt, `a ${news.source} says ${verdict.code}`);
  if (attempt.state === "failed" || attempt.state === "review") return leave;
  const inquireAt = firstInquiryAt(attempt, now);
  return {
    ...leave,
    attempt: { ...attempt, inquireAt, refusalNoticedAt: attempt.refusalNoticedAt ?? now },
    invoice: { ...facts.invoice, nextActionAt: soonest(facts.invoice.nextActionAt, inquireAt) },
    decision: { rule: "inquire.rung", says: `a failure (${verdict.code}) was notified: ask the gateway` },
  };
}

/** "Not found" is believed only when it was said often enough, long enough, and late enough after the send. */
export function applyNotFound({
  facts,
  attempt,
  news,
  policy,
  now,
  notFoundBlindMs,
}: Circumstances): Consequences {
  const leave = unchanged(facts, attempt);
  if (!isLive(attempt) || attempt.state === "review") return leave;
  if (attempt.state === "unsent" && !mayHaveLeft(attempt, null)) return neverLeft({ facts, attempt, now });
  const counts =
    now.toMillis() - attempt.lastSentAt.toMillis() >= FIRST_INQUIRY_AFTER_MS &&
    news.realMsSinceSent >= notFoundBlindMs;
  const firstNotFoundAt = attempt.firstNotFoundAt ?? (counts ? now : null);
  const notFoundCount = counts ? attempt.notFoundCount + 1 : attempt.notFoundCount;
  // What a person might still pay is asked about to the end of the ladder, and never sent again.
  const proved =
    attempt.kind === "recurring" &&
    notFoundCount >= NOT_FOUND_TIMES &&
    firstNotFoundAt !== null &&
    now.toMillis() - firstNotFoundAt.toMillis() >= NOT_FOUND_SPREAD_MS;
  return {
    ...leave,
    attempt: {
      ...attempt,
      state: attempt.state === "requested" ? "unknown" : attempt.state,
      notFoundCount,
      firstNotFoundAt,
      notFoundProved: proved,
    },
    invoice: { ...facts.invoice, nextActionAt: proved ? now : lookAgainAt(policy, attempt, now) },
    decision: {
      rule: proved ? "not_found.proved" : "not_found",
      says: proved
        ? `not found ${notFoundCount} times over an hour: it never arrived`
        : `not found (${notFoundCount} of ${NOT_FOUND_TIMES}): not believed yet`,
    },
  };
}

function neverLeft({ facts, attempt, now }: Pick<Circumstances, "facts" | "attempt" | "now">): Consequences {
  return {
    ...unchanged(facts, attempt),
    attempt: { ...attempt, state: "failed", message: "never left", closedAt: now },
    invoice: {
      ...facts.invoice,
      nextActionAt: afterNeverLeft(facts.invoice, attempt, now),
      // A page was asked for by a person, and no day counts it.
      ...(attempt.kind === "recurring" ? unspent(facts.invoice) : {}),
    },
    decision: {
      rule: "never_left",
      says: `${attempt.reference} never left: given up, nothing was asked of the customer`,
    },
  };
}

function afterNeverLeft(invoice: Invoice, attempt: Attempt, now: Instant): Instant | null {
  if (invoice.state !== "open") return null;
  return attempt.kind === "sale" ? backToPlanAt(invoice, now) : now;
}

/** The request was turned away unread, or never left: the same reference may be sent again. */
export function applyNotProcessed(
  circumstances: Circumstances,
  verdict: Extract<Verdict, { kind: "token_refused" | "busy" | "not_sent" }>,
): Consequences {
  const { facts, news, now } = circumstances;
  // An inquiry that was turned away says nothing about the payment.
  if (news.source !== "answer") return applyDoubt(circumstances, codeOf(verdict));
  const code = verdict.kind === "not_sent" ? verdict.cause.slice(0, 60) : verdict.code;
  const attempt = withRequest(circumstances.attempt, news.requestId, { state: "unsent", code });
  if (!isLive(attempt) || attempt.state === "review") return unchanged(facts, attempt);
  // A worker whose lease is over knows only about its own request; the attempt is in other hands.
  if (news.leaseNo !== facts.invoice.leaseNo) return unchanged(facts, attempt);
  if (mayHaveLeft(attempt, null)) return applyDoubt({ ...circumstances, attempt }, code);
  if (attempt.kind === "sale") return pageNotAsked({ facts, attempt, now }, code);
  const count = facts.invoice.notSentCount + 1;
  const refusals = attempt.requests.filter((request) => /^401\d\d0[13]$/.test(request.code ?? "")).length;
  const renewing = verdict.kind === "token_refused" && refusals < MAX_TOKEN_REFUSALS;
  const retryAt = renewing ? now : afterNotSent(count, now);
  const wrongKeys = verdict.kind === "token_refused" && !renewing;
  return {
    ...unchanged(facts, attempt),
    attempt: { ...attempt, state: "unsent" },
    invoice: { ...facts.invoice, nextActionAt: retryAt, retryAt, notSentCount: count },
    decision: { rule: "not_sent", says: `${code}: nothing left us; the same reference is sent again` },
    slowDownMs: verdict.kind === "busy" ? BUSY_SILENCE_MS : 0,
    stop: wrongKeys ? { reason: `the gateway refuses our token (${code})`, until: "an_hour" } : null,
  };
}

/** Nobody saw a page. The reference is given up once the gateway confirms that it never came; the plan stays. */
function pageNotAsked(
  { facts, attempt, now }: Pick<Circumstances, "facts" | "attempt" | "now">,
  code: string,
): Consequences {
  const nextActionAt = firstInquiryAt(attempt, now);
  return {
    ...unchanged(facts, attempt),
    attempt: { ...attempt, state: "unsent" },
    invoice: { ...facts.invoice, nextActionAt },
    decision: { rule: "not_sent", says: `${code}: the page was not asked for; it is confirmed and given up` },
  };
}

function later(a: Instant, b: Instant): Instant {
  return a > b ? a : b;
}

function soonest(a: Instant | null, b: Instant): Instant {
  return a !== null && a < b ? a : b;
}
