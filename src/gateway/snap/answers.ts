import type { Raw, ReadFailure } from "../gateway.ts";
import { meaningOf, type ResponseCode, responseCode } from "./codes.ts";
import type { Outcome } from "./http.ts";
import { type JsonObject, parseObject, storable, textIn } from "./json-text.ts";

/** An outcome read as SNAP: a code we may act on, or the reason why we may not. */
export type Reading =
  | {
      readonly kind: "coded";
      readonly code: ResponseCode;
      readonly message: string;
      readonly body: JsonObject;
    }
  /** `sent` false: proved never to have left. */
  | { readonly kind: "uncoded"; readonly sent: boolean; readonly cause: string };

/**
 * Reads an outcome. The HTTP status must agree with the first three digits of the code, except on HTTP
 * 409, where DOKU replays the stored body of the first answer: there the body decides. A code with the
 * service digits of another API is not about this call.
 */
export function readOutcome(outcome: Outcome, services: readonly string[]): Reading {
  if (outcome.kind !== "answer")
    return { kind: "uncoded", sent: outcome.kind === "no_answer", cause: outcome.cause };
  const { status, text } = outcome;
  const body = parseObject(text);
  if (body === null)
    return { kind: "uncoded", sent: true, cause: `HTTP ${status}, body is not a JSON object` };
  const code = responseCode(body["responseCode"]);
  if (code === null) return { kind: "uncoded", sent: true, cause: `HTTP ${status}, no response code` };
  if (code.http !== String(status) && status !== 409)
    return { kind: "uncoded", sent: true, cause: `HTTP ${status} with response code ${code.text}` };
  if (!services.includes(code.service))
    return { kind: "uncoded", sent: true, cause: `response code ${code.text} of another service` };
  return { kind: "coded", code, message: textIn(body, "responseMessage", 200) ?? "", body };
}

/** A read that gave no usable answer: ours to mend, or to be tried again. */
export function readFailure(reading: Reading): ReadFailure {
  if (reading.kind === "uncoded") return { kind: "away", code: reading.cause, sent: reading.sent };
  const { code, message } = reading;
  switch (meaningOf(code, message)?.codeClass) {
    case "config":
    case "own_token":
      return { kind: "our_mistake", code: code.text, message };
    default:
      return { kind: "away", code: code.text, sent: true };
  }
}

/** Evidence keeps this much of an answer. */
const RAW_LIMIT = 16 * 1024;

/** What came back, as it can be stored. */
export function rawOf(outcome: Outcome): Raw {
  return outcome.kind === "answer"
    ? { httpStatus: outcome.status, body: storable(outcome.text.slice(0, RAW_LIMIT)) }
    : { httpStatus: null, body: null };
}
