import { describe, expect, test } from "vitest";
import { readOutcome } from "../../src/gateway/snap/answers.ts";
import { readBindingNotice, readPaymentNotice } from "../../src/gateway/snap/notices.ts";
import { readBalance, readBinding, readExchange } from "../../src/gateway/snap/read-answers.ts";
import {
  balanceBody,
  bindingBody,
  exchangeBody,
  paymentBody,
  statusBody,
  tokenBody,
} from "../../src/gateway/snap/requests.ts";
import type { Reference } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";

const returnUrls = { paid: "https://pay.example/return/paid", failed: "https://pay.example/return/failed" };
const order = { reference: "REF-1" as Reference, amount: rupiah(25000), remarks: "Paket Pro – 2026" };

describe("request bodies", () => {
  test("a payment is these very bytes", () => {
    expect(paymentBody(order, returnUrls)).toBe(
      '{"partnerReferenceNo":"REF-1","amount":{"value":"25000.00","currency":"IDR"},' +
        '"payOptionDetails":[{"payMethod":"CASH","transAmount":{"value":"25000.00","currency":"IDR"},' +
        '"feeAmount":{"value":"0.00","currency":"IDR"}}],"additionalInfo":{"channel":"EMONEY_OVO_SNAP",' +
        '"successPaymentUrl":"https://pay.example/return/paid","failedPaymentUrl":"https://pay.example/return/failed",' +
        '"paymentType":"RECURRING","remarks":"Paket Pro - 2026"}}',
    );
  });

  test("remarks that leave nothing are left out", () => {
    expect(paymentBody({ ...order, remarks: "日本" }, returnUrls)).not.toContain("remarks");
  });

  test("nothing is charged for nothing, and no reference that a refund would refuse", () => {
    expect(() => paymentBody({ ...order, amount: rupiah(0) }, returnUrls)).toThrow("nothing");
    expect(() => paymentBody({ ...order, reference: "R".repeat(33) as Reference }, returnUrls)).toThrow(
      "reference",
    );
  });

  test("a binding carries what fits and leaves out what does not", () => {
    const binding = {
      phone: "6281234567890",
      customerReference: "cust-001",
      customerName: "Zoë “Z” Müller",
      email: "zoë@example.com",
      successUrl: "https://shop.example/ok?x=1&y=ë",
      failedUrl: "https://shop.example/ko",
      externalId: "1",
    };
    expect(bindingBody(binding)).toBe(
      '{"phoneNo":"6281234567890","additionalInfo":{"channel":"EMONEY_OVO_SNAP","custIdMerchant":"cust-001",' +
        '"customerName":"Zoe Z Muller","successRegistrationUrl":"https://shop.example/ok?x=1&y=%C3%AB",' +
        '"failedRegistrationUrl":"https://shop.example/ko"}}',
    );
    expect(bindingBody({ ...binding, email: "budi@example.com" })).toContain('"email":"budi@example.com"');
    expect(() => bindingBody({ ...binding, phone: "081234567890" })).toThrow("phone");
    expect(() => bindingBody({ ...binding, customerReference: "cüst" })).toThrow("customer reference");
  });

  test("the small bodies", () => {
    expect(tokenBody()).toBe('{"grantType":"client_credentials"}');
    expect(exchangeBody({ authCode: "A" })).toBe(
      '{"grantType":"authorization_code","authCode":"A","additionalInfo":{}}',
    );
    expect(exchangeBody({ refreshToken: "R" })).toBe(
      '{"grantType":"refresh_token","refreshToken":"R","additionalInfo":{}}',
    );
    expect(balanceBody()).toBe('{"additionalInfo":{"channel":"EMONEY_OVO_SNAP"}}');
    const asked = {
      reference: order.reference,
      paymentExternalId: "123",
      gatewayReference: null,
      amount: order.amount,
    };
    expect(statusBody(asked, "BRN-1", "54")).toBe(
      '{"originalPartnerReferenceNo":"REF-1","originalExternalId":"123","serviceCode":"54",' +
        '"amount":{"value":"25000.00","currency":"IDR"},"merchantId":"BRN-1","additionalInfo":{"channel":"EMONEY_OVO_SNAP"}}',
    );
  });
});

function read(status: number, body: object, service: string) {
  return readOutcome({ kind: "answer", status, text: JSON.stringify(body) }, [service]);
}

