import { unreachable } from "../../kernel/unreachable.ts";
import type { Verdict } from "../gateway.ts";
import type { Reading } from "./answers.ts";
import { classOfDecline, meaningOf, responseCode } from "./codes.ts";
import { objectIn, textIn } from "./json-text.ts";
import { readMoney } from "./money.ts";
import { channelMismatch } from "./notices.ts";

type Coded = Extract<Reading, { kind: "coded" }>;

/** Service digits of a payment's answers. */
export const PAYMENT_SERVICES = ["54"] as const;
/** DOKU answers an inquiry with its own digits; SNAP's table also knows the original's. */
export const INQUIRY_SERVICES = ["55", "54"] as const;

/**
 * What the direct answer to a payment says about money. Only codes of the table say anything;
 * everything else is doubt, never a success and never a failure.
 */
export function paymentVerdict(reading: Reading): Verdict {
  if (reading.kind === "uncoded")
    return reading.sent
      ? { kind: "unknown", cause: reading.cause }
      : { kind: "not_sent", cause: reading.cause };
  const { code, message, body } = reading;
  const gatewayReference = textIn(body, "referenceNo", 64);
  // Any 202 is the gateway's word that it holds the order, whatever the case digits.
  if (code.http === "202") return { kind: "pending", code: code.text, gatewayReference };

  const meaning = meaningOf(code, message);
  if (meaning === null) return { kind: "unknown", cause: `unknown code ${code.text}` };
  switch (meaning.codeClass) {
    case "accepted":
      return { kind: "accepted", code: code.text, gatewayReference };
    case "soft":
    case "hard":
    case "config":
      return { kind: "declined", declineClass: meaning.declineClass, code: code.text, message };
    case "own_token":
      return { kind: "token_refused", code: code.text };
    case "busy":
      return { kind: "busy", code: code.text };
    case "success":
    case "in_progress":
    case "doubt":
      return { kind: "unknown", cause: `code ${code.text} ${message}`.trimEnd() };
    default:
      return unreachable(meaning);
  }
}

/**
 * What a status inquiry says about the payment `reference`. Success of the inquiry only says that the
 * question was answered; its failure says nothing at all about the payment.
 */
export function inquiryVerdict(reading: Reading, reference: string): Verdict {
  // Never `not_sent`: that would speak of the payment.
  if (reading.kind === "uncoded") return { kind: "unknown", cause: `inquiry: ${reading.cause}` };
  const { code, body } = reading;
  if (code.http === "404" && code.caseCode === "01") return { kind: "not_found", code: code.text };
  if (code.http !== "200" || code.caseCode !== "00")
    return { kind: "unknown", cause: `inquiry: code ${code.text} ${reading.message}`.trimEnd() };
  const about = textIn(body, "originalPartnerReferenceNo", 64);
  if (about !== null && about !== reference)
    return { kind: "unknown", cause: `inquiry: the answer is about ${about}` };
  return statusVerdict(reading);
}

function statusVerdict({ body }: Coded): Verdict {
  const status = textIn(body, "latestTransactionStatus", 8) ?? "missing";
  const gatewayReference = textIn(body, "originalReferenceNo", 64);
  const code = `status ${status}`;
  switch (status) {
    case "00":
    case "04": {
      const money = readMoney(body["transAmount"] ?? body["amount"]);
      const amount = money.kind === "rupiah" ? money.amount : null;
      if (status === "04") return { kind: "refunded", code, gatewayReference, amount };
      const extra = objectIn(body, "additionalInfo");
      const mismatch = money.kind === "odd" ? money.says : channelMismatch(extra);
      return {
        kind: "paid",
        code,
        gatewayReference,
        amount,
        payee: textIn(extra, "custIdMerchant", 64),
        mismatch,
      };
    }
    case "05":
    case "06": {
      const original = responseCode(body["originalResponseCode"]);
      const message = textIn(body, "originalResponseMessage", 200) ?? "";
      const declineClass = classOfDecline(original, message);
      return { kind: "declined", declineClass, code: original?.text ?? code, message };
    }
    case "07":
      return { kind: "not_found", code };
    // Other SNAP gateways: expired, rejected.
    case "08":
    case "09":
      return {
        kind: "declined",
        declineClass: "unclassified",
        code,
        message: textIn(body, "transactionStatusDesc", 200) ?? "",
      };
    default:
      return { kind: "pending", code, gatewayReference };
  }
}
