import { DateTime } from "luxon";
import { type Rupiah, rupiah } from "../../kernel/money.ts";
import type { BalanceAnswer, BindingAnswer, ExchangeAnswer, UnbindAnswer } from "../gateway.ts";
import { type Reading, readFailure } from "./answers.ts";
import { meaningOf } from "./codes.ts";
import { isObject, type JsonObject, objectIn, textIn } from "./json-text.ts";
import { readMoney } from "./money.ts";

/** Reads the answer to an exchange. Any 401 is `unauthorised`: unlinked, or our keys; the code cannot tell. */
export function readExchange(reading: Reading): ExchangeAnswer {
  if (reading.kind === "uncoded") return readFailure(reading);
  const { code, message, body } = reading;
  if (code.http === "401") return { kind: "unauthorised", code: code.text, message };
  if (meaningOf(code, message)?.codeClass !== "success") return readFailure(reading);
  const token = textIn(body, "accessToken", 2048);
  if (token === null) return { kind: "away", code: `${code.text} without a token`, sent: true };
  return {
    kind: "token",
    token,
    expiresAt: isoTime(body["accessTokenExpiryTime"]),
    refreshToken: textIn(body, "refreshToken", 512),
    refreshExpiresAt: isoTime(body["refreshTokenExpiryTime"]),
  };
}

/** ISO-8601 with an offset, or null when the gateway's text names no single moment. */
function isoTime(field: unknown): string | null {
  if (typeof field !== "string" || !/(?:Z|[+-]\d{2}:?\d{2})$/.test(field)) return null;
  return DateTime.fromISO(field, { setZone: true }).toISO();
}

/** Reads the answer to a balance inquiry: what the CASH entry says is available, sen dropped. */
export function readBalance(reading: Reading): BalanceAnswer {
  if (reading.kind === "uncoded") return readFailure(reading);
  const { code, message, body } = reading;
  const meaning = meaningOf(code, message);
  if (meaning?.codeClass === "success") {
    const available = cashAvailable(body);
    return available === null
      ? { kind: "away", code: `${code.text} without a cash balance`, sent: true }
      : { kind: "balance", available };
  }
  if (code.http === "401" && (code.caseCode === "02" || code.caseCode === "04"))
    return { kind: "token_dead", code: code.text };
  if (meaning?.codeClass === "soft" || meaning?.codeClass === "hard")
    return { kind: "refused", declineClass: meaning.declineClass, code: code.text, message };
  return readFailure(reading);
}

function cashAvailable(body: JsonObject): Rupiah | null {
  const entries = Array.isArray(body["accountInfos"]) ? body["accountInfos"].filter(isObject) : [];
  const cash = entries.find((entry) => String(entry["balanceType"] ?? "CASH").toUpperCase() === "CASH");
  if (cash === undefined) return null;
  // The misspelling is DOKU's own, on one of its pages.
  const field = cash["availableBalance"] ?? cash["avaliableBalance"] ?? cash["amount"];
  const money = readMoney(field);
  if (money.kind === "rupiah") return money.amount;
  const { value, currency } = isObject(field) ? field : {};
  const whole = /^(\d{1,15})\.\d+$/.exec(String(value))?.[1];
  return whole === undefined || (currency !== undefined && currency !== "IDR") ? null : rupiah(Number(whole));
}

/** DOKU gives one code for four refusals; only the text tells them apart. */
const BINDING_REFUSALS = [
  [/already registered by another/i, "taken_by_other"],
  [/already registered/i, "already_registered"],
  [/blocked temporary/i, "blocked_for_now"],
  [/not available|please register/i, "no_account"],
] as const;

/** Reads the answer to the start of a binding. */
export function readBinding(reading: Reading): BindingAnswer {
  if (reading.kind === "uncoded") return readFailure(reading);
  const { code, message, body } = reading;
  const meaning = meaningOf(code, message);
  if (meaning?.codeClass === "accepted") {
    const redirectUrl = webAddress(body["redirectUrl"]);
    const authCode = textIn(objectIn(body, "additionalInfo"), "authCode", 256);
    if (redirectUrl === null || authCode === null)
      return { kind: "away", code: `${code.text} without redirectUrl or authCode`, sent: true };
    return { kind: "started", redirectUrl, authCode, gatewayReference: textIn(body, "referenceNo", 64) };
  }
  if (meaning?.codeClass !== "soft" && meaning?.codeClass !== "hard") return readFailure(reading);
  const named = BINDING_REFUSALS.find(([text]) => text.test(message))?.[1];
  return { kind: "refused", reason: named ?? reasonOf(code.caseCode, code.http), code: code.text, message };
}

function reasonOf(caseCode: string, http: string): "blocked_for_now" | "no_account" | "other" {
  if (http === "403" && caseCode === "11") return "blocked_for_now";
  return http === "404" && caseCode === "11" ? "no_account" : "other";
}

/** The address of the page in the answer to a SALE, or null when it names none. */
export function readPayPage(reading: Reading): string | null {
  return reading.kind === "coded" ? webAddress(reading.body["webRedirectUrl"]) : null;
}

/** A browser is sent there, so nothing but a web address may pass. */
function webAddress(field: unknown): string | null {
  if (typeof field !== "string" || field.length > 2048 || !/^https?:\/\/\S+$/i.test(field)) return null;
  return URL.canParse(field) ? field : null;
}

/** Reads the answer to an unbinding. A wallet that is not there any more has no link either. */
export function readUnbinding(reading: Reading): UnbindAnswer {
  if (reading.kind === "uncoded") return readFailure(reading);
  const { code, message } = reading;
  const meaning = meaningOf(code, message);
  if (meaning?.codeClass === "success") return { kind: "unbound", code: code.text, already: false };
  if (code.http === "404" && code.caseCode === "11")
    return { kind: "unbound", code: code.text, already: true };
  if (code.http === "401" && (code.caseCode === "02" || code.caseCode === "04"))
    return { kind: "token_dead", code: code.text };
  if (meaning?.codeClass === "soft" || meaning?.codeClass === "hard")
    return { kind: "refused", code: code.text, message };
  return readFailure(reading);
}
