import type { Reference } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";

/** Why a wallet said a definite no. The order has no meaning. */
export type DeclineClass =
  | "funds"
  | "limit"
  | "window"
  | "binding"
  | "account"
  | "risk"
  | "config"
  | "unclassified";

/**
 * What we know about one payment attempt. The direct answer, the status inquiry,
 * the notification and a settlement line are four roads to this one type.
 */
export type Verdict =
  /** Money moved. `amount` null: the source does not state it. `payee` is our customer's reference, when stated. */
  | {
      readonly kind: "paid";
      readonly code: string;
      readonly gatewayReference: string | null;
      readonly amount: Rupiah | null;
      readonly payee: string | null;
      /** Set when the source contradicts what we ordered in a way an amount cannot show (currency, channel). */
      readonly mismatch: string | null;
    }
  /** Was paid, then given back. */
  | {
      readonly kind: "refunded";
      readonly code: string;
      readonly gatewayReference: string | null;
      readonly amount: Rupiah | null;
    }
  /** Taken in by the gateway; money only after a notification, an inquiry or a settlement line says so. */
  | { readonly kind: "accepted"; readonly code: string; readonly gatewayReference: string | null }
  /** In progress by the gateway's own word. */
  | { readonly kind: "pending"; readonly code: string; readonly gatewayReference: string | null }
  /** A definite no: nothing was taken. */
  | {
      readonly kind: "declined";
      readonly declineClass: DeclineClass;
      readonly code: string;
      readonly message: string;
    }
  /** A notification of failure: not believed by itself, it rings an inquiry. */
  | { readonly kind: "refusal_notice"; readonly code: string }
  /** The gateway does not know the reference; proves nothing until repeated over time. */
  | { readonly kind: "not_found"; readonly code: string }
  /** Our own gateway token was refused before the order was looked at. */
  | { readonly kind: "token_refused"; readonly code: string }
  /** Too many requests: not processed, come back more slowly. */
  | { readonly kind: "busy"; readonly code: string }
  /** May or may not have happened. */
  | { readonly kind: "unknown"; readonly cause: string }
  /** Proved never to have left this machine. */
  | { readonly kind: "not_sent"; readonly cause: string };

/** What came back over the wire, kept as evidence. `body` is cut at 16 KiB; null when nothing could be read. */
export type Raw = { readonly httpStatus: number | null; readonly body: string | null };

export type Answer<T> = T & { readonly raw: Raw };

/** A payment as it will be sent: the body is made once and is the same bytes on every re-send. */
export type PaymentRequest = {
  readonly reference: Reference;
  readonly externalId: string;
  readonly body: string;
  readonly customerToken: string;
  /** After this moment (monotonic ms) nothing may leave any more: whoever sends would outlive the right to. */
  readonly leaveByMs: number;
};

export type PaymentOrder = {
  readonly reference: Reference;
  readonly amount: Rupiah;
  /** Shown to the customer; ASCII, ≤ 40 characters after transliteration. */
  readonly remarks: string;
};

export type InquiryRequest = {
  readonly reference: Reference;
  /** X-EXTERNAL-ID of the payment request that may have arrived. */
  readonly paymentExternalId: string | null;
  readonly gatewayReference: string | null;
  readonly amount: Rupiah;
};

/** Reads (token, balance, binding): repeating is harmless, so doubt is `away`. */
export type ReadFailure =
  /** Refused because of us or our contract. */
  | { readonly kind: "our_mistake"; readonly code: string; readonly message: string }
  /** No usable answer; try again later. */
  | { readonly kind: "away"; readonly code: string; readonly sent: boolean };

export type CustomerToken = {
  readonly token: string;
  /** ISO-8601 with offset, real time; null when unreadable: good for this attempt only. */
  readonly expiresAt: string | null;
  readonly refreshToken: string | null;
  readonly refreshExpiresAt: string | null;
};

