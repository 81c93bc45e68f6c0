import { createHmac, createPublicKey, createSecretKey, generateKeyPairSync } from "node:crypto";
import { SignJWT, UnsecuredJWT } from "jose";
import { describe, expect, test } from "vitest";
import {
  checkBearer,
  type InboundCall,
  inboundKeys,
  issueToken,
  verifyNotification,
  verifyTokenCall,
} from "../../src/gateway/snap/inbound.ts";
import { inboundAnswer } from "../../src/gateway/snap/inbound-answers.ts";
import { callSignature, tokenSignature } from "../../src/gateway/snap/signature.ts";
import { instant } from "../../src/kernel/time.ts";

const rsa = () => generateKeyPairSync("rsa", { modulusLength: 2048 });
const merchant = rsa();
const doku = rsa();
const stranger = rsa();
const SECRET = "SK-test";
const CLIENT = "BRN-1";
const now = instant(new Date("2025-01-15T05:06:07Z"));
const keys = inboundKeys({
  clientId: CLIENT,
  callers: [CLIENT, "DOKU-1"],
  secretKey: SECRET,
  privateKey: merchant.privateKey,
  dokuPublicKey: doku.publicKey,
});

const timestamp = "2025-01-15T12:06:07+07:00";
const PATH = "/hook/v1.0/debit/notify?tenant=7";

function tokenCall(
  change: Record<string, string | undefined> = {},
  body = '{"grantType":"client_credentials"}',
): InboundCall {
  const headers = {
    "x-client-key": CLIENT,
    "x-timestamp": timestamp,
    "x-signature": tokenSignature(doku.privateKey, CLIENT, timestamp),
    ...change,
  };
  return { headers, rawBody: Buffer.from(body), path: "/v1.0/access-token/b2b" };
}

function codeOf(answer: { status: number; body: string }): string {
  const code = String(JSON.parse(answer.body).responseCode);
  expect(code.slice(0, 3)).toBe(String(answer.status));
  return code;
}

describe("DOKU asks for a token", () => {
  test("signed by DOKU for one of our names", () => {
    expect(verifyTokenCall(keys, tokenCall())).toEqual({ kind: "verified", clientId: CLIENT });
    const other = {
      "x-client-key": "DOKU-1",
      "x-signature": tokenSignature(doku.privateKey, "DOKU-1", timestamp),
    };
    expect(verifyTokenCall(keys, tokenCall(other))).toEqual({ kind: "verified", clientId: "DOKU-1" });
  });

  const signed = (key: typeof doku, clientId = CLIENT, at = timestamp) =>
    tokenSignature(key.privateKey, clientId, at);
  test.each([
    ["a body that is no JSON", tokenCall({}, "{"), "4007300"],
    ["no X-CLIENT-KEY", tokenCall({ "x-client-key": undefined }), "4007302"],
    ["no X-TIMESTAMP", tokenCall({ "x-timestamp": "" }), "4007302"],
    ["no X-SIGNATURE", tokenCall({ "x-signature": undefined }), "4007302"],
    ["an odd X-TIMESTAMP", tokenCall({ "x-timestamp": "yesterday" }), "4007301"],
    ["no grantType", tokenCall({}, "{}"), "4007302"],
    ["another grantType", tokenCall({}, '{"grantType":"password"}'), "4007301"],
    [
      "a client that is not ours",
      tokenCall({ "x-client-key": "BRN-2", "x-signature": signed(doku, "BRN-2") }),
      "4017300",
    ],
    ["a stranger's signature", tokenCall({ "x-signature": signed(stranger) }), "4017300"],
    ["our own signature", tokenCall({ "x-signature": signed(merchant) }), "4017300"],
    ["a signature of another moment", tokenCall({ "x-timestamp": "2025-01-15T05:06:07Z" }), "4017300"],
  ])("%s is refused", (_name, call, code) => {
    const verified = verifyTokenCall(keys, call);
    expect(verified.kind === "refused" ? codeOf(verified.answer) : "verified").toBe(code);
  });

  test("the token in the answer is good for 900 seconds, in any process of ours", async () => {
    const answer = await issueToken(keys, CLIENT, now);
    const body = JSON.parse(answer.body);
    expect(answer).toMatchObject({
      status: 200,
      headers: {
        "x-client-key": CLIENT,
        "x-timestamp": "2025-01-15T05:06:07Z",
        "content-type": "application/json",
      },
    });
    expect(body).toMatchObject({ responseCode: "2007300", tokenType: "Bearer", expiresIn: 900 });
    const bearer = `Bearer ${body.accessToken}`;
    expect(await checkBearer(keys, bearer, now)).toBe(body.accessToken);
    expect(await checkBearer(keys, bearer, now.plus({ seconds: 899 }))).toBe(body.accessToken);
    expect(await checkBearer(keys, bearer, now.plus({ seconds: 900 }))).toBeNull();
    expect(await checkBearer(keys, body.accessToken, now)).toBeNull();
    const claims = JSON.parse(Buffer.from(body.accessToken.split(".")[1], "base64url").toString());
    expect(claims).toMatchObject({ iss: "tagih", aud: CLIENT, clientId: CLIENT, jti: expect.any(String) });
  });
});

