import type { KeyObject } from "node:crypto";
import type { Agent } from "undici";
import type { Answer } from "./answer.ts";
import type { Facts, Plan, Script } from "./script.ts";
import type { VirtualClock } from "./virtual-clock.ts";

/** A merchant as registered: its keys and where it wants to be told. */
export type Merchant = {
  readonly clientId: string;
  readonly secretKey: string;
  readonly publicKey: KeyObject;
  readonly tokenUrl: string;
  readonly notifyUrl: string;
  readonly bindingNotifyUrl: string;
};

/** OVO Club (unverified) and OVO Premier. */
export const TIERS = ["club", "premier"] as const;
/** One of `TIERS`. */
export type Tier = (typeof TIERS)[number];

/** An OVO wallet; the balance is whole rupiah. */
export type Wallet = {
  readonly phone: string;
  readonly balance: number;
  readonly tier: Tier;
  readonly blocked: boolean;
  readonly closed: boolean;
};

/** A customer's link at one merchant. Its `authCode` is its name. */
export type Link = {
  readonly authCode: string;
  readonly clientId: string;
  readonly phone: string;
  readonly customer: string;
  readonly externalId: string;
  readonly pageId: string;
  readonly successUrl: string;
  readonly failedUrl: string;
  readonly state: "pending" | "active" | "failed" | "expired" | "unlinked" | "unbound";
  readonly plan: Plan;
  readonly cancelExpiry: () => void;
};

/** Money given back of one payment, or being given back. */
export type Refund = {
  readonly refundNo: string;
  readonly partnerRefundNo: string;
  readonly amount: number;
  readonly reason: string;
  readonly at: number;
  /** refundStatus, in the words of latestTransactionStatus: 03 in progress, 00 done, 06 failed. */
  readonly status: "00" | "03" | "06";
};

/** A payment under its reference, also one that was declined. */
export type Payment = {
  readonly clientId: string;
  readonly reference: string;
  readonly referenceNo: string;
  readonly externalId: string;
  /** Null while nobody has said who pays (SALE before its page). */
  readonly phone: string | null;
  readonly customer: string | null;
  readonly amount: number;
  readonly paymentType: string;
  readonly successUrl: string;
  readonly failedUrl: string;
  /** latestTransactionStatus: 00 paid, 01 waits for its page, 03 in progress, 04 given back, 05 cancelled, 06 failed. */
  readonly status: string;
  /** The code of the payment itself, which names the decline. */
  readonly code: string;
  readonly paidAt: number | null;
  readonly refunds: readonly Refund[];
  readonly pageId: string | null;
  readonly plan: Plan;
  readonly cancelExpiry: () => void;
};

/** One movement of money: negative when it left the wallet. */
export type Movement = {
  readonly at: number;
  readonly phone: string;
  readonly reference: string;
  readonly kind: "payment" | "refund";
  readonly amount: number;
  readonly balanceAfter: number;
};

/** A request to one of the eight systems, as received. */
export type RequestRecord = {
  readonly at: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly reference: string | null;
  readonly phone: string | null;
  /** The responseCode, whether or not it reached the caller; null for a request that was lost. */
  readonly code: string | null;
  readonly sent: Plan["answer"];
};

/** One try of a notification and what the merchant said. */
export type DeliveryAttempt = {
  readonly at: number;
  /** Null when nothing came back. */
  readonly httpStatus: number | null;
  readonly answer: string;
};

/** A notification on its way, delivered or given up. */
export type Notification = {
  readonly id: string;
  readonly kind: "payment" | "binding";
  readonly clientId: string;
  /** The payment's partnerReferenceNo, or the binding's authCode. */
  readonly reference: string;
  readonly status: string;
  readonly body: string;
  readonly externalId: string;
  readonly createdAt: number;
  readonly badSignature: boolean;
  readonly forged: boolean;
  readonly attempts: readonly DeliveryAttempt[];
  readonly state: "waiting" | "delivered" | "given_up";
};

/** A B2B token; times are epoch milliseconds of the clock. */
type GatewayToken = { readonly clientId: string; readonly expiresAt: number };
/** A B2B2C token; dead as soon as its link is. */
type CustomerToken = { readonly authCode: string; readonly expiresAt: number };
/** How the merchant is told of a payment that was given back whole: DOKU documents neither. */
type RefundNotice = "none" | "status-04";
/** The first answer to an X-EXTERNAL-ID, with what it answered. */
type StoredAnswer = { readonly path: string; readonly body: string; readonly answer: Answer };

