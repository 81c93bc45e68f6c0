import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  REFUND_DECLINES,
  type RefundInquiryRequest,
  type RefundOrder,
  type RefundVerdict,
} from "../../src/gateway/gateway.ts";
import { type Reading, readOutcome } from "../../src/gateway/snap/answers.ts";
import {
  readBalance,
  readBinding,
  readExchange,
  readPayPage,
  readUnbinding,
} from "../../src/gateway/snap/read-answers.ts";
import {
  REFUND_SERVICES,
  refundInquiryVerdict,
  refundVerdict,
} from "../../src/gateway/snap/refund-verdicts.ts";
import {
  INQUIRY_SERVICES,
  inquiryVerdict,
  PAYMENT_SERVICES,
  paymentVerdict,
} from "../../src/gateway/snap/verdicts.ts";
import type { Reference } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { CODE_ROWS, type CodeRow } from "./code-table.ts";

const order: RefundOrder = {
  reference: "REF-1" as Reference,
  paymentExternalId: null,
  refundReference: "REFUND-1",
  amount: rupiah(10_000),
  reason: "Asked for",
};
const asked: RefundInquiryRequest = {
  reference: order.reference,
  paymentExternalId: null,
  gatewayReference: null,
  amount: rupiah(25_000),
  refund: order,
};

type Spoken = { readonly kind: string } & Readonly<Record<string, unknown>>;
type ApiName = Exclude<keyof CodeRow, "code" | "class">;

/** Each call: its service digits, and how its answer is read. */
const APIS: Readonly<Record<ApiName, readonly [services: readonly string[], read: (r: Reading) => Spoken]>> =
  {
    payment: [PAYMENT_SERVICES, paymentVerdict],
    refund: [REFUND_SERVICES, (reading) => refundVerdict(reading, order)],
    binding: [["07"], readBinding],
    balance: [["11"], readBalance],
    exchange: [["74"], readExchange],
    unbinding: [["09"], readUnbinding],
    status: [INQUIRY_SERVICES, (reading) => inquiryVerdict(reading, order.reference)],
  };
const API_NAMES = Object.keys(APIS) as readonly ApiName[];

function answered(api: ApiName, status: number, body: unknown): Spoken {
  const [services, read] = APIS[api];
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return read(readOutcome({ kind: "answer", status, text }, services));
}

/** `declined:funds`, `refused:other`, `unbound:already`: the kind and what else decides. */
function inShort(answer: Spoken): string {
  const detail = answer["declineClass"] ?? answer["reason"];
  if (detail !== undefined) return `${answer.kind}:${detail}`;
  if (answer.kind === "already_done") return `already_done:${answer["certain"] === true ? "certain" : "ask"}`;
  return answer.kind === "unbound" && answer["already"] === true ? "unbound:already" : answer.kind;
}

const inDoubt = (api: ApiName) => (["payment", "refund", "status"].includes(api) ? "unknown" : "away");