function jwt(claims: Record<string, unknown> = {}) {
  const iat = Math.floor(now.toSeconds());
  return new SignJWT({ iss: "tagih", aud: CLIENT, iat, exp: iat + 900, jti: "1", ...claims });
}

describe("a bearer that we did not issue", () => {
  const publicPem = createPublicKey(merchant.privateKey).export({ type: "spki", format: "pem" });
  const rs256 = { alg: "RS256" };
  test.each([
    ["a stranger's key", () => jwt().setProtectedHeader(rs256).sign(stranger.privateKey)],
    [
      "HS256 with our public key as secret",
      () => jwt().setProtectedHeader({ alg: "HS256" }).sign(Buffer.from(publicPem)),
    ],
    ["another RSA algorithm", () => jwt().setProtectedHeader({ alg: "RS512" }).sign(merchant.privateKey)],
    ["another issuer", () => jwt({ iss: "DOKU" }).setProtectedHeader(rs256).sign(merchant.privateKey)],
    ["another audience", () => jwt({ aud: "BRN-2" }).setProtectedHeader(rs256).sign(merchant.privateKey)],
    ["no expiry", () => jwt({ exp: undefined }).setProtectedHeader(rs256).sign(merchant.privateKey)],
    ["no id", () => jwt({ jti: undefined }).setProtectedHeader(rs256).sign(merchant.privateKey)],
    [
      "alg none",
      async () => new UnsecuredJWT({ iss: "tagih", aud: CLIENT, jti: "1" }).setExpirationTime("1h").encode(),
    ],
    ["no token at all", async () => ""],
  ])("%s is refused", async (_name, make) => {
    expect(await checkBearer(keys, `Bearer ${await make()}`, now)).toBeNull();
  });
});

const BODY = '{ "latestTransactionStatus": "00", "note": "a  b" }';

async function notification(change: Record<string, string | undefined> = {}, sent = BODY, signedBody = sent) {
  const token = JSON.parse((await issueToken(keys, CLIENT, now)).body).accessToken as string;
  const signed = { method: "POST", path: PATH, token, timestamp };
  const headers = {
    authorization: `Bearer ${token}`,
    "x-timestamp": timestamp,
    "x-signature": callSignature(createSecretKey(SECRET, "utf8"), signed, signedBody),
    "x-partner-id": CLIENT,
    "x-external-id": "123456789",
    ...change,
  };
  return { headers, rawBody: Buffer.from(sent), path: PATH };
}

