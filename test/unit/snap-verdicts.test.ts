import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DeclineClass, Verdict } from "../../src/gateway/gateway.ts";
import { readOutcome } from "../../src/gateway/snap/answers.ts";
import {
  INQUIRY_SERVICES,
  inquiryVerdict,
  PAYMENT_SERVICES,
  paymentVerdict,
} from "../../src/gateway/snap/verdicts.ts";

type Kind = Verdict["kind"];

function payment(status: number, body: unknown): Verdict {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return paymentVerdict(readOutcome({ kind: "answer", status, text }, PAYMENT_SERVICES));
}

function inquiry(status: number, body: unknown): Verdict {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return inquiryVerdict(readOutcome({ kind: "answer", status, text }, INQUIRY_SERVICES), "REF-1");
}

/** Every row of the code table, written again by hand: what a payment's answer may mean. */
const PAYMENT_CODES: readonly (readonly [code: string, kind: Kind, declineClass?: DeclineClass])[] = [
  ["2005400", "accepted"],
  ["2025400", "pending"],
  ["4005400", "declined", "config"],
  ["4005401", "declined", "config"],
  ["4005402", "declined", "config"],
  ["4015400", "declined", "config"],
  ["4015401", "token_refused"],
  ["4015402", "declined", "binding"],
  ["4015403", "token_refused"],
  ["4015404", "declined", "binding"],
  ["4035400", "unknown"],
  ["4035401", "declined", "config"],
  ["4035402", "declined", "limit"],
  ["4035403", "declined", "account"],
  ["4035404", "declined", "limit"],
  ["4035405", "declined", "risk"],
  ["4035406", "declined", "window"],
  ["4035407", "declined", "binding"],
  ["4035408", "declined", "binding"],
  ["4035409", "declined", "binding"],
  ["4035410", "declined", "binding"],
  ["4035411", "declined", "binding"],
  ["4035412", "declined", "binding"],
  ["4035413", "declined", "binding"],
  ["4035414", "declined", "funds"],
  ["4035415", "declined", "binding"],
  ["4035416", "unknown"],
  ["4035417", "declined", "limit"],
  ["4035418", "declined", "binding"],
  ["4035419", "declined", "config"],
  ["4035420", "declined", "config"],
  ["4035421", "declined", "config"],
  ["4035422", "declined", "binding"],
  ["4035423", "declined", "limit"],
  ["4045400", "unknown"],
  ["4045401", "unknown"],
  ["4045402", "declined", "config"],
  ["4045403", "declined", "config"],
  ["4045404", "declined", "risk"],
  ["4045405", "declined", "config"],
  ["4045406", "declined", "binding"],
  ["4045407", "declined", "config"],
  ["4045408", "declined", "config"],
  ["4045409", "declined", "binding"],
  ["4045410", "unknown"],
  ["4045411", "declined", "binding"],
  ["4045412", "declined", "config"],
  ["4045413", "declined", "config"],
  ["4045414", "unknown"],
  ["4045415", "declined", "binding"],
  ["4045416", "declined", "config"],
  ["4045417", "declined", "config"],
  ["4045418", "unknown"],
  ["4045419", "declined", "binding"],
  ["4055400", "declined", "config"],
  ["4055401", "declined", "config"],
  ["4095400", "unknown"],
  ["4095401", "unknown"],
  ["4295400", "busy"],
  ["5005400", "unknown"],
  ["5005401", "unknown"],
  ["5005402", "unknown"],
  ["5045400", "unknown"],
];

