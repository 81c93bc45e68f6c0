import type { DeclineClass } from "../gateway.ts";

/**
 * SNAP's response codes as DOKU publishes them, read for what they say about money (DOKU SNAP,
 * "Response Code"). A code is HTTP status + service + case; the table goes by status and case.
 */
type CodeClass =
  /** The call did what was asked. */
  | "success"
  /** Taken in; the result follows. */
  | "accepted"
  /** In progress by the gateway's own word. */
  | "in_progress"
  /** Nobody can tell from this answer whether money moved: ask. */
  | "doubt"
  /** Declined, nothing taken; may work another day. */
  | "soft"
  /** Declined, nothing taken; the customer must act first. */
  | "hard"
  /** Refused because of us or our contract. */
  | "config"
  /** Our own B2B token was refused before the order was looked at. */
  | "own_token"
  /** Too many requests; not processed. */
  | "busy";

type Refusal = "soft" | "hard" | "config";
type Row = readonly [Exclude<CodeClass, Refusal>] | readonly [Refusal, DeclineClass];

const CODES = {
  "200-00": ["success"],
  "202-00": ["in_progress"],
  "400-00": ["config", "config"],
  "400-01": ["config", "config"],
  "400-02": ["config", "config"],
  "401-00": ["config", "config"],
  "401-01": ["own_token"],
  "401-02": ["hard", "binding"],
  "401-03": ["own_token"],
  "401-04": ["hard", "binding"],
  // Expired, as a payment page is that nobody finished: only an inquiry tells whether that is final.
  "403-00": ["doubt"],
  "403-01": ["config", "config"],
  "403-02": ["soft", "limit"],
  "403-03": ["hard", "account"],
  "403-04": ["soft", "limit"],
  "403-05": ["soft", "risk"],
  "403-06": ["soft", "window"],
  "403-07": ["hard", "binding"],
  "403-08": ["hard", "binding"],
  "403-09": ["hard", "binding"],
  "403-10": ["hard", "binding"],
  "403-11": ["hard", "binding"],
  "403-12": ["hard", "binding"],
  "403-13": ["hard", "binding"],
  "403-14": ["soft", "funds"],
  "403-15": ["hard", "binding"],
  "403-16": ["doubt"],
  "403-17": ["soft", "limit"],
  "403-18": ["hard", "binding"],
  "403-19": ["config", "config"],
  "403-20": ["config", "config"],
  "403-21": ["config", "config"],
  "403-22": ["hard", "binding"],
  "403-23": ["soft", "limit"],
  // The reference is known there in some other state (also 01, 10, 14, 18): an earlier request may have paid.
  "404-00": ["doubt"],
  "404-01": ["doubt"],
  "404-02": ["config", "config"],
  "404-03": ["config", "config"],
  "404-04": ["hard", "risk"],
  "404-05": ["config", "config"],
  "404-06": ["hard", "binding"],
  "404-07": ["config", "config"],
  "404-08": ["config", "config"],
  "404-09": ["hard", "binding"],
  "404-10": ["doubt"],
  "404-11": ["hard", "binding"],
  "404-12": ["config", "config"],
  "404-13": ["config", "config"],
  "404-14": ["doubt"],
  "404-15": ["hard", "binding"],
  "404-16": ["config", "config"],
  "404-17": ["config", "config"],
  "404-18": ["doubt"],
  "404-19": ["hard", "binding"],
  "405-00": ["config", "config"],
  "405-01": ["config", "config"],
  "409-00": ["doubt"],
  "409-01": ["doubt"],
  "429-00": ["busy"],
  "500-00": ["doubt"],
  "500-01": ["doubt"],
  "500-02": ["doubt"],
  "504-00": ["doubt"],
} as const satisfies Readonly<Record<string, Row>>;

/** Where one service means something else by the same case. Keys are status-service-case. */
const OVERRIDES: Readonly<Record<string, Row>> = {
  "200-07-00": ["accepted"],
  "200-54-00": ["accepted"],
  // A blocked OTP while binding ends by itself after a day.
  "403-07-11": ["soft", "limit"],
};

/** A response code taken apart. */
export type ResponseCode = {
  /** All seven digits. */
  readonly text: string;
  readonly http: string;
  readonly service: string;
  readonly caseCode: string;
};

/** Takes a `responseCode` apart, text or number; null when it is not seven digits. */
export function responseCode(field: unknown): ResponseCode | null {
  const text = typeof field === "number" ? String(field) : field;
  const parts = typeof text === "string" ? /^(\d{3})(\d{2})(\d{2})$/.exec(text) : null;
  const [whole, http, service, caseCode] = parts ?? [];
  if (whole === undefined || http === undefined || service === undefined || caseCode === undefined)
    return null;
  return { text: whole, http, service, caseCode };
}

/** What a code means; every refusal has a class. */
type Meaning =
  | { readonly codeClass: Exclude<CodeClass, Refusal> }
  | { readonly codeClass: Refusal; readonly declineClass: DeclineClass };

/** What a code means, or null when the table does not know it. `message` only splits case 403-15. */
export function meaningOf(code: ResponseCode, message: string): Meaning | null {
  const { http, service, caseCode } = code;
  // The one code with two fates: a block that ends by itself, and everything else.
  if (http === "403" && caseCode === "15" && /blocked temporary/i.test(message))
    return { codeClass: "soft", declineClass: "limit" };
  const table: Readonly<Record<string, Row>> = CODES;
  const row = OVERRIDES[`${http}-${service}-${caseCode}`] ?? table[`${http}-${caseCode}`];
  if (row === undefined) return null;
  return row.length === 1 ? { codeClass: row[0] } : { codeClass: row[0], declineClass: row[1] };
}

/** The class of a decline that is already certain, from the code that was given for it, if any. */
export function classOfDecline(code: ResponseCode | null, message: string): DeclineClass {
  const meaning = code === null ? null : meaningOf(code, message);
  return meaning?.codeClass === "soft" || meaning?.codeClass === "hard"
    ? meaning.declineClass
    : "unclassified";
}