/** How this simulator differs from the plain one. Times in milliseconds. */
export type Settings = {
  /** From the end of a payment or link to its notification. */
  readonly notifyDelayMs: number;
  /** Real time that payment, status and refund take to answer. */
  readonly latencyMs: number;
  /** Links finish by themselves, as if OTP and PIN had been right. */
  readonly autoLink: boolean;
  /** A binding opens the wallet it names. */
  readonly autoWallets: boolean;
  /** A newer B2B token ends the older ones. */
  readonly newestTokenOnly: boolean;
  /** The customer token is read only behind `Bearer `. */
  readonly strictBearer: boolean;
  /** Only the body as sent may have been signed. */
  readonly strictSignature: boolean;
  readonly refunds: RefundSettings;
  /** A reference that was used takes money again, as it would at a gateway that does not look. */
  readonly acceptsTwice?: boolean | undefined;
};

/** What the merchant agreed about refunds. */
type RefundSettings = {
  readonly partial: boolean;
  readonly windowDays: number;
  /** The success code, of which DOKU's own sources show two. */
  readonly code: string;
  /** Rupiah a Jakarta day, of all wallets together; absent: none. */
  readonly dailyLimit?: number | undefined;
  /** `none` unless said. */
  readonly notice?: RefundNotice | undefined;
};

/** One POST to the merchant and what it answered; rejects when nothing came back. */
export type Post = (
  url: URL,
  headers: Readonly<Record<string, string>>,
  body: string,
) => Promise<{ readonly httpStatus: number; readonly answer: string }>;

/** All the simulator knows. Records are replaced, never changed in place. */
export type World = {
  readonly settings: Settings;
  readonly clock: VirtualClock;
  readonly privateKey: KeyObject;
  readonly publicKeyPem: string;
  readonly agent: Agent;
  /** How a notification reaches the merchant, where that is not over a socket. */
  readonly post?: Post | undefined;
  /** Whoever it is says what a request meets, if it meets anything; scripts are asked first. */
  readonly chooses?: ((facts: Facts) => string | null) | undefined;
  readonly merchants: Map<string, Merchant>;
  readonly wallets: Map<string, Wallet>;
  readonly links: Map<string, Link>;
  /** authCode of the active link of a wallet, and of a customer, at a merchant; of the newest pending one of a phone. */
  readonly activeByWallet: Map<string, string>;
  readonly activeByCustomer: Map<string, string>;
  readonly pendingByPhone: Map<string, string>;
  readonly payments: Map<string, Payment>;
  /** Names of payments by the gateway's own number. */
  readonly paymentNumbers: Map<string, string>;
  /** Names of links and payments by the id of the page a customer was sent to. */
  readonly pages: Map<string, { readonly kind: "link" | "payment"; readonly key: string }>;
  readonly gatewayTokens: Map<string, GatewayToken>;
  readonly newestToken: Map<string, string>;
  readonly customerTokens: Map<string, CustomerToken>;
  readonly refreshTokens: Map<string, CustomerToken>;
  readonly merchantTokens: Map<
    string,
    { readonly token: Promise<string | null>; readonly goodUntilMs: number }
  >;
  readonly externalIds: Map<string, StoredAnswer>;
  readonly refundNos: Set<string>;
  /** Rupiah given back by a merchant on a Jakarta day. */
  readonly refundedOn: Map<string, number>;
  /** Rupiah that came into a wallet in a Jakarta month. */
  readonly incoming: Map<string, number>;
  readonly scripts: Script[];
  readonly ledger: Movement[];
  readonly requests: RequestRecord[];
  readonly notifications: Map<string, Notification>;
  /** What is switched off is not there: the gateway hangs up, the merchant's endpoint does not answer. */
  readonly switches: { gateway: boolean; merchant: boolean };
  /** Requests being answered and notifications on their way. */
  readonly inFlight: { count: number };
  readonly address: { url: string };
};

/** A world with nobody in it. */
export function makeWorld(
  given: Pick<World, "settings" | "clock" | "privateKey" | "publicKeyPem" | "agent" | "post" | "chooses">,
): World {
  return {
    ...given,
    merchants: new Map(),
    wallets: new Map(),
    links: new Map(),
    activeByWallet: new Map(),
    activeByCustomer: new Map(),
    pendingByPhone: new Map(),
    payments: new Map(),
    paymentNumbers: new Map(),
    pages: new Map(),
    gatewayTokens: new Map(),
    newestToken: new Map(),
    customerTokens: new Map(),
    refreshTokens: new Map(),
    merchantTokens: new Map(),
    externalIds: new Map(),
    refundNos: new Set(),
    refundedOn: new Map(),
    incoming: new Map(),
    scripts: [],
    ledger: [],
    requests: [],
    notifications: new Map(),
    switches: { gateway: true, merchant: true },
    inFlight: { count: 0 },
    address: { url: "" },
  };
}

/** The key of something that belongs to one merchant. */
export function ofMerchant(clientId: string, name: string): string {
  return `${clientId}|${name}`;
}
