import { createHash, createHmac, type KeyObject, sign, timingSafeEqual, verify } from "node:crypto";

/** Node decodes other alphabets and trailing junk as well; a signature must be plain base64. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** What a symmetric signature covers besides the body. `target` is the path with its query. */
type SignedParts = {
  readonly method: string;
  readonly target: string;
  readonly token: string;
  readonly timestamp: string;
};

/** RSA-SHA256 over `client|timestamp`, as token calls carry it in both directions. */
export function signTokenCall(key: KeyObject, clientKey: string, timestamp: string): string {
  return sign("sha256", Buffer.from(`${clientKey}|${timestamp}`), key).toString("base64");
}

/** True if `signature` is the key owner's over `client|timestamp`. */
export function verifyTokenCall(
  key: KeyObject,
  call: { readonly clientKey: string; readonly timestamp: string; readonly signature: string },
): boolean {
  if (call.signature === "" || !BASE64.test(call.signature)) return false;
  const signed = Buffer.from(`${call.clientKey}|${call.timestamp}`);
  return verify("sha256", signed, key, Buffer.from(call.signature, "base64"));
}

/** HMAC-SHA512 over method, target, token, body hash and timestamp. */
export function signCall(secret: string, parts: SignedParts, body: string): string {
  const bodyHash = createHash("sha256").update(body).digest("hex");
  const text = `${parts.method}:${parts.target}:${parts.token}:${bodyHash}:${parts.timestamp}`;
  return createHmac("sha512", secret).update(text).digest("base64");
}

/**
 * True if `signature` fits the body as received. Unless `strict`, also the minified and the re-serialised body:
 * DOKU's own SDKs hash different forms of what they send, and all of them are in use.
 */
export function verifyCall(
  secret: string,
  parts: SignedParts,
  call: {
    readonly body: string;
    readonly parsed: unknown;
    readonly signature: string;
    readonly strict: boolean;
  },
): boolean {
  const fits = (body: string) => sameText(signCall(secret, parts, body), call.signature);
  if (fits(call.body)) return true;
  return !call.strict && (fits(minify(call.body)) || fits(JSON.stringify(call.parsed)));
}

/** JSON without the whitespace between its tokens; whitespace inside strings stays. */
function minify(json: string): string {
  return json.replace(/("(?:[^"\\]|\\.)*")|\s+/g, (_, text: string | undefined) => text ?? "");
}

function sameText(a: string, b: string): boolean {
  const left = Buffer.from(a);
  const right = Buffer.from(b);
  return left.length === right.length && timingSafeEqual(left, right);
}
