import { createPublicKey, createSecretKey, type KeyObject } from "node:crypto";
import { errors, jwtVerify, SignJWT } from "jose";
import type { Instant } from "../../kernel/time.ts";
import { randomUuid } from "../../platform/random.ts";
import { type InboundAnswer, type InboundService, inboundAnswer, jsonAnswer } from "./inbound-answers.ts";
import { parseObject } from "./json-text.ts";
import {
  isTokenSignature,
  isWireTimestamp,
  matchingForm,
  type SignatureForm,
  wireTimestamp,
} from "./signature.ts";

/** How DOKU proves itself to us, and we to it. */
export type InboundKeys = {
  readonly clientId: string;
  /** X-CLIENT-KEY and X-PARTNER-ID values we accept. */
  readonly callers: readonly string[];
  readonly secret: KeyObject;
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
  readonly dokuPublicKey: KeyObject;
  /** Bearer tokens of ours that were verified, with their expiry in seconds: the gateway uses each for minutes. */
  readonly proven: Map<string, number>;
};

/** A call as it arrived. `path` is the public path as DOKU knows it, with the query string received. */
export type InboundCall = {
  /** Names in lower case, as Node gives them. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly rawBody: Buffer;
  readonly path: string;
};

/** `why` is for our log; the caller learns only what `answer` says. */
export type Refused = { readonly kind: "refused"; readonly why: string; readonly answer: InboundAnswer };

/** Prepares the keys once; parsing a PEM for every call would cost more than the signature. */
export function inboundKeys(settings: {
  readonly clientId: string;
  readonly callers: readonly string[];
  readonly secretKey: string;
  readonly privateKey: KeyObject;
  readonly dokuPublicKey: KeyObject;
}): InboundKeys {
  return {
    clientId: settings.clientId,
    callers: settings.callers,
    secret: createSecretKey(settings.secretKey, "utf8"),
    privateKey: settings.privateKey,
    publicKey: createPublicKey(settings.privateKey),
    dokuPublicKey: settings.dokuPublicKey,
    proven: new Map(),
  };
}

/** Step A: DOKU asks us for a token. Verified means: signed by DOKU's key, for a client we accept. */
export function verifyTokenCall(
  keys: InboundKeys,
  call: InboundCall,
): { readonly kind: "verified"; readonly clientId: string } | Refused {
  const body = parseObject(call.rawBody.toString("utf8"));
  if (body === null) return refused("73", "bad_request", "body is not a JSON object");
  const {
    "x-client-key": clientId,
    "x-timestamp": timestamp,
    "x-signature": signature,
  } = texts(call.headers);
  if (clientId === undefined) return refused("73", "missing", "no X-CLIENT-KEY", "X-CLIENT-KEY");
  if (timestamp === undefined) return refused("73", "missing", "no X-TIMESTAMP", "X-TIMESTAMP");
  if (signature === undefined) return refused("73", "missing", "no X-SIGNATURE", "X-SIGNATURE");
  if (!isWireTimestamp(timestamp)) return refused("73", "bad_format", "odd X-TIMESTAMP", "X-TIMESTAMP");
  if (body["grantType"] === undefined) return refused("73", "missing", "no grantType", "grantType");
  if (body["grantType"] !== "client_credentials")
    return refused("73", "bad_format", "other grantType", "grantType");
  if (!keys.callers.includes(clientId)) return refused("73", "unknown_client", "X-CLIENT-KEY is not ours");
  if (!isTokenSignature(keys.dokuPublicKey, { clientId, timestamp }, signature))
    return refused("73", "bad_signature", "token call not signed by DOKU");
  return { kind: "verified", clientId };
}

/** SNAP's usual lifetime; DOKU makes a token for every notification or keeps it for as long. */
const TOKEN_SECONDS = 900;
const ISSUER = "tagih";

/** The answer to a verified token call: an RS256 token that every process of ours can check by itself. */
export async function issueToken(keys: InboundKeys, clientId: string, now: Instant): Promise<InboundAnswer> {
  const issuedAt = Math.floor(now.toSeconds());
  const accessToken = await new SignJWT({ clientId })
    .setProtectedHeader({ alg: "RS256", typ: "JWT" })
    .setIssuer(ISSUER)
    .setAudience(clientId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + TOKEN_SECONDS)
    .setJti(randomUuid())
    .sign(keys.privateKey);
  return jsonAnswer(
    200,
    {
      responseCode: "2007300",
      responseMessage: "Successful",
      accessToken,
      tokenType: "Bearer",
      expiresIn: TOKEN_SECONDS,
      additionalInfo: "",
    },
    { "x-client-key": clientId, "x-timestamp": wireTimestamp(now) },
  );
}

/** The gateway holds one token at a time; more than this are not kept. */
const MAX_PROVEN = 100;

/**
 * The token in an Authorization header if we issued it and it has not expired, else null. The
 * algorithm is pinned, and keys named inside the token are ignored.
 */
export async function checkBearer(
  keys: InboundKeys,
  authorization: string,
  now: Instant,
): Promise<string | null> {
  const token = /^Bearer ([\w-]+\.[\w-]+\.[\w-]+)$/i.exec(authorization)?.[1];
  if (token === undefined) return null;
  if ((keys.proven.get(token) ?? 0) > now.toSeconds()) return token;
  try {
    const { payload } = await jwtVerify(token, keys.publicKey, {
      algorithms: ["RS256"],
      issuer: ISSUER,
      audience: [...keys.callers],
      currentDate: now.toJSDate(),
      requiredClaims: ["exp", "jti"],
    });
    if (keys.proven.size >= MAX_PROVEN) keys.proven.clear();
    keys.proven.set(token, payload.exp ?? 0);
    return token;
  } catch (error) {
    if (error instanceof errors.JOSEError) return null;
    throw error;
  }
}

/** A token besides ours that a signature may have been made with: DOKU's own libraries differ about whose it is. */
export type FallbackToken = { readonly kind: "doku" | "empty"; readonly token: string };

/** A notification that DOKU signed with our shared secret, in a call that carried a token of ours. */
export type VerifiedNotification = {
  readonly kind: "verified";
  readonly externalId: string;
  readonly form: SignatureForm;
  /** Set when only another token than ours fits: that proves less, so ask the gateway instead of believing it. */
  readonly fallback?: FallbackToken["kind"];
};

/**
 * Step B: proves a notification over its raw bytes. The age of X-TIMESTAMP is not judged, because
 * DOKU resends for hours; the 900 seconds of the bearer token are the proof of freshness. `fallbacks`
 * are tried only when the signature does not fit our token; every other check stays.
 */
export async function verifyNotification(
  keys: InboundKeys,
  service: "56" | "07",
  call: InboundCall,
  now: Instant,
  fallbacks: () => Promise<readonly FallbackToken[]> = async () => [],
): Promise<VerifiedNotification | Refused> {
  if (parseObject(call.rawBody.toString("utf8")) === null)
    return refused(service, "bad_request", "body is not a JSON object");
  const given = texts(call.headers);
  for (const name of ["X-TIMESTAMP", "X-SIGNATURE", "X-PARTNER-ID", "X-EXTERNAL-ID", "Authorization"]) {
    if (given[name.toLowerCase()] === undefined) return refused(service, "missing", `no ${name}`, name);
  }
  const timestamp = given["x-timestamp"] ?? "";
  const externalId = given["x-external-id"] ?? "";
  if (!isWireTimestamp(timestamp)) return refused(service, "bad_format", "odd X-TIMESTAMP", "X-TIMESTAMP");
  // SNAP says digits; a genuine notice with another id is still news about money, so only storability counts.
  if (!/^[\x21-\x7e]{1,64}$/.test(externalId))
    return refused(service, "bad_format", "odd X-EXTERNAL-ID", "X-EXTERNAL-ID");
  if (![keys.clientId, ...keys.callers].includes(given["x-partner-id"] ?? ""))
    return refused(service, "unknown_client", "X-PARTNER-ID is not ours");

  const token = await checkBearer(keys, given["authorization"] ?? "", now);
  if (token === null) return refused(service, "bad_token", "bearer token unknown or expired");
  const formWith = (signedToken: string) => {
    const signed = { method: "POST", path: call.path, token: signedToken, timestamp };
    return matchingForm(keys.secret, signed, call.rawBody, given["x-signature"] ?? "");
  };
  const form = formWith(token);
  if (form !== null) return { kind: "verified", externalId, form };
  for (const fallback of await fallbacks()) {
    const other = formWith(fallback.token);
    if (other !== null) return { kind: "verified", externalId, form: other, fallback: fallback.kind };
  }
  return refused(service, "bad_signature", "signature does not fit the body");
}

function refused(
  service: InboundService,
  outcome: Parameters<typeof inboundAnswer>[1],
  why: string,
  field?: string,
): Refused {
  return { kind: "refused", why, answer: inboundAnswer(service, outcome, field) };
}

/** Single, non-empty header values; a header sent twice counts as not given. */
function texts(headers: InboundCall["headers"]): Readonly<Record<string, string | undefined>> {
  const single = Object.entries(headers).filter(([, value]) => typeof value === "string" && value !== "");
  return Object.fromEntries(single) as Record<string, string>;
}