describe("DOKU notifies", () => {
  test.each([
    ["minified", '{"latestTransactionStatus":"00","note":"a  b"}'],
    ["raw", BODY],
  ])("with the %s body signed", async (form, signedBody) => {
    const verified = await verifyNotification(keys, "56", await notification({}, BODY, signedBody), now);
    expect(verified).toEqual({ kind: "verified", externalId: "123456789", form });
  });

  test("with the re-serialised body signed, unless a key repeats", async () => {
    const sent = '{"u":"https:\\/\\/a.b","v":10000.00}';
    const call = await notification({}, sent, '{"u":"https://a.b","v":10000}');
    expect(await verifyNotification(keys, "56", call, now)).toMatchObject({ form: "reserialised" });
    const twice = await notification({}, '{"v":1,"v":2.0}', '{"v":2}');
    const refused = await verifyNotification(keys, "56", twice, now);
    expect(refused.kind === "refused" ? codeOf(refused.answer) : "verified").toBe("4015600");
  });

  test("hours after it was stamped, with a fresh token", async () => {
    const old = "2025-01-14T11:06:07-00:00";
    const token = JSON.parse((await issueToken(keys, CLIENT, now)).body).accessToken as string;
    const call = { method: "POST", path: PATH, token, timestamp: old };
    const signature = callSignature(keys.secret, call, BODY);
    const sent = await notification({
      authorization: `Bearer ${token}`,
      "x-timestamp": old,
      "x-signature": signature,
    });
    expect((await verifyNotification(keys, "56", sent, now)).kind).toBe("verified");
  });

  test.each([
    ["no X-TIMESTAMP", { "x-timestamp": undefined }, "4005602"],
    ["no X-SIGNATURE", { "x-signature": undefined }, "4005602"],
    ["no X-PARTNER-ID", { "x-partner-id": undefined }, "4005602"],
    ["no X-EXTERNAL-ID", { "x-external-id": undefined }, "4005602"],
    ["no Authorization", { authorization: undefined }, "4005602"],
    ["an odd X-TIMESTAMP", { "x-timestamp": "now" }, "4005601"],
    ["an X-EXTERNAL-ID without end", { "x-external-id": "1".repeat(65) }, "4005601"],
    ["a partner that is not us", { "x-partner-id": "BRN-2" }, "4015600"],
    ["an unknown bearer", { authorization: "Bearer a.b.c" }, "4015601"],
    ["the signature of another moment", { "x-timestamp": "2025-01-15T05:06:07Z" }, "4015600"],
    ["an empty-handed signature", { "x-signature": "A".repeat(86).concat("==") }, "4015600"],
    ["a cut signature", { "x-signature": "AAAA" }, "4015600"],
  ])("%s is refused with %s", async (_name, change, code) => {
    const refused = await verifyNotification(keys, "56", await notification(change), now);
    expect(refused.kind === "refused" ? codeOf(refused.answer) : "verified").toBe(code);
  });

  test("a changed amount, another path, another secret, an expired token", async () => {
    const good = await notification();
    const code = async (call: InboundCall, at = now) => {
      const verified = await verifyNotification(keys, "07", call, at);
      return verified.kind === "refused" ? codeOf(verified.answer) : "verified";
    };
    expect(await code(good)).toBe("verified");
    expect(await code({ ...good, rawBody: Buffer.from(BODY.replace("00", "06")) })).toBe("4010700");
    expect(await code({ ...good, path: "/hook/v1.0/debit/notify" })).toBe("4010700");
    expect(await code({ ...good, rawBody: Buffer.from("[]") })).toBe("4000700");
    const forged = createHmac("sha512", "SK-other").update("x").digest("base64");
    expect(await code({ ...good, headers: { ...good.headers, "x-signature": forged } })).toBe("4010700");
    expect(await code(good, now.plus({ seconds: 901 }))).toBe("4010701");
    expect(await code({ ...good, headers: { ...good.headers, "x-external-id": ["1", "2"] } })).toBe(
      "4000702",
    );
  });
});

test.each([
  ["56", "processed", 200, "2005600"],
  ["56", "bad_format", 400, "4005601"],
  ["56", "missing", 400, "4005602"],
  ["56", "bad_signature", 401, "4015600"],
  ["56", "bad_token", 401, "4015601"],
  ["56", "bad_customer_token", 401, "4015602"],
  ["56", "unknown_reference", 404, "4045601"],
  ["56", "id_reused", 409, "4095600"],
  ["56", "failed", 500, "5005600"],
  ["07", "processed", 200, "2000700"],
  ["07", "unknown_reference", 404, "4040701"],
  ["07", "id_reused", 409, "4090700"],
  ["73", "bad_signature", 401, "4017300"],
] as const)("service %s, %s: HTTP %i and %s", (service, outcome, status, code) => {
  const answer = inboundAnswer(service, outcome);
  expect(answer.status).toBe(status);
  expect(JSON.parse(answer.body)).toMatchObject({ responseCode: code, responseMessage: expect.any(String) });
});