describe("the answer to a payment", () => {
  test.each(PAYMENT_CODES.map(([code, kind, named]) => [code, kind, named] as const))(
    "%s is %s %s",
    (code, kind, declineClass) => {
      const verdict = payment(Number(code.slice(0, 3)), { responseCode: code, responseMessage: "says" });
      expect(verdict.kind).toBe(kind);
      if (verdict.kind === "declined") expect(verdict.declineClass).toBe(declineClass);
    },
  );

  test.each(PAYMENT_CODES.map(([code]) => code))("%s with another HTTP status is doubt", (code) => {
    expect(payment(code.startsWith("200") ? 201 : 200, { responseCode: code }).kind).toBe("unknown");
    expect(payment(502, { responseCode: code }).kind).toBe("unknown");
  });

  test.each(PAYMENT_CODES.map(([code, kind]) => [code, kind] as const))(
    "%s replayed under HTTP 409 means what it meant first",
    (code, kind) => {
      expect(payment(409, { responseCode: code }).kind).toBe(kind);
    },
  );

  test("a code may be a number, and DOKU's reference is kept", () => {
    expect(payment(200, { responseCode: 2005400, referenceNo: "FBpAp1" })).toEqual({
      kind: "accepted",
      code: "2005400",
      gatewayReference: "FBpAp1",
    });
    expect(payment(200, { responseCode: "2005400", referenceNo: "" })).toMatchObject({
      gatewayReference: null,
    });
  });

  test("a temporary block is tried another day, other refusals of that code wait for the customer", () => {
    const body = {
      responseCode: "4035415",
      responseMessage: "Transaction Not Permitted. OVO account blocked temporary",
    };
    expect(payment(403, body)).toMatchObject({ kind: "declined", declineClass: "limit" });
    expect(payment(403, { ...body, responseMessage: "Transaction Not Permitted" })).toMatchObject({
      declineClass: "binding",
    });
  });

  test.each([
    ["an unknown 2xx", 200, { responseCode: "2005401" }],
    ["an unknown 4xx", 403, { responseCode: "4035424" }],
    ["a success of another service", 200, { responseCode: "2000700" }],
    ["a decline of another service", 403, { responseCode: "4031114" }],
    ["HTML from a proxy", 502, "<html>Bad Gateway</html>"],
    ["HTML with HTTP 200", 200, "<html>Welcome</html>"],
    ["a redirect", 302, ""],
    ["an empty body", 200, ""],
    ["cut JSON", 200, '{"responseCode":"2005400"'],
    ["an array", 200, '["2005400"]'],
    ["no code", 200, { referenceNo: "X" }],
    ["a code of eight digits", 200, { responseCode: "20054000" }],
    ["429 from a proxy", 429, "slow down"],
    ["a bare 409", 409, ""],
  ])("%s is doubt", (_name, status, body) => {
    expect(payment(status, body).kind).toBe("unknown");
  });

  test("what never left is not sent, what was not answered is doubt", () => {
    const read = (kind: "not_sent" | "no_answer") =>
      paymentVerdict(readOutcome({ kind, cause: "why" }, PAYMENT_SERVICES));
    expect(read("not_sent")).toEqual({ kind: "not_sent", cause: "why" });
    expect(read("no_answer")).toEqual({ kind: "unknown", cause: "why" });
  });

  const listed = new Map(PAYMENT_CODES.map(([code, kind]) => [code, kind]));
  const anyBody = fc.oneof(
    fc.string(),
    fc.json(),
    fc.record({ responseCode: fc.oneof(fc.string(), fc.jsonValue()) }).map((body) => JSON.stringify(body)),
    fc
      .tuple(fc.constantFrom(...PAYMENT_CODES.map(([code]) => code.slice(0, 3))), fc.nat(99), fc.nat(99))
      .map(([http, service, last]) => `${http}${two(service)}${two(last)}`)
      .map((responseCode) => JSON.stringify({ responseCode })),
  );
  test("no answer whatever is acted upon unless its code is in the table", () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 100, max: 599 }), fc.constant(409)), anyBody, (status, body) => {
        const verdict = payment(status, body);
        expect(["paid", "refunded", "not_found", "not_sent", "refusal_notice"]).not.toContain(verdict.kind);
        if (verdict.kind === "unknown" || verdict.kind === "pending") return;
        const code = String(JSON.parse(body).responseCode);
        expect(listed.get(code)).toBe(verdict.kind);
        expect([Number(code.slice(0, 3)), 409]).toContain(status);
      }),
      { numRuns: 2000 },
    );
  });
});

function two(value: number): string {
  return String(value).padStart(2, "0");
}

