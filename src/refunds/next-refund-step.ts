import type { DunningPolicy } from "../dunning/policy.ts";
import { firstInquiryAt, reviewReason } from "../invoices/inquiry-ladder.ts";
import type { Instant } from "../kernel/time.ts";
import { isLive, mayHaveLeft, type Refund, type RefundFacts } from "./refund.ts";

/** At most this many times is one reference sent again after it was proved not to have arrived. */
const MAX_RESENDS = 2;
/** How often a stop without an end is looked at again. */
const STOP_RECHECK_MINUTES = 15;

export type RefundStep =
  /** Nothing to do before `nextActionAt`. */
  | { readonly kind: "rest"; readonly nextActionAt: Instant | null }
  /** Send the one reference; the same bytes when it was sent before. */
  | { readonly kind: "send" }
  | { readonly kind: "inquire" }
  /** No inquiry could tell, and the gateway's rules call the answer we hold a success. */
  | { readonly kind: "settle" }
  /** A person must look. */
  | { readonly kind: "review"; readonly reason: string };

/** What a refund needs `now`. A reference that may have arrived is asked about, never sent under another number. */
export function nextRefundStep(
  { refund, stop }: Pick<RefundFacts, "refund" | "stop">,
  policy: DunningPolicy,
  now: Instant,
): RefundStep {
  if (refund.inquireAt !== null && refund.inquireAt <= now) return { kind: "inquire" };
  if (!isLive(refund) || refund.state === "review") return { kind: "rest", nextActionAt: refund.inquireAt };
  if (!mayHaveLeft(refund, null)) return stop === null ? { kind: "send" } : waitFor(stop, now);
  const { lastSentAt } = refund;
  if (lastSentAt === null) return { kind: "inquire" };
  const reason = reviewReason(policy, { ...refund, lastSentAt, refusalNoticedAt: null }, now);
  if (reason !== null) return refund.certain ? { kind: "settle" } : { kind: "review", reason };
  if (refund.notFoundProved) return stepForNotFound(refund, stop, now);
  const earliest = firstInquiryAt({ lastSentAt }, now);
  return earliest <= now ? { kind: "inquire" } : { kind: "rest", nextActionAt: earliest };
}

function stepForNotFound(refund: Refund, stop: RefundFacts["stop"], now: Instant): RefundStep {
  if (refund.accepted) return { kind: "review", reason: "the gateway took it in and now does not show it" };
  if (refund.resends >= MAX_RESENDS)
    return { kind: "review", reason: `not found after ${MAX_RESENDS} re-sends` };
  return stop === null ? { kind: "send" } : waitFor(stop, now);
}

function waitFor(stop: NonNullable<RefundFacts["stop"]>, now: Instant): RefundStep {
  return { kind: "rest", nextActionAt: stop.endsAt ?? now.plus({ minutes: STOP_RECHECK_MINUTES }) };
}
