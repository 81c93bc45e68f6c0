import type { Verdict } from "../gateway/gateway.ts";
import { unreachable } from "../kernel/unreachable.ts";
import { applyDecline } from "./apply-decline.ts";
import { applyDoubt, applyNotFound, applyNotProcessed, applyRefusalNotice } from "./apply-doubt.ts";
import { applyPaid, applyRefunded } from "./apply-success.ts";
import type { Attempt } from "./attempt.ts";
import { type Circumstances, codeOf } from "./circumstances.ts";
import { type Consequences, unchanged, withRequest } from "./consequences.ts";
import { firstLookAt, lookAgainAt } from "./inquiry-ladder.ts";
import type { News } from "./news.ts";
import { keepingRung } from "./next-step.ts";

/**
 * The house after a piece of news about an attempt: the only place where an answer, an inquiry, a notification
 * or a settlement line gets its meaning. Pure and monotone: news that comes twice, late or out of order changes
 * nothing that is settled, and a success always wins.
 */
export function applyVerdict(given: Circumstances): Consequences {
  const known = given.facts.attempts.find((candidate) => candidate.number === given.attempt.number);
  if (known === undefined) return unchanged(given.facts, given.attempt);
  const after = meaningOf({ ...given, attempt: heard(known, given.news) });
  const attempts = given.facts.attempts.map((each) => (each.number === known.number ? after.attempt : each));
  // Whatever follows, an inquiry that was asked for about another attempt is made.
  const nextActionAt = keepingRung(after.invoice.nextActionAt, attempts);
  return nextActionAt === after.invoice.nextActionAt
    ? after
    : { ...after, invoice: { ...after.invoice, nextActionAt } };
}

function meaningOf(circumstances: Circumstances): Consequences {
  const { verdict } = circumstances.news;
  switch (verdict.kind) {
    case "paid":
      return applyPaid(circumstances, verdict);
    case "refunded":
      return applyRefunded(circumstances, verdict);
    case "accepted":
    case "pending":
      return applyAccepted(circumstances, verdict);
    case "declined":
      return applyDecline(circumstances, verdict);
    case "refusal_notice":
      return applyRefusalNotice(circumstances, verdict);
    case "not_found":
      return applyNotFound(circumstances);
    case "token_refused":
    case "busy":
    case "not_sent":
      return applyNotProcessed(circumstances, verdict);
    case "unknown":
      return applyDoubt(circumstances, verdict.cause);
    default:
      return unreachable(verdict);
  }
}

/** Notes that the request was answered and that an inquiry was made; says nothing yet about the attempt's fate. */
function heard(attempt: Attempt, news: News): Attempt {
  if (news.source === "inquiry") return { ...attempt, inquiries: attempt.inquiries + 1, inquireAt: null };
  const turnedAway = ["token_refused", "busy", "not_sent"].includes(news.verdict.kind);
  if (news.source !== "answer" || turnedAway || news.raw.httpStatus === null) return attempt;
  const answered = withRequest(attempt, news.requestId, {
    state: "answered",
    code: codeOf(news.verdict).slice(0, 60),
  });
  // A 2xx, also one that cannot be read, means that somebody took it in: "not found" is then a riddle.
  const tookIn = news.raw.httpStatus >= 200 && news.raw.httpStatus < 300;
  return tookIn && news.verdict.kind !== "declined" ? { ...answered, accepted: true } : answered;
}

/** 2005400 and "in progress" are not money: the attempt waits for a notification or an inquiry. */
function applyAccepted(
  { facts, attempt, policy, now, news }: Circumstances,
  verdict: Extract<Verdict, { kind: "accepted" | "pending" }>,
): Consequences {
  const leave = unchanged(facts, attempt);
  if (attempt.state === "succeeded" || attempt.state === "failed") return leave;
  const known: Attempt = {
    ...attempt,
    state: attempt.state === "review" ? "review" : "pending",
    accepted: true,
    gatewayReference: verdict.gatewayReference ?? attempt.gatewayReference,
    code: verdict.code,
    notFoundCount: 0,
    firstNotFoundAt: null,
    notFoundProved: false,
  };
  const askAt = news.source === "inquiry" ? lookAgainAt(policy, attempt, now) : firstLookAt(policy, attempt);
  const nextActionAt = known.state === "review" ? facts.invoice.nextActionAt : askAt;
  return { ...leave, attempt: known, invoice: { ...facts.invoice, nextActionAt, notSentCount: 0 } };
}