describe("answers to reads", () => {
  const money = (value: string) => ({ value, currency: "IDR" });
  test.each([
    [
      "availableBalance",
      { balanceType: "CASH", amount: money("9.00"), availableBalance: money("150000.00") },
      150000,
    ],
    [
      "DOKU's misspelling",
      { balanceType: "CASH", amount: money("9.00"), avaliableBalance: money("150000.00") },
      150000,
    ],
    ["amount alone", { balanceType: "cash", amount: money("150000.00") }, 150000],
    ["no type", { amount: { value: 150000 } }, 150000],
    ["sen, dropped", { balanceType: "CASH", availableBalance: money("150000.99") }, 150000],
    ["nothing", { balanceType: "CASH", availableBalance: money("0.00") }, 0],
  ])("a balance is read from %s", (_name, entry, available) => {
    const body = {
      responseCode: "2001100",
      accountInfos: [{ balanceType: "POINTS", amount: money("7.00") }, entry],
    };
    expect(readBalance(read(200, body, "11"))).toEqual({ kind: "balance", available });
  });

  test.each([
    [
      200,
      { responseCode: "2001100", accountInfos: [{ balanceType: "POINTS", amount: money("7.00") }] },
      "away",
    ],
    [200, { responseCode: "2001100" }, "away"],
    [401, { responseCode: "4011102" }, "token_dead"],
    [401, { responseCode: "4011104" }, "token_dead"],
    [401, { responseCode: "4011101" }, "our_mistake"],
    [401, { responseCode: "4011100" }, "our_mistake"],
    [404, { responseCode: "4041111" }, "refused"],
    [403, { responseCode: "4031118" }, "refused"],
    [504, { responseCode: "5041100" }, "away"],
    [429, { responseCode: "4291100" }, "away"],
    [404, { responseCode: "4045411" }, "away"],
  ])("HTTP %i %j to a balance inquiry is %3$s", (status, body, kind) => {
    expect(readBalance(read(status, body, "11")).kind).toBe(kind);
  });

  test("an exchange gives token and expiry, and an unreadable expiry is null", () => {
    const body = {
      responseCode: "2007400",
      accessToken: "T",
      accessTokenExpiryTime: "2025-01-30T12:06:07+07:00",
      refreshToken: "R",
      refreshTokenExpiryTime: "soon",
    };
    expect(readExchange(read(200, body, "74"))).toEqual({
      kind: "token",
      token: "T",
      expiresAt: "2025-01-30T12:06:07.000+07:00",
      refreshToken: "R",
      refreshExpiresAt: null,
    });
    const zoneless = { ...body, accessTokenExpiryTime: "2025-01-30T12:06:07" };
    expect(readExchange(read(200, zoneless, "74"))).toMatchObject({ expiresAt: null });
  });

  test.each([
    [401, "4017400", "unauthorised"],
    [401, "4017401", "unauthorised"],
    [400, "4007401", "our_mistake"],
    [500, "5007400", "away"],
    [200, "2007400", "away"],
  ])("HTTP %i %s without a token is %s", (status, responseCode, kind) => {
    expect(readExchange(read(status, { responseCode }, "74")).kind).toBe(kind);
  });

  test.each([
    [
      "4030715",
      "Transaction Not Permitted. OVO account already registered by another customer",
      "taken_by_other",
    ],
    ["4030715", "Transaction Not Permitted. Account Already Registered", "already_registered"],
    ["4030715", "Transaction Not Permitted. OVO account blocked temporary", "blocked_for_now"],
    ["4030715", "Transaction Not Permitted. OVO account not available please register to ovo", "no_account"],
    ["4030715", "Transaction Not Permitted", "other"],
    ["4030711", "OTP blocked", "blocked_for_now"],
    ["4030707", "user blocked", "other"],
    ["4040711", "Invalid Account", "no_account"],
  ])("%s %s refuses a binding as %s", (responseCode, responseMessage, reason) => {
    const reading = read(Number(responseCode.slice(0, 3)), { responseCode, responseMessage }, "07");
    expect(readBinding(reading)).toMatchObject({ kind: "refused", reason, code: responseCode });
  });

  test("a started binding needs a web address and an authorisation", () => {
    const body = {
      responseCode: "2000700",
      referenceNo: "1",
      redirectUrl: "https://sandbox.doku.com/x",
      additionalInfo: { authCode: "A", status: "PENDING" },
    };
    expect(readBinding(read(200, body, "07"))).toEqual({
      kind: "started",
      redirectUrl: "https://sandbox.doku.com/x",
      authCode: "A",
      gatewayReference: "1",
    });
    expect(readBinding(read(200, { ...body, redirectUrl: "javascript:alert(1)" }, "07")).kind).toBe("away");
    expect(readBinding(read(200, { ...body, additionalInfo: {} }, "07")).kind).toBe("away");
    expect(readBinding(read(504, { responseCode: "5040700" }, "07")).kind).toBe("away");
    expect(readBinding(read(401, { responseCode: "4010700" }, "07")).kind).toBe("our_mistake");
  });
});