export type ExchangeAnswer =
  | ({ readonly kind: "token" } & CustomerToken)
  /** The gateway says unauthorised: the customer unlinked, or our keys are wrong (the caller tells them apart). */
  | { readonly kind: "unauthorised"; readonly code: string; readonly message: string }
  | ReadFailure;

export type BalanceAnswer =
  | { readonly kind: "balance"; readonly available: Rupiah }
  /** The customer token was refused. */
  | { readonly kind: "token_dead"; readonly code: string }
  /** The wallet itself was refused (closed, blocked, unknown). */
  | {
      readonly kind: "refused";
      readonly declineClass: DeclineClass;
      readonly code: string;
      readonly message: string;
    }
  | ReadFailure;

export type BindingOrder = {
  /** `62…`, digits only. */
  readonly phone: string;
  readonly customerReference: string;
  readonly customerName: string | null;
  readonly email: string | null;
  readonly successUrl: string;
  readonly failedUrl: string;
  readonly externalId: string;
};

export type BindingAnswer =
  | {
      readonly kind: "started";
      readonly redirectUrl: string;
      readonly authCode: string;
      readonly gatewayReference: string | null;
    }
  | {
      readonly kind: "refused";
      readonly reason: "taken_by_other" | "already_registered" | "blocked_for_now" | "no_account" | "other";
      readonly code: string;
      readonly message: string;
    }
  | ReadFailure;

/** How long a pay page may be confirmed, counted from when it was asked for. */
export const PAY_PAGE_MINUTES = 30;

/** One payment that the customer confirms on the gateway's own page; it needs no binding. */
export type PayPageRequest = Omit<PaymentRequest, "customerToken"> & {
  /** Null where the customer has no binding: the page then asks whose wallet pays. */
  readonly customerToken: string | null;
};

/** `redirectUrl` is set only beside `accepted`; an accepted order without one is a page nobody can reach. */
export type PayPageAnswer = Answer<{ readonly verdict: Verdict; readonly redirectUrl: string | null }>;

/** What is given back of one payment. `refundReference` is the key: a refund is never asked for under a second one. */
export type RefundOrder = {
  /** Of the payment. */
  readonly reference: Reference;
  /** X-EXTERNAL-ID of the payment, when it is known. */
  readonly paymentExternalId: string | null;
  /** Ours, unique for ever: letters, digits and `-`, ≤ 64. */
  readonly refundReference: string;
  /** The whole payment or a part of it. */
  readonly amount: Rupiah;
  /** ASCII, ≤ 255 characters after transliteration. */
  readonly reason: string;
};

/** A refund as it will be sent: the body is made once and is the same bytes on every re-send. */
export type RefundRequest = {
  readonly order: RefundOrder;
  readonly externalId: string;
  readonly body: string;
  /** Sent when one is at hand; a refund works without, because the customer may have unlinked. */
  readonly customerToken: string | null;
  /** As in `PaymentRequest`. */
  readonly leaveByMs: number;
};

/** Asks what became of a refund; the gateway tells it with the payment. */
export type RefundInquiryRequest = InquiryRequest & {
  readonly refund: Pick<RefundOrder, "refundReference" | "amount">;
};

/** Why nothing was given back. The order has no meaning. */
export const REFUND_DECLINES = [
  /** The gateway knows no such payment. */
  "payment_unknown",
  /** Not now, or not in this way: the window is over, or only whole refunds are allowed. Pay out by hand. */
  "not_allowed",
  /** More than is left of the payment. */
  "amount",
  /** A limit of the merchant or the wallet; may work another day. */
  "limit",
  /** Not at this hour; may work later in the day. */
  "window",
  /** The wallet cannot take money. Pay out by hand. */
  "account",
  /** The customer token that was sent; the refund may be sent again without one. */
  "customer_token",
  /** Us or our contract. */
  "config",
  /** Refused for a reason that the code table does not name. */
  "unclassified",
] as const;
/** One of `REFUND_DECLINES`. */
export type RefundDecline = (typeof REFUND_DECLINES)[number];

