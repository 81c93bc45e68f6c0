import type { Rupiah } from "../../kernel/money.ts";
import type { Verdict } from "../gateway.ts";
import { isObject, objectIn, parseObject, textIn } from "./json-text.ts";
import { readMoney } from "./money.ts";

/** DOKU's name of the one channel we order on. */
export const CHANNEL = "EMONEY_OVO_SNAP";

/** A field of a notification that we cannot do without; `field` is named in the answer to DOKU. */
export type BadNotice = {
  readonly kind: "bad";
  readonly outcome: "missing" | "bad_format";
  readonly field: string;
};

export type PaymentNotice = {
  readonly kind: "payment";
  /** Whose payment it is: our reference, not yet looked up. */
  readonly reference: string;
  readonly gatewayReference: string | null;
  /** X-EXTERNAL-ID of our payment call. */
  readonly originalExternalId: string | null;
  /** `latestTransactionStatus`, two digits. */
  readonly status: string;
  readonly amount: Rupiah | null;
  readonly verdict: Verdict;
};

/** Reads a payment notification (DOKU SNAP, "Payment Notification"). Unknown fields are fine. */
export function readPaymentNotice(raw: Buffer | string): PaymentNotice | BadNotice {
  const body = parseObject(raw.toString()) ?? {};
  const reference = textIn(body, "originalPartnerReferenceNo", 65);
  const status = textIn(body, "latestTransactionStatus", 3);
  if (reference === null) return bad("missing", "originalPartnerReferenceNo");
  if (reference.length > 64) return bad("bad_format", "originalPartnerReferenceNo");
  if (status === null) return bad("missing", "latestTransactionStatus");
  if (!/^\d{2}$/.test(status)) return bad("bad_format", "latestTransactionStatus");
  const money = readMoney(body["amount"]);
  if (money.kind === "absent") return bad("missing", "amount");
  if (!isObject(body["amount"])) return bad("bad_format", "amount");

  const extra = objectIn(body, "additionalInfo");
  const gatewayReference = textIn(body, "originalReferenceNo", 64);
  const amount = money.kind === "rupiah" ? money.amount : null;
  const facts = {
    status,
    gatewayReference,
    amount,
    payee: textIn(extra, "custIdMerchant", 64),
    mismatch: money.kind === "odd" ? money.says : channelMismatch(extra),
  };
  return {
    kind: "payment",
    reference,
    gatewayReference,
    originalExternalId: textIn(body, "originalExternalId", 64),
    status,
    amount,
    verdict: noticeVerdict(facts),
  };
}

/** What is wrong with the channel a source names, or null; a source that names none is fine. */
export function channelMismatch(additionalInfo: Record<string, unknown>): string | null {
  const named = textIn(additionalInfo, "channelId", 64) ?? textIn(additionalInfo, "channel", 64);
  return named === null || named === CHANNEL ? null : `channel ${named}`;
}

type NoticeFacts = {
  readonly status: string;
  readonly gatewayReference: string | null;
  readonly amount: Rupiah | null;
  readonly payee: string | null;
  readonly mismatch: string | null;
};

function noticeVerdict({ status, gatewayReference, amount, payee, mismatch }: NoticeFacts): Verdict {
  const code = `status ${status}`;
  switch (status) {
    case "00":
      return { kind: "paid", code, gatewayReference, amount, payee, mismatch };
    case "04":
      return { kind: "refunded", code, gatewayReference, amount };
    case "05":
    case "06":
    // Not in DOKU's list; other SNAP gateways say not found, expired, rejected. Only an inquiry can tell.
    case "07":
    case "08":
    case "09":
      return { kind: "refusal_notice", code };
    default:
      return { kind: "pending", code, gatewayReference };
  }
}

export type BindingNotice = {
  readonly kind: "binding";
  /** X-EXTERNAL-ID of our binding call. */
  readonly originalExternalId: string | null;
  readonly status: "success" | "pending" | "failed";
  readonly customerReference: string | null;
  readonly authCode: string | null;
};

const BINDING_STATUS = { SUCCESS: "success", PENDING: "pending", FAILED: "failed" } as const;

/** Reads a binding notification. At least one of authCode and originalExternalId names the binding. */
export function readBindingNotice(raw: Buffer | string): BindingNotice | BadNotice {
  const body = parseObject(raw.toString()) ?? {};
  const extra = objectIn(body, "additionalInfo");
  const status = textIn(extra, "status", 20) ?? textIn(extra, "accountStatus", 20);
  const authCode = textIn(extra, "authCode", 256);
  const originalExternalId = textIn(body, "originalExternalId", 64);
  if (status === null) return bad("missing", "additionalInfo.status");
  if (authCode === null && originalExternalId === null) return bad("missing", "additionalInfo.authCode");
  const word = status.toUpperCase();
  if (word !== "SUCCESS" && word !== "PENDING" && word !== "FAILED")
    return bad("bad_format", "additionalInfo.status");
  return {
    kind: "binding",
    originalExternalId,
    status: BINDING_STATUS[word],
    customerReference: textIn(extra, "custIdMerchant", 64),
    authCode,
  };
}

function bad(outcome: BadNotice["outcome"], field: string): BadNotice {
  return { kind: "bad", outcome, field };
}
