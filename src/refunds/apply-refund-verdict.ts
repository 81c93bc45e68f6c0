import type { DunningPolicy } from "../dunning/policy.ts";
import type { Raw, RefundVerdict } from "../gateway/gateway.ts";
import {
  FIRST_INQUIRY_AFTER_MS,
  lookAgainAt,
  NOT_FOUND_SPREAD_MS,
  NOT_FOUND_TIMES,
} from "../invoices/inquiry-ladder.ts";
import { afterNotSent } from "../invoices/not-sent.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import { unreachable } from "../kernel/unreachable.ts";
import { isLive, mayHaveLeft, type Refund, type RefundRequestRow } from "./refund.ts";
import { remedyFor } from "./refund-words.ts";

/** One piece of news about one refund, whoever brings it. */
export type RefundNews = {
  readonly source: "answer" | "inquiry" | "person";
  readonly verdict: RefundVerdict;
  readonly raw: Raw;
  /** The request row that this answers; null for an inquiry. */
  readonly requestId: string | null;
  /** Real milliseconds since the refund was last sent, as the database measured them. */
  readonly realMsSinceSent: number;
};

/** A difference that a person must see. */
export type RefundException = {
  readonly kind: "refund_declined" | "refund_amount" | "refund_late" | "refund_contradiction" | "our_mistake";
  readonly says: string;
};

export type RefundConsequences = {
  readonly refund: Refund;
  readonly exceptions: readonly RefundException[];
};

type Circumstances = {
  readonly refund: Refund;
  readonly news: RefundNews;
  readonly policy: DunningPolicy;
  readonly now: Instant;
  /** In turned mode "not found" does not count sooner than this after the last send (real time); otherwise 0. */
  readonly notFoundBlindMs: number;
};

/**
 * The refund after a piece of news. Pure and monotone: a success always wins, a refusal of one request says nothing
 * about another, and doubt never frees the payment for a second refund.
 */
export function applyRefundVerdict(given: Circumstances): RefundConsequences {
  const { refund, exceptions } = applyTo({ ...given, refund: heard(given.refund, given.news) });
  // Whatever is settled, or in a person's hands, is looked at only where an inquiry is rung.
  const rests = !isLive(refund) || refund.state === "review";
  return { refund: rests ? { ...refund, nextActionAt: refund.inquireAt } : refund, exceptions };
}

function applyTo(here: Circumstances): RefundConsequences {
  const { verdict } = here.news;
  switch (verdict.kind) {
    case "refunded":
      return applyRefunded(here, verdict);
    case "pending":
      return applyTakenIn(here, verdict.code, false);
    case "already_done":
      return applyTakenIn(here, verdict.code, verdict.certain);
    case "declined":
      return applyDeclined(here, verdict);
    case "not_found":
      return applyNotFound(here);
    case "token_refused":
    case "busy":
      return applyNotProcessed(here, verdict.code);
    case "not_sent":
      return applyNotProcessed(here, verdict.cause.slice(0, 60));
    case "unknown":
      return applyDoubt(here, verdict.cause);
    default:
      return unreachable(verdict);
  }
}

/** Notes that the request was answered and that an inquiry was made; says nothing yet about the refund's fate. */
function heard(refund: Refund, news: RefundNews): Refund {
  if (news.source === "inquiry") return { ...refund, inquiries: refund.inquiries + 1, inquireAt: null };
  const turnedAway = ["token_refused", "busy", "not_sent"].includes(news.verdict.kind);
  if (turnedAway || news.raw.httpStatus === null) return refund;
  const code = "code" in news.verdict ? news.verdict.code : news.verdict.kind;
  const answered = withRequest(refund, news.requestId, { state: "answered", code: code.slice(0, 60) });
  // A 2xx, also one that cannot be read, means that somebody took it in.
  const tookIn = news.raw.httpStatus >= 200 && news.raw.httpStatus < 300;
  return tookIn ? { ...answered, accepted: true } : answered;
}

function applyRefunded(
  { refund, now }: Circumstances,
  verdict: Extract<RefundVerdict, { kind: "refunded" }>,
): RefundConsequences {
  const odd: RefundException[] =
    verdict.amount === null || verdict.amount === refund.amount
      ? []
      : [
          {
            kind: "refund_amount",
            says: `${refund.refundReference}: ordered ${formatRupiah(refund.amount)}, given back ${formatRupiah(verdict.amount)}`,
          },
        ];
  if (refund.state === "refunded") {
    const known = refund.gatewayRefundReference ?? verdict.gatewayRefundReference;
    return { refund: { ...refund, gatewayRefundReference: known }, exceptions: odd };
  }
  const late: RefundException[] =
    refund.state === "declined"
      ? [{ kind: "refund_late", says: `${refund.refundReference} was refused before, and is now given back` }]
      : [];
  return { refund: refundedAt(refund, now, verdict), exceptions: [...odd, ...late] };
}

/** The refund as settled: money went back. */
export function refundedAt(
  refund: Refund,
  now: Instant,
  told: {
    readonly code: string;
    readonly gatewayRefundReference: string | null;
    readonly refundedAt: string | null;
  },
): Refund {
  return {
    ...refund,
    state: "refunded",
    declineReason: null,
    code: told.code,
    message: null,
    reviewReason: null,
    gatewayRefundReference: told.gatewayRefundReference ?? refund.gatewayRefundReference,
    gatewayRefundedAt: told.refundedAt ?? refund.gatewayRefundedAt,
    inquireAt: null,
    nextActionAt: null,
    closedAt: now,
  };
}

