import type { DeclineClass } from "../gateway/gateway.ts";
import type { Reference } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";

export type AttemptState = "requested" | "pending" | "unknown" | "unsent" | "succeeded" | "failed" | "review";

/** One HTTP call under an attempt's reference. `unsent`: proved never to have been processed. */
export type PaymentRequestRow = {
  readonly id: string;
  readonly externalId: string;
  readonly state: "written" | "answered" | "unsent";
  readonly code: string | null;
};

/** One reference under which an invoice is collected. */
export type Attempt = {
  readonly number: number;
  readonly reference: Reference;
  readonly kind: "recurring" | "sale";
  readonly amount: Rupiah;
  readonly state: AttemptState;
  readonly declineClass: DeclineClass | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly gatewayReference: string | null;
  /** True once a 2xx was held for it: from then on "not found" is a riddle, not an answer. */
  readonly accepted: boolean;
  /** An inquiry somebody asked for, whatever the attempt's state. */
  readonly inquireAt: Instant | null;
  readonly inquiries: number;
  readonly notFoundCount: number;
  readonly firstNotFoundAt: Instant | null;
  readonly notFoundProved: boolean;
  readonly refusalNoticedAt: Instant | null;
  readonly resends: number;
  readonly reviewReason: string | null;
  readonly lastSentAt: Instant;
  readonly closedAt: Instant | null;
  /** What we have asked the gateway to give back of it; refused refunds do not count. */
  readonly refundAsked: Rupiah;
  readonly requests: readonly PaymentRequestRow[];
};

/** A live attempt may still take money: while there is one, no other may begin. */
export function isLive(attempt: Attempt): boolean {
  return attempt.state !== "succeeded" && attempt.state !== "failed";
}

/** True when some request other than `exceptId` may have reached the gateway. */
export function mayHaveLeft(attempt: Attempt, exceptId: string | null): boolean {
  return attempt.requests.some((request) => request.id !== exceptId && request.state !== "unsent");
}

/** A re-send begins the proof of "not found" anew; a reference that never left is simply sent. */
export function sentAgain(attempt: Attempt, now: Instant): Attempt {
  return {
    ...attempt,
    state: "requested",
    lastSentAt: now,
    resends: attempt.notFoundProved ? attempt.resends + 1 : attempt.resends,
    inquiries: 0,
    notFoundCount: 0,
    firstNotFoundAt: null,
    notFoundProved: false,
  };
}