describe.each(API_NAMES)("%s", (api) => {
  const [[service = ""]] = APIS[api];
  const rows = CODE_ROWS.map((row) => ({ ...row, expected: row[api] }));

  test.each(rows)("$code is $expected", ({ code, expected }) => {
    const [http = "", caseCode = ""] = code.split("-");
    const responseCode = `${http}${service}${caseCode}`;
    expect(inShort(answered(api, Number(http), { responseCode, responseMessage: "says" }))).toBe(expected);
    // The same code as a number, replayed, under another status, of another service, cut off.
    expect(inShort(answered(api, Number(http), { responseCode: Number(responseCode) }))).toBe(expected);
    expect(inShort(answered(api, 409, { responseCode, responseMessage: "says" }))).toBe(expected);
    const other = { responseCode: `${http}56${caseCode}` };
    expect(inShort(answered(api, Number(http), other))).toBe(inDoubt(api));
    const elsewhere = Number(http) === 502 ? 503 : 502;
    expect(inShort(answered(api, elsewhere, { responseCode }))).toBe(inDoubt(api));
    expect(inShort(answered(api, Number(http), `{"responseCode":"${responseCode}"`))).toBe(inDoubt(api));
  });

  test.each([
    ["HTML 502 of a proxy", 502, "<html><body>Bad Gateway</body></html>"],
    ["HTML with 200", 200, "<!doctype html><title>Login</title>"],
    ["an empty body", 200, ""],
    ["null", 200, "null"],
    ["an array", 200, "[]"],
    ["no code", 200, "{}"],
    ["a code of six digits", 200, '{"responseCode":"200540"}'],
    ["a code with letters", 200, '{"responseCode":"20054OO"}'],
    ["a redirect", 301, ""],
    ["a bare 409", 409, "Conflict"],
    ["a bare 503", 503, ""],
    ["a code of 200 under 500", 500, `{"responseCode":"200${service}00"}`],
  ])("%s says nothing", (_name, status, body) => {
    expect(inShort(answered(api, status, body))).toBe(inDoubt(api));
  });

  test("what never left and what was never answered are told apart", () => {
    const [services, read] = APIS[api];
    const [never, lost] = (["not_sent", "no_answer"] as const).map((kind) =>
      read(readOutcome({ kind, cause: "why" }, services)),
    );
    const reads = { kind: "away", code: "why" };
    if (api === "payment" || api === "refund") {
      expect([never, lost]).toEqual([
        { kind: "not_sent", cause: "why" },
        { kind: "unknown", cause: "why" },
      ]);
    } else if (api === "status") {
      expect([never?.kind, lost?.kind]).toEqual(["unknown", "unknown"]);
    } else
      expect([never, lost]).toEqual([
        { ...reads, sent: false },
        { ...reads, sent: true },
      ]);
  });
});

test("every reason why a refund can be declined has a code; only an inquiry's 05 and 06 have none", () => {
  const reasons = CODE_ROWS.map((row) => row.refund.split(":")).filter(([kind]) => kind === "declined");
  const named = [...new Set(reasons.map(([, reason]) => reason)), "unclassified"];
  expect(named.sort()).toEqual([...REFUND_DECLINES].sort());
});

/** Success of each call, as sections 3 and 4 show it. */
const SUCCESSES: readonly (readonly [api: ApiName, expected: string, body: object])[] = [
  ["payment", "accepted", { responseCode: "2005400", referenceNo: "FB1" }],
  ["refund", "refunded", { responseCode: "2000700", partnerRefundNo: "REFUND-1" }],
  ["refund", "refunded", { responseCode: "2005800" }],
  [
    "binding",
    "started",
    { responseCode: "2000700", redirectUrl: "https://d.example/b", additionalInfo: { authCode: "A" } },
  ],
  [
    "balance",
    "balance",
    {
      responseCode: "2001100",
      accountInfos: [{ balanceType: "CASH", availableBalance: { value: "5.00", currency: "IDR" } }],
    },
  ],
  ["exchange", "token", { responseCode: "2007400", accessToken: "CT" }],
  ["unbinding", "unbound", { responseCode: "2000900", referenceNo: "M5b" }],
  ["status", "paid", { responseCode: "2005500", latestTransactionStatus: "00" }],
  ["status", "paid", { responseCode: "2005400", latestTransactionStatus: "00" }],
];

test.each(SUCCESSES)("success of %s is %s, also replayed under HTTP 409", (api, expected, body) => {
  expect(inShort(answered(api, 200, body))).toBe(expected);
  expect(inShort(answered(api, 409, body))).toBe(expected);
  for (const status of [201, 202, 204, 400, 500])
    expect(inShort(answered(api, status, body))).toBe(inDoubt(api));
});