/** In progress by the gateway's own word, or taken in under an earlier request: its end is asked about. */
function applyTakenIn(here: Circumstances, code: string, certain: boolean): RefundConsequences {
  const { refund } = here;
  if (!isLive(refund)) return unchanged(refund);
  const known: Refund = {
    ...refund,
    state: refund.state === "review" ? "review" : "pending",
    accepted: true,
    certain: refund.certain || certain,
    code,
    notFoundCount: 0,
    firstNotFoundAt: null,
    notFoundProved: false,
  };
  return askLater(here, known);
}

function applyDeclined(
  here: Circumstances,
  verdict: Extract<RefundVerdict, { kind: "declined" }>,
): RefundConsequences {
  const { refund, news, now } = here;
  if (refund.state === "refunded") {
    const says = `${refund.refundReference} was given back, and the ${news.source} says ${verdict.code}`;
    return { refund, exceptions: [{ kind: "refund_contradiction", says }] };
  }
  if (refund.state === "declined") return unchanged(refund);
  const refused = withRequest(refund, news.requestId, { state: "refused" });
  // A refusal of a re-send says nothing about the earlier send of the same reference.
  if (news.source === "answer" && mayHaveLeft(refund, news.requestId))
    return applyDoubt({ ...here, refund: refused }, `${verdict.code} answered a re-send`);
  if (verdict.reason === "customer_token" && !refund.withoutToken)
    return unchanged({ ...refused, state: "requested", withoutToken: true, nextActionAt: now });
  const declined: Refund = {
    ...refused,
    state: "declined",
    declineReason: verdict.reason,
    code: verdict.code,
    message: verdict.message.slice(0, 200),
    reviewReason: null,
    inquireAt: null,
    nextActionAt: null,
    closedAt: now,
  };
  const said = `${formatRupiah(refund.amount)} were not given back: ${verdict.code} ${verdict.message}`;
  const says = `${said.slice(0, 200)}. ${remedyFor(verdict.reason)}`;
  return {
    refund: declined,
    exceptions: [{ kind: verdict.reason === "config" ? "our_mistake" : "refund_declined", says }],
  };
}

/** "Not found" is believed only when it was said often enough, long enough, and late enough after the send. */
function applyNotFound({ refund, news, policy, now, notFoundBlindMs }: Circumstances): RefundConsequences {
  if (!isLive(refund) || refund.state === "review" || refund.lastSentAt === null) return unchanged(refund);
  const counts =
    now.toMillis() - refund.lastSentAt.toMillis() >= FIRST_INQUIRY_AFTER_MS &&
    news.realMsSinceSent >= notFoundBlindMs;
  const firstNotFoundAt = refund.firstNotFoundAt ?? (counts ? now : null);
  const notFoundCount = counts ? refund.notFoundCount + 1 : refund.notFoundCount;
  const notFoundProved =
    notFoundCount >= NOT_FOUND_TIMES &&
    firstNotFoundAt !== null &&
    now.toMillis() - firstNotFoundAt.toMillis() >= NOT_FOUND_SPREAD_MS;
  const nextActionAt = notFoundProved ? now : lookAgainAt(policy, { ...refund, refusalNoticedAt: null }, now);
  const state = refund.state === "requested" ? "unknown" : refund.state;
  return unchanged({ ...refund, state, notFoundCount, firstNotFoundAt, notFoundProved, nextActionAt });
}

/** The request was turned away unread, or never left: the same reference is sent again. */
function applyNotProcessed(here: Circumstances, code: string): RefundConsequences {
  const { news, now } = here;
  // An inquiry that was turned away says nothing about the refund.
  if (news.source !== "answer") return applyDoubt(here, code);
  const refund = withRequest(here.refund, news.requestId, { state: "unsent", code });
  if (!isLive(refund) || refund.state === "review") return unchanged(refund);
  if (mayHaveLeft(refund, null)) return applyDoubt({ ...here, refund }, code);
  const notSentCount = refund.notSentCount + 1;
  // A token of ours that was refused for the first time is renewed by the next call.
  const renewing = news.verdict.kind === "token_refused" && notSentCount === 1;
  const nextActionAt = renewing ? now : afterNotSent(notSentCount, now);
  return unchanged({ ...refund, state: "requested", code, notSentCount, nextActionAt });
}

/** No trustworthy word: nothing is concluded, and the gateway is asked later. */
function applyDoubt(here: Circumstances, cause: string): RefundConsequences {
  const { refund } = here;
  if (!isLive(refund) || refund.state === "review") return unchanged(refund);
  const state = refund.state === "pending" ? "pending" : "unknown";
  return askLater(here, { ...refund, state, message: cause.slice(0, 200) });
}

function askLater({ news, policy, now }: Circumstances, refund: Refund): RefundConsequences {
  if (refund.state === "review") return unchanged(refund);
  const first = (refund.lastSentAt ?? now).plus(policy.inquiryLadderMs[0] ?? FIRST_INQUIRY_AFTER_MS);
  const nextActionAt =
    news.source === "inquiry"
      ? lookAgainAt(policy, { ...refund, refusalNoticedAt: null }, now)
      : later(first, now);
  return unchanged({ ...refund, nextActionAt });
}

function withRequest(refund: Refund, id: string | null, change: Partial<RefundRequestRow>): Refund {
  if (id === null) return refund;
  const requests = refund.requests.map((request) =>
    request.id === id ? { ...request, ...change } : request,
  );
  return { ...refund, requests };
}

function unchanged(refund: Refund): RefundConsequences {
  return { refund, exceptions: [] };
}

function later(a: Instant, b: Instant): Instant {
  return a > b ? a : b;
}
