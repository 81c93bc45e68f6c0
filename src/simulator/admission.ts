import { type Answer, answerWith, refuse } from "./answer.ts";
import type { Call, Endpoint, WireRequest } from "./endpoint.ts";
import { checkFields, isObject, type JsonObject } from "./fields.ts";
import { verifyCall, verifyTokenCall } from "./signature.ts";
import { jakartaDay, parseTimestamp } from "./wire-time.ts";
import { type Link, type Merchant, ofMerchant, type World } from "./world.ts";

/** Whether a request may go on to its business. A refusal under a taken X-EXTERNAL-ID is stored for its repeat. */
type Admission =
  | { readonly kind: "admitted"; readonly call: Call }
  | { readonly kind: "refused"; readonly answer: Answer; readonly storeUnder: string | null };

const TOKEN_HEADERS = ["Content-Type", "X-TIMESTAMP", "X-CLIENT-KEY", "X-SIGNATURE"];
const CALL_HEADERS = [
  "Content-Type",
  "Authorization",
  "X-TIMESTAMP",
  "X-SIGNATURE",
  "X-PARTNER-ID",
  "X-EXTERNAL-ID",
];
const CUSTOMER_HEADER = "Authorization-Customer";
/** Not documented by DOKU. Held only while the clock runs with the machine's: a turned clock is nobody's time. */
const CLOCK_WINDOW_MS = 15 * 60_000;

/**
 * Everything a request must pass before its business is looked at, in DOKU's order: JSON, headers, timestamp,
 * token, signature, X-EXTERNAL-ID, fields, customer token.
 */
export function admit(world: World, endpoint: Endpoint, request: WireRequest): Admission {
  const { service } = endpoint;
  const body = parseObject(request.body);
  if (body === null) return refused(answerWith(`400${service}00`));
  const headers = checkHeaders(endpoint, request, body);
  if (headers !== null) return refused(headers);
  const known =
    endpoint.door === "token" ? admitClient(world, service, request) : admitToken(world, service, request);
  if ("status" in known) return refused(known);
  if (endpoint.door === "token")
    return examine(world, endpoint, { request, merchant: known, body, externalId: "" });
  const signature = checkSignature(world, service, request, { merchant: known, body });
  if (signature !== null) return refused(signature);
  const externalId = header(request, "X-EXTERNAL-ID");
  const replay = findReplay(world, service, externalIdKey(world, known, externalId), request);
  return replay === null
    ? examine(world, endpoint, { request, merchant: known, body, externalId })
    : refused(replay);
}

/** Where the answer to an X-EXTERNAL-ID is kept for the rest of its Jakarta day. */
export function externalIdKey(world: World, merchant: Merchant, externalId: string): string {
  return ofMerchant(merchant.clientId, `${jakartaDay(world.clock.now())}|${externalId}`);
}

function parseObject(text: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    return null;
  }
}

function checkHeaders(endpoint: Endpoint, request: WireRequest, body: JsonObject): Answer | null {
  const { service } = endpoint;
  const names = endpoint.door === "token" ? TOKEN_HEADERS : CALL_HEADERS;
  const wanted = endpoint.needsCustomer(body) ? [...names, CUSTOMER_HEADER] : names;
  const missing = wanted.find((name) => header(request, name) === "");
  if (missing !== undefined) return refuse(`400${service}02`, missing);
  if (!/^application\/json\b/i.test(header(request, "Content-Type")))
    return refuse(`400${service}01`, "Content-Type");
  if (parseTimestamp(header(request, "X-TIMESTAMP")) === null)
    return refuse(`400${service}01`, "X-TIMESTAMP");
  if (endpoint.door === "call" && !/^\d{1,36}$/.test(header(request, "X-EXTERNAL-ID"))) {
    return refuse(`400${service}01`, "X-EXTERNAL-ID");
  }
  return null;
}

function admitClient(world: World, service: string, request: WireRequest): Merchant | Answer {
  const clientKey = header(request, "X-CLIENT-KEY");
  const merchant = world.merchants.get(clientKey);
  if (merchant === undefined) return refuse(`401${service}00`, "Unknown Client");
  const timestamp = header(request, "X-TIMESTAMP");
  const signature = header(request, "X-SIGNATURE");
  if (!verifyTokenCall(merchant.publicKey, { clientKey, timestamp, signature })) {
    return refuse(`401${service}00`, "Invalid Signature");
  }
  return inWindow(world, timestamp) ? merchant : refuse(`401${service}00`, "Invalid Timestamp");
}

