import { createHmac, hash, type KeyObject, sign, timingSafeEqual, verify } from "node:crypto";
import { DateTime } from "luxon";
import type { Instant } from "../../kernel/time.ts";
import { hasDuplicateKeys, minify } from "./json-text.ts";

/** What a symmetric signature binds besides the body. `path` includes the query string. */
export type SignedCall = {
  readonly method: string;
  readonly path: string;
  /** The B2B token, without `Bearer `. */
  readonly token: string;
  /** X-TIMESTAMP, character for character. */
  readonly timestamp: string;
};

/** Which spelling of an incoming body the sender had signed. */
export type SignatureForm = "minified" | "raw" | "reserialised";

/** Signature of a token call, either direction: RSA PKCS#1 v1.5 with SHA-256. */
export function tokenSignature(privateKey: KeyObject, clientId: string, timestamp: string): string {
  return sign("sha256", Buffer.from(`${clientId}|${timestamp}`), privateKey).toString("base64");
}

/** True when `signature` was made over these very characters by the owner of `publicKey`. */
export function isTokenSignature(
  publicKey: KeyObject,
  call: { readonly clientId: string; readonly timestamp: string },
  signature: string,
): boolean {
  const bytes = Buffer.from(signature, "base64");
  // Node's decoder is lenient; only the one canonical spelling of the bytes may pass.
  if (bytes.length === 0 || bytes.toString("base64") !== signature) return false;
  return verify("sha256", Buffer.from(`${call.clientId}|${call.timestamp}`), publicKey, bytes);
}

/** Signature of every other call: HMAC-SHA512 over the call and the hash of exactly these body bytes. */
export function callSignature(secret: KeyObject, call: SignedCall, body: string | Buffer): string {
  const hashed = hash("sha256", body, "hex");
  return createHmac("sha512", secret)
    .update(`${call.method}:${call.path}:${call.token}:${hashed}:${call.timestamp}`)
    .digest("base64");
}

/**
 * Finds the form of the raw body that `signature` was made for, or null. Nobody documents which form
 * DOKU hashes and its own libraries differ; all three are bound to the same secret. A body that only
 * matches re-serialised and names a key twice is refused: the signer may have read the other value.
 */
export function matchingForm(
  secret: KeyObject,
  call: SignedCall,
  raw: Buffer,
  signature: string,
): SignatureForm | null {
  if (!/^[A-Za-z0-9+/]{86}==$/.test(signature)) return null;
  const given = Buffer.from(signature, "latin1");
  const fits = (body: string | Buffer): boolean =>
    timingSafeEqual(Buffer.from(callSignature(secret, call, body), "latin1"), given);

  // Latin-1 keeps every byte as it is; bytes above ASCII are never JSON whitespace, quotes or escapes.
  if (fits(Buffer.from(minify(raw.toString("latin1")), "latin1"))) return "minified";
  if (fits(raw)) return "raw";
  const reserialised = reserialise(raw.toString("utf8"));
  if (reserialised === null || !fits(reserialised)) return null;
  return hasDuplicateKeys(raw.toString("utf8")) ? null : "reserialised";
}

function reserialise(text: string): string | null {
  try {
    return JSON.stringify(JSON.parse(text));
  } catch {
    return null;
  }
}

/** X-TIMESTAMP as we send it: UTC, whole seconds. */
export function wireTimestamp(at: Instant): string {
  return `${at.toJSDate().toISOString().slice(0, 19)}Z`;
}

const TIMESTAMP = /^(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})(?:\.\d{1,9})?(?:Z|[+-](?:0\d|1[0-4]):[0-5]\d)$/;

/** True for a moment that exists, with `Z` or any offset and up to nine fraction digits. Age does not matter. */
export function isWireTimestamp(text: string): boolean {
  const local = TIMESTAMP.exec(text)?.[1];
  if (local === undefined) return false;
  // Nearly every one passes the cheap test; the calendar decides about the others.
  const ms = Date.parse(`${local}Z`);
  if (!Number.isNaN(ms) && new Date(ms).toISOString().startsWith(local)) return true;
  return DateTime.fromISO(local, { zone: "utc" }).isValid;
}
