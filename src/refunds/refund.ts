import type { RefundDecline } from "../gateway/gateway.ts";
import type { BindingId, InvoiceId, Reference, RefundId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";

export const REFUND_STATES = ["requested", "pending", "unknown", "refunded", "declined", "review"] as const;
export type RefundState = (typeof REFUND_STATES)[number];

/** One HTTP call under a refund reference. `unsent`: proved never to have been processed; `refused`: a definite no. */
export type RefundRequestRow = {
  readonly id: string;
  readonly externalId: string;
  readonly state: "written" | "answered" | "refused" | "unsent";
  readonly code: string | null;
};

/** Money of one payment that goes back, whole or in part, under a reference of its own. */
export type Refund = {
  readonly id: RefundId;
  readonly invoiceId: InvoiceId;
  readonly attemptNumber: number;
  readonly refundReference: string;
  readonly amount: Rupiah;
  readonly reason: string;
  readonly requestedBy: string;
  readonly state: RefundState;
  readonly declineReason: RefundDecline | null;
  readonly code: string | null;
  readonly message: string | null;
  readonly gatewayRefundReference: string | null;
  /** As the gateway wrote it; it names no zone. */
  readonly gatewayRefundedAt: string | null;
  /** The customer's token was refused with it once: it goes without. */
  readonly withoutToken: boolean;
  /** True once the gateway said that it took it in: from then on "not found" is a riddle, not an answer. */
  readonly accepted: boolean;
  /** The gateway's rules call an answer that we hold a success, should no inquiry be able to tell. */
  readonly certain: boolean;
  /** An inquiry that somebody asked for, whatever the refund's state. */
  readonly inquireAt: Instant | null;
  readonly inquiries: number;
  readonly notFoundCount: number;
  readonly firstNotFoundAt: Instant | null;
  readonly notFoundProved: boolean;
  readonly notSentCount: number;
  readonly resends: number;
  readonly reviewReason: string | null;
  readonly nextActionAt: Instant | null;
  readonly leaseNo: number;
  readonly lastSentAt: Instant | null;
  readonly closedAt: Instant | null;
  readonly requests: readonly RefundRequestRow[];
};

/** Everything a step of a refund may look at. */
export type RefundFacts = {
  readonly refund: Refund;
  readonly payment: {
    readonly reference: Reference;
    readonly gatewayReference: string | null;
    readonly externalId: string | null;
    readonly amount: Rupiah;
  };
  /** The binding the money was taken by, if it still lives. */
  readonly bindingId: BindingId | null;
  readonly stop: { readonly reason: string; readonly endsAt: Instant | null } | null;
};

/** A live refund may still give money back: while there is one, its payment gets no other. */
export function isLive({ state }: Pick<Refund, "state">): boolean {
  return state !== "refunded" && state !== "declined";
}

/** True when some request other than `exceptId` may have moved money: it may have arrived, and was not refused. */
export function mayHaveLeft({ requests }: Pick<Refund, "requests">, exceptId: string | null): boolean {
  return requests.some(({ id, state }) => id !== exceptId && (state === "written" || state === "answered"));
}
