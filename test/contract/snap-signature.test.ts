import { createPrivateKey, createPublicKey, createSecretKey, generateKeyPairSync } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { minify } from "../../src/gateway/snap/json-text.ts";
import {
  callSignature,
  isTokenSignature,
  matchingForm,
  tokenSignature,
} from "../../src/gateway/snap/signature.ts";

type Asymmetric = typeof import("./vectors/asymmetric.json", { with: { type: "json" }});
type Keys = typeof import("./vectors/keys.json", { with: { type: "json" }});
type Symmetric = typeof import("./vectors/symmetric.json", { with: { type: "json" }});
// Parsed here: the test runner's own JSON loader stumbles over a lone surrogate.
const asymmetric = vectors("asymmetric") as Asymmetric;
const keys = vectors("keys") as Keys;
const symmetric = vectors("symmetric") as Symmetric;

function vectors(name: string): unknown {
  return JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), "utf8"));
}

const merchant = createPublicKey(keys.merchant.publicKeySpkiPem);
const merchantPkcs1 = createPublicKey(keys.merchant.publicKeyPkcs1Pem);
const stranger = createPublicKey(keys.stranger.publicKeySpkiPem);

describe("token signatures of DOKU's own library", () => {
  test.each(
    asymmetric.cases.map((vector) => [`${vector.clientId} at ${vector.xTimestamp}`, vector] as const),
  )("%s: made by the merchant's key, by no other", (_name, vector) => {
    const call = { clientId: vector.clientId, timestamp: vector.xTimestamp };
    expect(`${call.clientId}|${call.timestamp}`).toBe(vector.stringToSign);
    expect(isTokenSignature(merchant, call, vector.signatureBase64)).toBe(true);
    expect(isTokenSignature(merchantPkcs1, call, vector.signatureBase64)).toBe(true);
    expect(isTokenSignature(stranger, call, vector.signatureBase64)).toBe(false);
  });

  const refusals = asymmetric.negatives.filter((vector) => vector.wantedVerdict === "refuse");
  test.each(refusals.map((vector) => [vector.name, vector] as const))("%s: refused", (_name, vector) => {
    const call = { clientId: vector.clientId ?? "", timestamp: vector.xTimestamp ?? "" };
    expect(isTokenSignature(merchant, call, vector.signature ?? "")).toBe(false);
  });

  test("a public key that is not a PEM stops the start, not a later call", () => {
    expect(() => createPublicKey("not a key")).toThrow();
  });

  test("what we sign is verified by our public half, from PKCS#8 and PKCS#1 alike", () => {
    const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });
    const call = { clientId: "BRN-1", timestamp: "2025-01-15T05:06:07Z" };
    const made = (["pkcs8", "pkcs1"] as const).map((type) => {
      const key = createPrivateKey(pair.privateKey.export({ type, format: "pem" }));
      return tokenSignature(key, call.clientId, call.timestamp);
    });
    expect(made[0]).toBe(made[1]);
    expect(isTokenSignature(pair.publicKey, call, made[0] ?? "")).toBe(true);
    expect(isTokenSignature(stranger, call, made[0] ?? "")).toBe(false);
  });
});

describe("call signatures of DOKU's own library", () => {
  test.each(symmetric.cases.map((vector) => [vector.name, vector] as const))(
    "%s: same bytes, same signature",
    (_name, vector) => {
      const secret = createSecretKey(vector.clientSecret, "utf8");
      const call = {
        method: vector.method,
        path: vector.endpointUrl,
        token: vector.accessToken,
        timestamp: vector.xTimestamp,
      };
      const raw = Buffer.from(vector.bodyUtf8Hex, "hex");
      expect(callSignature(secret, call, vector.bodyText)).toBe(vector.signatureBase64);
      expect(minify(vector.bodyText)).toBe(vector.bodyText);
      expect(matchingForm(secret, call, raw, vector.signatureBase64)).toBe("minified");
      expect(
        matchingForm(secret, { ...call, path: `${call.path}/` }, raw, vector.signatureBase64),
      ).toBeNull();
      expect(matchingForm(secret, { ...call, token: "other" }, raw, vector.signatureBase64)).toBeNull();
      expect(
        matchingForm(secret, { ...call, timestamp: "2025-01-15T05:06:08Z" }, raw, vector.signatureBase64),
      ).toBeNull();
      const stranger = createSecretKey(`${vector.clientSecret}x`, "utf8");
      expect(matchingForm(stranger, call, raw, vector.signatureBase64)).toBeNull();
    },
  );

  // The candidates were signed like the balance call of the cases.
  const balance = symmetric.cases.find((vector) => vector.name === "balance");
  const secret = createSecretKey(balance?.clientSecret ?? "", "utf8");
  const call = {
    method: balance?.method ?? "",
    path: balance?.endpointUrl ?? "",
    token: balance?.accessToken ?? "",
    timestamp: balance?.xTimestamp ?? "",
  };
  test.each(symmetric.rawBodyCandidates.map((vector) => [vector.name, vector] as const))(
    "%s: accepted in each of its three forms",
    (name, vector) => {
      const raw = Buffer.from(vector.rawUtf8Hex, "hex");
      const { asReceived, whitespaceMinified, parsedAndReserialised } = vector.candidates;
      expect(minify(vector.rawBodyText)).toBe(whitespaceMinified.text);
      expect(matchingForm(secret, call, raw, whitespaceMinified.signature)).toBe("minified");
      expect(matchingForm(secret, call, raw, asReceived.signature)).toBe(
        asReceived.text === whitespaceMinified.text ? "minified" : "raw",
      );
      const third = matchingForm(secret, call, raw, parsedAndReserialised.signature);
      if (parsedAndReserialised.text === whitespaceMinified.text) expect(third).toBe("minified");
      // The two readers could have seen two values.
      else if (name === "duplicate key") expect(third).toBeNull();
      else expect(third).toBe("reserialised");
    },
  );

  const payment = symmetric.cases.find((vector) => vector.name === "paymentRecurring");
  test.each(symmetric.compare.map((vector) => [vector.name, vector] as const))(
    "compare: %s",
    (_name, vector) => {
      const paymentCall = { ...call, path: payment?.endpointUrl ?? "" };
      const form = matchingForm(secret, paymentCall, Buffer.from(payment?.bodyText ?? ""), vector.a ?? "");
      expect(form !== null).toBe(vector.correct);
    },
  );

  test("an absent body hashes the empty string, and {} its two characters", () => {
    const empty = { ...call, method: "GET", path: "/x" };
    expect(callSignature(secret, empty, "")).toBe(symmetric.emptyBody.correctSignature);
    expect(matchingForm(secret, empty, Buffer.alloc(0), symmetric.emptyBody.correctSignature)).toBe(
      "minified",
    );
    expect(callSignature(secret, empty, "{}")).not.toBe(symmetric.emptyBody.correctSignature);
  });
});