function admitToken(world: World, service: string, request: WireRequest): Merchant | Answer {
  const text = bearer(header(request, "Authorization"), true);
  const token = world.gatewayTokens.get(text);
  const merchant = token === undefined ? undefined : world.merchants.get(token.clientId);
  if (token === undefined || merchant === undefined || token.expiresAt <= world.clock.now()) {
    return answerWith(`401${service}01`);
  }
  const superseded = world.settings.newestTokenOnly && world.newestToken.get(token.clientId) !== text;
  if (superseded) return answerWith(`401${service}01`);
  if (header(request, "X-PARTNER-ID") !== merchant.clientId)
    return refuse(`401${service}00`, "Unknown Client");
  return merchant;
}

function checkSignature(
  world: World,
  service: string,
  request: WireRequest,
  sender: { readonly merchant: Merchant; readonly body: JsonObject },
): Answer | null {
  const timestamp = header(request, "X-TIMESTAMP");
  const token = bearer(header(request, "Authorization"), true);
  const parts = { method: request.method, target: request.target, token, timestamp };
  const genuine = verifyCall(sender.merchant.secretKey, parts, {
    body: request.body,
    parsed: sender.body,
    signature: header(request, "X-SIGNATURE"),
    strict: world.settings.strictSignature,
  });
  if (!genuine) return refuse(`401${service}00`, "Invalid Signature");
  return inWindow(world, timestamp) ? null : refuse(`401${service}00`, "Invalid Timestamp");
}

/** DOKU's idempotency: the same id and body meet the stored body under HTTP 409, another body a conflict. */
function findReplay(world: World, service: string, key: string, request: WireRequest): Answer | null {
  const stored = world.externalIds.get(key);
  if (stored === undefined) return null;
  if (stored.path !== request.path || stored.body !== request.body) return answerWith(`409${service}00`);
  return { ...stored.answer, status: 409 };
}

function examine(world: World, endpoint: Endpoint, caller: Omit<Call, "link">): Admission {
  const { service } = endpoint;
  const storeUnder =
    caller.externalId === "" ? null : externalIdKey(world, caller.merchant, caller.externalId);
  const fields = checkFields(service, caller.body, endpoint.fields);
  if (fields !== null) return { kind: "refused", answer: fields, storeUnder };
  const given = header(caller.request, CUSTOMER_HEADER);
  // Where the token is optional it is ignored, except that a SALE with one knows its payer.
  const link =
    given === "" ? null : linkOfToken(world, caller.merchant, bearer(given, world.settings.strictBearer));
  if (link === null && endpoint.needsCustomer(caller.body)) {
    return { kind: "refused", answer: answerWith(`401${service}02`), storeUnder };
  }
  return { kind: "admitted", call: { ...caller, link } };
}

/** The active link a customer token stands for, or null: unknown, expired, unlinked, or another merchant's. */
export function linkOfToken(world: World, merchant: Merchant, text: string): Link | null {
  const token = world.customerTokens.get(text);
  if (token === undefined || token.expiresAt <= world.clock.now()) return null;
  const link = world.links.get(token.authCode);
  return link?.state === "active" && link.clientId === merchant.clientId ? link : null;
}

function inWindow(world: World, timestamp: string): boolean {
  if (world.clock.isTurned()) return true;
  const at = parseTimestamp(timestamp);
  return at !== null && Math.abs(at - world.clock.now()) <= CLOCK_WINDOW_MS;
}

function header(request: WireRequest, name: string): string {
  return request.headers[name.toLowerCase()] ?? "";
}

/** The token behind `Bearer `. DOKU's SDKs send the customer token bare, so that is read too unless `strict`. */
function bearer(value: string, strict: boolean): string {
  const match = /^Bearer (\S+)$/i.exec(value);
  return match?.[1] ?? (strict ? "" : value);
}

function refused(answer: Answer): Admission {
  return { kind: "refused", answer, storeUnder: null };
}
