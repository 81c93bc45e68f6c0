import { unreachable } from "../../kernel/unreachable.ts";
import type { RefundDecline, RefundInquiryRequest, RefundOrder, RefundVerdict } from "../gateway.ts";
import type { Reading } from "./answers.ts";
import { meaningOf, type ResponseCode } from "./codes.ts";
import { isObject, type JsonObject, textIn } from "./json-text.ts";
import { readMoney } from "./money.ts";
import { inquiryVerdict } from "./verdicts.ts";

/** DOKU's own sample answers a refund with 07 and its test with 58; only the other digits say something. */
export const REFUND_SERVICES = ["58", "07", "54"] as const;

type Coded = Extract<Reading, { kind: "coded" }>;
type Row =
  | { readonly kind: "declined"; readonly reason: RefundDecline }
  | { readonly kind: "already_done"; readonly certain: boolean };

/**
 * Where a code means something else for money that goes back than for money that is taken (DOKU SNAP, "Refund" and
 * "Response Code"). Whatever is doubt for a payment and is not named here is doubt for a refund too.
 */
const REFUND_CODES: Readonly<Record<string, Row>> = {
  "401-02": { kind: "declined", reason: "customer_token" },
  "401-04": { kind: "declined", reason: "customer_token" },
  "403-06": { kind: "declined", reason: "window" },
  // OVO agrees a daily limit of refunds with the merchant: not a fault of ours, and over tomorrow.
  "403-20": { kind: "declined", reason: "limit" },
  "404-01": { kind: "declined", reason: "payment_unknown" },
  // More than is left of the payment.
  "404-13": { kind: "declined", reason: "amount" },
  // Inconsistent request: SNAP tells to regard it as a success of the first one.
  "404-18": { kind: "already_done", certain: true },
  "405-01": { kind: "declined", reason: "not_allowed" },
  // Duplicate partnerRefundNo: the first one was taken in, whatever came of it.
  "409-01": { kind: "already_done", certain: false },
};

/**
 * What the direct answer to a refund says. Success is HTTP 200 with either documented code and an echo that is ours;
 * only codes of the table are a no; everything else is doubt.
 */
export function refundVerdict(reading: Reading, order: RefundOrder): RefundVerdict {
  if (reading.kind === "uncoded")
    return reading.sent
      ? { kind: "unknown", cause: reading.cause }
      : { kind: "not_sent", cause: reading.cause };
  const { code, message } = reading;
  if (code.http === "202") return { kind: "pending", code: code.text };
  if (code.http === "200") return successVerdict(reading, order);
  const row = REFUND_CODES[`${code.http}-${code.caseCode}`];
  if (row?.kind === "already_done") return { ...row, code: code.text };
  return row === undefined ? tableVerdict(code, message) : { ...row, code: code.text, message };
}

function tableVerdict(code: ResponseCode, message: string): RefundVerdict {
  const doubt = { kind: "unknown", cause: `code ${code.text} ${message}`.trimEnd() } as const;
  const meaning = meaningOf({ ...code, service: "58" }, message);
  if (meaning === null) return { kind: "unknown", cause: `unknown code ${code.text}` };
  switch (meaning.codeClass) {
    case "config":
      return { kind: "declined", reason: "config", code: code.text, message };
    case "soft":
      return { kind: "declined", reason: "limit", code: code.text, message };
    case "hard":
      return { kind: "declined", reason: "account", code: code.text, message };
    case "own_token":
      return { kind: "token_refused", code: code.text };
    case "busy":
      return { kind: "busy", code: code.text };
    case "success":
    case "accepted":
    case "in_progress":
    case "doubt":
      return doubt;
    default:
      return unreachable(meaning);
  }
}

function successVerdict({ code, message, body }: Coded, order: RefundOrder): RefundVerdict {
  // 54 is accepted for refusals; no source shows it for a refund that was done.
  if (code.caseCode !== "00" || code.service === "54")
    return { kind: "unknown", cause: `code ${code.text} ${message}`.trimEnd() };
  const foreign = foreignEcho(body, order);
  if (foreign !== null) return { kind: "unknown", cause: `code ${code.text}, but ${foreign}` };
  return {
    kind: "refunded",
    code: code.text,
    gatewayRefundReference: textIn(body, "refundNo", 64),
    amount: amountIn(body["refundAmount"]),
    refundedAt: textIn(body, "refundTime", 64),
  };
}