/** What we know about one refund. The direct answer and the inquiry are two roads to this one type. */
export type RefundVerdict =
  /** Money is given back. `gatewayRefundReference` is the gateway's number of the refund. */
  | {
      readonly kind: "refunded";
      readonly code: string;
      readonly gatewayRefundReference: string | null;
      /** Null: the source does not state it. */
      readonly amount: Rupiah | null;
      /** As the gateway wrote it; it names no zone. */
      readonly refundedAt: string | null;
    }
  /** Taken in by the gateway; the result follows. */
  | { readonly kind: "pending"; readonly code: string }
  /** A definite no to this request. After an earlier request of the same reference it says nothing about that one. */
  | {
      readonly kind: "declined";
      readonly reason: RefundDecline;
      readonly code: string;
      readonly message: string;
    }
  /**
   * An earlier request under this reference was taken in: ask what became of it. `certain`: the gateway's rules call
   * this answer a success, should no inquiry be able to tell.
   */
  | { readonly kind: "already_done"; readonly code: string; readonly certain: boolean }
  /** By inquiry: the payment shows no such refund; proves nothing until repeated over time. */
  | { readonly kind: "not_found"; readonly code: string }
  /** As in `Verdict`. */
  | { readonly kind: "token_refused"; readonly code: string }
  | { readonly kind: "busy"; readonly code: string }
  | { readonly kind: "unknown"; readonly cause: string }
  | { readonly kind: "not_sent"; readonly cause: string };

export type UnbindAnswer =
  /** The link is gone; `already`: it was gone before we asked. */
  | { readonly kind: "unbound"; readonly code: string; readonly already: boolean }
  /** The customer token was refused: with one exchanged just now, the link is gone. */
  | { readonly kind: "token_dead"; readonly code: string }
  | { readonly kind: "refused"; readonly code: string; readonly message: string }
  | ReadFailure;

/** The wallet gateway as the rest of the house sees it. No SNAP word passes this line. */
export interface Gateway {
  /** A fresh X-EXTERNAL-ID: digits, ≤ 36, unique; store it before sending. */
  newExternalId(): string;
  /** The bytes of a payment; pure. */
  paymentBody(order: PaymentOrder): string;
  startBinding(order: BindingOrder): Promise<BindingAnswer>;
  /** Exchanges a binding's authorisation (or refresh token) for a customer token. */
  exchange(grant: { readonly authCode: string; readonly refreshToken?: string }): Promise<ExchangeAnswer>;
  balance(customerToken: string): Promise<BalanceAnswer>;
  /** Sends exactly once. Never throws once bytes may have left: doubt is the verdict `unknown`. */
  pay(request: PaymentRequest): Promise<Answer<{ readonly verdict: Verdict }>>;
  inquire(request: InquiryRequest): Promise<Answer<{ readonly verdict: Verdict }>>;
  /** Makes a new token of our own at once; tells whether our keys work. */
  renewOwnToken(): Promise<{ readonly kind: "ok" } | ReadFailure>;
  /** The bytes of a payment on the gateway's page; pure. Never the same bytes as `paymentBody`. */
  payPageBody(order: PaymentOrder): string;
  /** Opens a page on which the customer pays. Sends exactly once, and never throws once bytes may have left. */
  startPayPage(request: PayPageRequest): Promise<PayPageAnswer>;
  /** The bytes of a refund; pure. Throws `InvariantError` when a reference does not fit the wire. */
  refundBody(order: RefundOrder): string;
  /** Sends exactly once. Never throws once bytes may have left: doubt is the verdict `unknown`. */
  refund(request: RefundRequest): Promise<Answer<{ readonly verdict: RefundVerdict }>>;
  inquireRefund(request: RefundInquiryRequest): Promise<Answer<{ readonly verdict: RefundVerdict }>>;
  /** Ends the link that a customer token stands for; exchange it just before. Repeating is harmless. */
  unbind(customerToken: string): Promise<UnbindAnswer>;
}
