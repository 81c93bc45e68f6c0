import { describe, expect, test } from "vitest";
import { paymentBody, payPageBody, refundBody, unbindingBody } from "../../src/gateway/snap/requests.ts";
import { InvariantError } from "../../src/kernel/errors.ts";
import type { Reference } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";

const urls = { paid: "https://merchant.example/ok", failed: "https://merchant.example/ko" };
const reference = "6f1d0a3c9b5e4f7fa1c2d3e4f5a6b7c8" as Reference;
const order = { reference, amount: rupiah(25_000), remarks: "Plan Pro 2025-01" };
const refund = {
  reference,
  paymentExternalId: "639719428470307511969472908117586067",
  refundReference: "REF-0001",
  amount: rupiah(25_000),
  reason: "Request by Customer",
};

describe("the bytes of", () => {
  test("a page to pay on are those of a payment, except for its type", () => {
    const page = payPageBody(order, urls);
    expect(page).toBe(
      '{"partnerReferenceNo":"6f1d0a3c9b5e4f7fa1c2d3e4f5a6b7c8","amount":{"value":"25000.00","currency":"IDR"},' +
        '"payOptionDetails":[{"payMethod":"CASH","transAmount":{"value":"25000.00","currency":"IDR"},' +
        '"feeAmount":{"value":"0.00","currency":"IDR"}}],"additionalInfo":{"channel":"EMONEY_OVO_SNAP",' +
        '"successPaymentUrl":"https://merchant.example/ok","failedPaymentUrl":"https://merchant.example/ko",' +
        '"paymentType":"SALE","remarks":"Plan Pro 2025-01"}}',
    );
    expect(page).toBe(paymentBody(order, urls).replace("RECURRING", "SALE"));
  });

  test("a refund are the documented ones", () => {
    expect(refundBody(refund)).toBe(
      '{"originalPartnerReferenceNo":"6f1d0a3c9b5e4f7fa1c2d3e4f5a6b7c8",' +
        '"originalExternalId":"639719428470307511969472908117586067",' +
        '"refundAmount":{"value":"25000.00","currency":"IDR"},"reason":"Request by Customer",' +
        '"partnerRefundNo":"REF-0001","additionalInfo":{"channel":"EMONEY_OVO_SNAP"}}',
    );
  });

  test("an unbinding carry the customer token in the body", () => {
    expect(unbindingBody("CT")).toBe('{"tokenId":"CT","additionalInfo":{"channel":"EMONEY_OVO_SNAP"}}');
  });
});

test("a refund made twice is the same to the last byte, and leaves out what is not known", () => {
  expect(refundBody(refund)).toBe(refundBody({ ...refund }));
  const bare = JSON.parse(refundBody({ ...refund, paymentExternalId: null, reason: "‘’" }));
  expect(Object.keys(bare)).toEqual([
    "originalPartnerReferenceNo",
    "refundAmount",
    "partnerRefundNo",
    "additionalInfo",
  ]);
});

test("a reason is plain text of at most 255 characters", () => {
  const { reason } = JSON.parse(refundBody({ ...refund, reason: `Café <b>"ok"</b> ${"x".repeat(300)}` }));
  expect(reason).toMatch(/^Cafe b ok \/b x+$/);
  expect(reason).toHaveLength(255);
});

test.each([
  ["a reference of 33 characters", { reference: "r".repeat(33) as Reference }],
  ["a reference with a space", { reference: "a b" as Reference }],
  ["a refund reference of 65 characters", { refundReference: "r".repeat(65) }],
  ["an empty refund reference", { refundReference: "" }],
  ["a refund of nothing", { amount: rupiah(0) }],
])("%s does not fit the wire", (_name, change) => {
  expect(() => refundBody({ ...refund, ...change })).toThrow(InvariantError);
});