/** What in an answer speaks of another refund than ours, or null; what it leaves out is fine. */
function foreignEcho(body: JsonObject, order: RefundOrder): string | null {
  const reference = textIn(body, "originalPartnerReferenceNo", 64);
  const refundReference = textIn(body, "partnerRefundNo", 64);
  const money = readMoney(body["refundAmount"]);
  if (reference !== null && reference !== order.reference) return `the answer is about ${reference}`;
  if (refundReference !== null && refundReference !== order.refundReference)
    return `the answer is about refund ${refundReference}`;
  if (money.kind === "odd") return money.says;
  return money.kind === "rupiah" && money.amount !== order.amount ? `it says ${money.amount}` : null;
}

function amountIn(field: unknown) {
  const money = readMoney(field);
  return money.kind === "rupiah" ? money.amount : null;
}

/**
 * What a status inquiry says about one refund of the payment. A history that does not name it is `not_found`; a
 * payment that cannot be read says nothing.
 */
export function refundInquiryVerdict(reading: Reading, request: RefundInquiryRequest): RefundVerdict {
  const payment = inquiryVerdict(reading, request.reference);
  if (reading.kind === "uncoded" || (payment.kind !== "paid" && payment.kind !== "refunded"))
    return { kind: "unknown", cause: "cause" in payment ? payment.cause : `inquiry: ${payment.code}` };
  const history = reading.body["refundHistory"];
  const entries = Array.isArray(history) ? history.filter(isObject) : [];
  const ours = entries.find((entry) => namesRefund(entry, request.refund.refundReference));
  if (ours !== undefined) return entryVerdict(ours, request);
  // Entries that do not say whose they are may be ours.
  const unnamed = entries.find((entry) => !namesAnother(entry, request));
  if (unnamed !== undefined) return { kind: "unknown", cause: "inquiry: a refund without our reference" };
  if (payment.kind === "paid" || entries.length > 0) return { kind: "not_found", code: payment.code };
  // 04 without a history: the payment was given back whole, and so was ours if it was the whole.
  if (request.refund.amount !== request.amount)
    return { kind: "unknown", cause: `inquiry: ${payment.code} without a refund history` };
  const whole = { gatewayRefundReference: null, amount: null, refundedAt: null };
  return { kind: "refunded", code: payment.code, ...whole };
}

function namesRefund(entry: JsonObject, refundReference: string): boolean {
  return [textIn(entry, "partnerReferenceNo", 64), textIn(entry, "partnerRefundNo", 64)].includes(
    refundReference,
  );
}

/** True when the entry carries a reference that is neither our refund's nor only the payment's. */
function namesAnother(entry: JsonObject, { reference }: RefundInquiryRequest): boolean {
  const named = textIn(entry, "partnerRefundNo", 64) ?? textIn(entry, "partnerReferenceNo", 64);
  return named !== null && named !== reference;
}

function entryVerdict(entry: JsonObject, request: RefundInquiryRequest): RefundVerdict {
  const status = textIn(entry, "refundStatus", 20) ?? "missing";
  const code = `refund status ${status}`;
  const amount = amountIn(entry["refundAmount"]);
  if (amount !== null && amount !== request.refund.amount)
    return { kind: "unknown", cause: `inquiry: ${code}, but it says ${amount}` };
  switch (status) {
    // A history is of what was done; DOKU documents no values of the field.
    case "missing":
    case "00":
      return {
        kind: "refunded",
        code,
        gatewayRefundReference: textIn(entry, "refundNo", 64),
        amount,
        refundedAt: textIn(entry, "refundDate", 64),
      };
    case "05":
    case "06":
      return {
        kind: "declined",
        reason: "unclassified",
        code,
        message: textIn(entry, "reason", 200) ?? "",
      };
    default:
      return { kind: "pending", code };
  }
}