describe("notifications", () => {
  const notice = {
    originalPartnerReferenceNo: "REF-1",
    originalReferenceNo: "FB1",
    originalExternalId: "123",
    latestTransactionStatus: "00",
    amount: { value: "25000.00", currency: "IDR" },
    additionalInfo: { custIdMerchant: "cust-001", channelId: "EMONEY_OVO_SNAP", accountType: "WALLET" },
  };
  const verdictOf = (change: object) => {
    const given = readPaymentNotice(JSON.stringify({ ...notice, ...change }));
    return given.kind === "payment" ? given.verdict : given;
  };

  test("a paid notice says who, how much and under which names", () => {
    expect(readPaymentNotice(Buffer.from(JSON.stringify(notice)))).toEqual({
      kind: "payment",
      reference: "REF-1",
      gatewayReference: "FB1",
      originalExternalId: "123",
      status: "00",
      amount: 25000,
      verdict: {
        kind: "paid",
        code: "status 00",
        gatewayReference: "FB1",
        amount: 25000,
        payee: "cust-001",
        mismatch: null,
      },
    });
  });

  test.each([
    ["01", "pending"],
    ["02", "pending"],
    ["03", "pending"],
    ["04", "refunded"],
    ["05", "refusal_notice"],
    ["06", "refusal_notice"],
    ["07", "refusal_notice"],
    ["99", "pending"],
  ])("status %s is %s", (latestTransactionStatus, kind) => {
    expect(verdictOf({ latestTransactionStatus }).kind).toBe(kind);
  });

  test("money in another currency, with sen or on another channel is told, not judged", () => {
    const usd = { amount: { value: "25000.00", currency: "USD" } };
    expect(verdictOf(usd)).toMatchObject({ kind: "paid", amount: null, mismatch: "amount 25000.00 USD" });
    expect(verdictOf({ amount: { value: 1.5 } })).toMatchObject({
      kind: "paid",
      amount: null,
      mismatch: "amount 1.5",
    });
    const dana = { additionalInfo: { channel: "EMONEY_DANA_SNAP" } };
    expect(verdictOf(dana)).toMatchObject({
      amount: 25000,
      payee: null,
      mismatch: "channel EMONEY_DANA_SNAP",
    });
  });

  test.each([
    [{ originalPartnerReferenceNo: undefined }, "missing", "originalPartnerReferenceNo"],
    [{ originalPartnerReferenceNo: "R".repeat(65) }, "bad_format", "originalPartnerReferenceNo"],
    [{ latestTransactionStatus: "" }, "missing", "latestTransactionStatus"],
    [{ latestTransactionStatus: "0" }, "bad_format", "latestTransactionStatus"],
    [{ latestTransactionStatus: "paid" }, "bad_format", "latestTransactionStatus"],
    [{ amount: undefined }, "missing", "amount"],
    [{ amount: "25000.00" }, "bad_format", "amount"],
  ])("%j is %s", (change, outcome, field) => {
    expect(verdictOf(change)).toEqual({ kind: "bad", outcome, field });
  });

  test("a binding notice names the binding and its fate", () => {
    const bound = {
      originalExternalId: "1",
      additionalInfo: { status: "success", custIdMerchant: "c", authCode: "A" },
    };
    expect(readBindingNotice(JSON.stringify(bound))).toEqual({
      kind: "binding",
      originalExternalId: "1",
      status: "success",
      customerReference: "c",
      authCode: "A",
    });
    const bad = (body: object) => readBindingNotice(JSON.stringify(body));
    expect(bad({ originalExternalId: "1" })).toMatchObject({
      outcome: "missing",
      field: "additionalInfo.status",
    });
    expect(bad({ additionalInfo: { status: "SUCCESS" } })).toMatchObject({
      field: "additionalInfo.authCode",
    });
    expect(bad({ ...bound, additionalInfo: { status: "ODD" } })).toMatchObject({ outcome: "bad_format" });
  });
});