describe("a page to pay on", () => {
  const page = (webRedirectUrl: unknown) => {
    const text = JSON.stringify({ responseCode: "2005400", webRedirectUrl });
    return readPayPage(readOutcome({ kind: "answer", status: 200, text }, PAYMENT_SERVICES));
  };
  test("is a web address, and nothing else is passed on to a browser", () => {
    const url = "https://sandbox.doku.com/direct-debit/ui/payment/core/2238";
    expect(page(url)).toBe(url);
    for (const odd of [
      undefined,
      null,
      "",
      "javascript:alert(1)",
      "//evil.example",
      "https://a b",
      7,
      "https://",
    ])
      expect(page(odd)).toBeNull();
  });
});

describe("a refund", () => {
  const done = { responseCode: "2000700", responseMessage: "Successfull" };
  const echo = {
    ...done,
    refundAmount: { value: "10000.00", currency: "IDR" },
    originalPartnerReferenceNo: "REF-1",
    originalReferenceNo: "FB1",
    refundNo: "96194816941239812",
    partnerRefundNo: "REFUND-1",
    refundTime: "2025-01-16T09:09:00.123",
  };

  test("that is echoed whole keeps the gateway's number and time", () => {
    expect(answered("refund", 200, echo)).toEqual({
      kind: "refunded",
      code: "2000700",
      gatewayRefundReference: "96194816941239812",
      amount: 10_000,
      refundedAt: "2025-01-16T09:09:00.123",
    });
  });

  test.each([
    ["another payment", { originalPartnerReferenceNo: "REF-2" }],
    ["another refund", { partnerRefundNo: "REFUND-2" }],
    ["another amount", { refundAmount: { value: "10001.00", currency: "IDR" } }],
    ["another currency", { refundAmount: { value: "10000.00", currency: "USD" } }],
    ["an amount that is none", { refundAmount: "10000.00" }],
  ])("whose echo is of %s is doubt", (_name, change) => {
    expect(answered("refund", 200, { ...echo, ...change }).kind).toBe("unknown");
  });

  test.each(["58", "07", "54"])("is refused in the same words under service %s", (service) => {
    const refused = answered("refund", 405, { responseCode: `405${service}01`, responseMessage: "No" });
    expect(refused).toEqual({
      kind: "declined",
      reason: "not_allowed",
      code: `405${service}01`,
      message: "No",
    });
  });

  test("is never done by a payment's success or another 2xx", () => {
    for (const responseCode of ["2005400", "2005801", "2000701"])
      expect(answered("refund", 200, { ...echo, responseCode }).kind).toBe("unknown");
  });
});

