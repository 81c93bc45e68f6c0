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
}
