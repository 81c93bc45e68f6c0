import { createPublicKey } from "node:crypto";
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { signCall, verifyCall, verifyTokenCall } from "../../src/simulator/signature.ts";

const read = (name: string) =>
  JSON.parse(readFileSync(new URL(`./vectors/${name}.json`, import.meta.url), "utf8"));
type SignedCall = {
  readonly name: string;
  readonly method: string;
  readonly endpointUrl: string;
  readonly accessToken: string;
  readonly xTimestamp: string;
  readonly clientSecret: string;
  readonly body: unknown;
  readonly bodyText: string;
  readonly signatureBase64: string;
};
const calls: readonly SignedCall[] = read("symmetric").cases;
const { cases: tokenCalls } = read("asymmetric");
const { merchant, doku } = read("keys");

describe("what DOKU's own SDK signs is accepted", () => {
  test.each(calls)("call: $name", (one) => {
    const parts = {
      method: one.method,
      target: one.endpointUrl,
      token: one.accessToken,
      timestamp: one.xTimestamp,
    };
    const call = { body: one.bodyText, parsed: one.body, signature: one.signatureBase64, strict: false };
    expect(verifyCall(one.clientSecret, parts, call)).toBe(true);
    expect(verifyCall(`${one.clientSecret}x`, parts, call)).toBe(false);
    expect(verifyCall(one.clientSecret, { ...parts, target: `${parts.target}?a=1` }, call)).toBe(false);
  });

  test("token calls, by the merchant's key and no other", () => {
    const key = createPublicKey(merchant.publicKeySpkiPem);
    const stranger = createPublicKey(doku.publicKeySpkiPem);
    for (const one of tokenCalls) {
      const call = { clientKey: one.clientId, timestamp: one.xTimestamp, signature: one.signatureBase64 };
      expect(verifyTokenCall(key, call)).toBe(true);
      expect(verifyTokenCall(stranger, call)).toBe(false);
      expect(verifyTokenCall(key, { ...call, signature: `${call.signature}\n` })).toBe(false);
      expect(verifyTokenCall(key, { ...call, signature: call.signature.replace(/=+$/, "") })).toBe(false);
    }
  });
});

test("whitespace inside strings counts, between tokens it does not", () => {
  const parts = { method: "POST", target: "/x", token: "t", timestamp: "2026-03-02T02:00:00Z" };
  const signature = signCall("s", parts, '{"a":"b \\" c"}');
  const check = (body: string) =>
    verifyCall("s", parts, { body, parsed: JSON.parse(body), signature, strict: false });
  expect(check('{ "a" :\n"b \\" c" }')).toBe(true);
  expect(check('{"a":"b \\"c"}')).toBe(false);
});