describe("an inquiry after a refund", () => {
  const money = (value: string) => ({ value, currency: "IDR" });
  const entry = (more: object) => ({
    refundNo: "961",
    partnerReferenceNo: "REFUND-1",
    refundAmount: money("10000.00"),
    refundStatus: "00",
    refundDate: "2025-01-16T09:09:00+07:00",
    reason: "Asked for",
    ...more,
  });
  const read = (body: object, request: RefundInquiryRequest = asked): RefundVerdict => {
    const paid = { responseCode: "2005500", originalPartnerReferenceNo: "REF-1", ...body };
    const text = JSON.stringify(paid);
    return refundInquiryVerdict(
      readOutcome({ kind: "answer", status: 200, text }, INQUIRY_SERVICES),
      request,
    );
  };
  const paidWith = (...refundHistory: object[]) => ({ latestTransactionStatus: "00", refundHistory });

  test.each([
    [
      "listed as done",
      paidWith(entry({})),
      { kind: "refunded", gatewayRefundReference: "961", amount: 10_000 },
    ],
    [
      "listed under its other name",
      paidWith(entry({ partnerReferenceNo: "REF-1", partnerRefundNo: "REFUND-1" })),
      {
        kind: "refunded",
      },
    ],
    ["listed without a status", paidWith(entry({ refundStatus: undefined })), { kind: "refunded" }],
    ["listed as in progress", paidWith(entry({ refundStatus: "03" })), { kind: "pending" }],
    [
      "listed as failed",
      paidWith(entry({ refundStatus: "06" })),
      { kind: "declined", reason: "unclassified" },
    ],
    ["listed in words we do not know", paidWith(entry({ refundStatus: "DONE" })), { kind: "pending" }],
    ["listed with another amount", paidWith(entry({ refundAmount: money("9000.00") })), { kind: "unknown" }],
    ["not listed, payment whole", { latestTransactionStatus: "00" }, { kind: "not_found" }],
    ["not listed, an empty history", paidWith(), { kind: "not_found" }],
    ["not listed beside another", paidWith(entry({ partnerReferenceNo: "REFUND-9" })), { kind: "not_found" }],
    [
      "perhaps listed without a name",
      paidWith(entry({ partnerReferenceNo: undefined })),
      { kind: "unknown" },
    ],
    [
      "perhaps listed under the payment's",
      paidWith(entry({ partnerReferenceNo: "REF-1" })),
      { kind: "unknown" },
    ],
    ["a part, payment 04 without a history", { latestTransactionStatus: "04" }, { kind: "unknown" }],
    ["of a payment that failed", { latestTransactionStatus: "06" }, { kind: "unknown" }],
    ["of a payment in progress", { latestTransactionStatus: "03" }, { kind: "unknown" }],
    [
      "of another payment",
      { ...paidWith(entry({})), originalPartnerReferenceNo: "REF-2" },
      { kind: "unknown" },
    ],
  ])("%s", (_name, body, expected) => {
    expect(read(body)).toMatchObject(expected);
  });

  test("of the whole payment is done when that is 04, even without a history", () => {
    const whole = { ...asked, refund: { ...order, amount: asked.amount } };
    expect(read({ latestTransactionStatus: "04" }, whole)).toMatchObject({ kind: "refunded" });
  });

  test("that fails itself says nothing", () => {
    for (const [status, responseCode] of [
      [404, "4045501"],
      [500, "5005500"],
      [401, "4015501"],
    ] as const) {
      const text = JSON.stringify({ responseCode });
      const reading = readOutcome({ kind: "answer", status, text }, INQUIRY_SERVICES);
      expect(refundInquiryVerdict(reading, asked).kind).toBe("unknown");
    }
    const never = readOutcome({ kind: "not_sent", cause: "ECONNREFUSED" }, INQUIRY_SERVICES);
    expect(refundInquiryVerdict(never, asked).kind).toBe("unknown");
  });
});

describe("no answer whatever", () => {
  const digits = fc.constantFrom("200", "202", "400", "401", "403", "404", "405", "409", "429", "500", "504");
  const code = fc
    .tuple(digits, fc.constantFrom("54", "58", "07", "55", "11", "99"), fc.nat(99))
    .map(([http, service, last]) => `${http}${service}${String(last).padStart(2, "0")}`);
  const answer = fc.record({
    status: fc.oneof(fc.constantFrom(200, 202, 400, 403, 404, 409, 500), fc.integer({ min: 100, max: 599 })),
    body: fc.oneof(
      fc.string(),
      fc.json(),
      fc.record({ responseCode: fc.oneof(code, fc.jsonValue()) }).map((body) => JSON.stringify(body)),
    ),
  });
  const known = (api: "payment" | "refund") =>
    new Map(CODE_ROWS.map((row) => [row.code, row[api].split(":")[0]]));

  /** The kinds after which money may be asked for, or given back, once more. */
  const FREEING = {
    payment: ["declined", "not_sent", "token_refused", "busy", "not_found", "refusal_notice"],
    refund: ["declined", "not_sent", "token_refused", "busy", "not_found"],
  };

  test.each(["payment", "refund"] as const)(
    "lets a second %s leave while the first may have happened",
    (api) => {
      fc.assert(
        fc.property(answer, ({ status, body }) => {
          const { kind } = answered(api, status, body);
          if (!FREEING[api].includes(kind)) return;
          // Only a code that the table calls a no, in an answer that agrees with itself.
          const text = String(JSON.parse(body).responseCode);
          expect(known(api).get(`${text.slice(0, 3)}-${text.slice(5)}`)).toBe(kind);
          expect([Number(text.slice(0, 3)), 409]).toContain(status);
        }),
        { numRuns: 3000 },
      );
    },
  );
});