describe("the answer to an inquiry", () => {
  const worked = {
    responseCode: "2005500",
    originalPartnerReferenceNo: "REF-1",
    originalReferenceNo: "FB1",
    originalResponseCode: "2005400",
    transAmount: { value: "25000.00", currency: "IDR" },
  };
  const paid = {
    kind: "paid",
    code: "status 00",
    gatewayReference: "FB1",
    amount: 25000,
    payee: null,
    mismatch: null,
  };

  test.each([
    ["00", paid],
    ["01", { kind: "pending" }],
    ["02", { kind: "pending" }],
    ["03", { kind: "pending" }],
    ["04", { kind: "refunded", amount: 25000, gatewayReference: "FB1" }],
    ["05", { kind: "declined", declineClass: "unclassified" }],
    ["06", { kind: "declined", declineClass: "unclassified" }],
    ["07", { kind: "not_found" }],
    ["08", { kind: "declined", declineClass: "unclassified" }],
    ["09", { kind: "declined", declineClass: "unclassified" }],
    ["10", { kind: "pending" }],
    ["", { kind: "pending" }],
    [undefined, { kind: "pending" }],
  ])("status %s", (latestTransactionStatus, verdict) => {
    expect(inquiry(200, { ...worked, latestTransactionStatus })).toMatchObject(verdict);
  });

  test.each(PAYMENT_CODES)(
    "a failure by %s is classed only when that code is a refusal of the customer",
    (code, kind, declineClass) => {
      for (const latestTransactionStatus of ["05", "06"]) {
        const verdict = inquiry(200, { ...worked, latestTransactionStatus, originalResponseCode: code });
        const named = kind === "declined" && declineClass !== "config" ? declineClass : "unclassified";
        expect(verdict).toMatchObject({ kind: "declined", declineClass: named, code });
      }
    },
  );

  test.each([
    ["absent", undefined, { amount: null, mismatch: null }],
    ["a number", { value: 25000, currency: "IDR" }, { amount: 25000, mismatch: null }],
    ["one decimal", { value: "25000.0", currency: "IDR" }, { amount: 25000, mismatch: null }],
    ["sen", { value: "25000.50", currency: "IDR" }, { amount: null, mismatch: "amount 25000.50 IDR" }],
    ["dollars", { value: "25000.00", currency: "USD" }, { amount: null, mismatch: "amount 25000.00 USD" }],
    ["negative", { value: "-25000.00", currency: "IDR" }, { amount: null, mismatch: "amount -25000.00 IDR" }],
    ["not money", "25000.00", { amount: null, mismatch: "amount is not a money object" }],
  ])("paid with an amount that is %s", (_name, transAmount, verdict) => {
    const body = { ...worked, latestTransactionStatus: "00", transAmount };
    expect(inquiry(200, body)).toMatchObject({ kind: "paid", ...verdict });
  });

  test("both spellings of the service digits count", () => {
    expect(inquiry(200, { ...worked, responseCode: "2005400", latestTransactionStatus: "00" })).toEqual(paid);
    expect(inquiry(404, { responseCode: "4045501" }).kind).toBe("not_found");
    expect(inquiry(404, { responseCode: "4045401" }).kind).toBe("not_found");
  });

  test("an answer about another payment says nothing about ours", () => {
    const body = { ...worked, originalPartnerReferenceNo: "REF-2", latestTransactionStatus: "00" };
    expect(inquiry(200, body).kind).toBe("unknown");
  });

  test.each([
    ["4015501"],
    ["4015500"],
    ["4005501"],
    ["4035514"],
    ["4045500"],
    ["4295500"],
    ["5005500"],
    ["5045500"],
    ["2025500"],
    ["2005501"],
    ["2000700"],
    ["4040001"],
  ])("the inquiry's own failure %s says nothing about the payment", (responseCode) => {
    expect(inquiry(Number(responseCode.slice(0, 3)), { responseCode }).kind).toBe("unknown");
  });

  test("an inquiry that never left does not say that the payment never left", () => {
    const reading = readOutcome({ kind: "not_sent", cause: "ECONNREFUSED" }, INQUIRY_SERVICES);
    expect(inquiryVerdict(reading, "REF-1").kind).toBe("unknown");
  });

  test("not found under a wrong HTTP status is doubt", () => {
    expect(inquiry(200, { responseCode: "4045501" }).kind).toBe("unknown");
    expect(inquiry(404, "not found").kind).toBe("unknown");
  });

  const anyAnswer = fc.record(
    {
      responseCode: fc.constantFrom(
        "2005500",
        "2005400",
        "4045501",
        "4045401",
        "5005500",
        "2000700",
        "4035514",
      ),
      latestTransactionStatus: fc.oneof(
        fc.integer({ min: 0, max: 12 }).map(two),
        fc.string(),
        fc.jsonValue(),
      ),
      originalResponseCode: fc.jsonValue(),
      transAmount: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  test("no answer whatever is final unless it says so in the words of the table", () => {
    fc.assert(
      fc.property(fc.constantFrom(200, 404, 409, 500), anyAnswer, (http, body) => {
        const { kind } = inquiry(http, body);
        const status =
          [200, 409].includes(http) && /^2005[45]00$/.test(body.responseCode ?? "")
            ? body.latestTransactionStatus
            : null;
        const notFound = [404, 409].includes(http) && /^4045[45]01$/.test(body.responseCode ?? "");
        if (kind === "paid") expect(String(status)).toMatch(/^\s*00\s*$/);
        else if (kind === "declined") expect(String(status)).toMatch(/^\s*0[5689]\s*$/);
        else if (kind === "not_found") expect(notFound || /^\s*07\s*$/.test(String(status))).toBe(true);
        else expect(["unknown", "pending", "refunded"]).toContain(kind);
      }),
      { numRuns: 2000 },
    );
  });
});
