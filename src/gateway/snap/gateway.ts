import { createSecretKey, type KeyObject } from "node:crypto";
import type { Instant } from "../../kernel/time.ts";
import type { Database } from "../../platform/database.ts";
import { randomDigits } from "../../platform/random.ts";
import type {
  Answer,
  ExchangeAnswer,
  Gateway,
  InquiryRequest,
  PaymentRequest,
  PayPageAnswer,
  PayPageRequest,
  Raw,
  RefundRequest,
  RefundVerdict,
  UnbindAnswer,
  Verdict,
} from "../gateway.ts";
import { type Reading, rawOf, readOutcome } from "./answers.ts";
import { type Http, openHttp } from "./http.ts";
import { type Line, readSigned, sendOnce } from "./line.ts";
import { ownTokens } from "./own-token.flow.ts";
import { type TokenSealer, tokenIssuer } from "./own-token.store.ts";
import { readBalance, readBinding, readExchange, readPayPage, readUnbinding } from "./read-answers.ts";
import { REFUND_SERVICES, refundInquiryVerdict, refundVerdict } from "./refund-verdicts.ts";
import {
  balanceBody,
  bindingBody,
  exchangeBody,
  paymentBody,
  payPageBody,
  type ReturnUrls,
  refundBody,
  type StatusServiceCode,
  statusBody,
  tokenBody,
  unbindingBody,
} from "./requests.ts";
import { INQUIRY_SERVICES, inquiryVerdict, PAYMENT_SERVICES, paymentVerdict } from "./verdicts.ts";
import { PATHS, postForToken } from "./wire.ts";

type SnapTools = {
  readonly db: Database;
  readonly sealer: TokenSealer;
  /** The wire's time: real, except against our own simulator. */
  readonly now: () => Instant;
  readonly baseUrl: string;
  readonly clientId: string;
  readonly secretKey: string;
  readonly privateKey: KeyObject;
  readonly returnUrls: ReturnUrls;
  readonly timeoutMs: number;
  /** Another line than a socket, in the simulation. */
  readonly http?: Http | undefined;
};

/** A token call is one small signature check there; while it runs every other caller waits. */
const TOKEN_TIMEOUT_MS = 10_000;

/** OVO wallets over DOKU SNAP. `close` drops the connections; call it when nothing is on the wire. */
export function snapGateway(tools: SnapTools): Gateway & { close(): Promise<void> } {
  const http = tools.http ?? openHttp(tools);
  const us = { ...tools, secret: createSecretKey(tools.secretKey, "utf8") };
  const tokens = ownTokens({
    ...tools,
    issuer: tokenIssuer(tools.clientId, tools.baseUrl),
    fetch: () =>
      postForToken(http, us, { path: PATHS.ownToken, body: tokenBody(), timeoutMs: TOKEN_TIMEOUT_MS }),
  });
  const line: Line = { http, us, tokens };
  const ask = inquirer(line);
  return {
    newExternalId: () => newExternalId(tools.now()),
    paymentBody: (order) => paymentBody(order, tools.returnUrls),
    startBinding: async (order) => {
      const call = { path: PATHS.binding, body: bindingBody(order), externalId: () => order.externalId };
      const read = await readSigned(line, call, ["07"]);
      return read.kind === "read" ? readBinding(read.reading) : read;
    },
    exchange: (grant) => exchange(line, grant),
    balance: async (customerToken) => {
      const externalId = () => newExternalId(tools.now());
      const call = { path: PATHS.balance, body: balanceBody(), externalId, customerToken };
      const read = await readSigned(line, call, ["11"]);
      return read.kind === "read" ? readBalance(read.reading) : read;
    },
    pay: (request) => pay(line, request),
    inquire: async (request) => {
      const { reading, raw } = await ask(request);
      return { verdict: inquiryVerdict(reading, request.reference), raw };
    },
    payPageBody: (order) => payPageBody(order, tools.returnUrls),
    startPayPage: (request) => startPayPage(line, request),
    refundBody,
    refund: (request) => refund(line, request),
    inquireRefund: async (request) => {
      const { reading, raw } = await ask(request);
      return { verdict: refundInquiryVerdict(reading, request), raw };
    },
    unbind: (customerToken) => unbind(line, customerToken),
    renewOwnToken: async () => {
      const renewed = await tokens.renew();
      return renewed.kind === "token" ? { kind: "ok" } : renewed;
    },
    close: () => http.close(),
  };
}

/** Time and chance: unique in the day by itself, and its age can be read. 36 digits, SNAP's longest. */
function newExternalId(now: Instant): string {
  return now.toMillis().toString().padStart(13, "0") + randomDigits(23);
}

async function pay(line: Line, request: PaymentRequest): Promise<Answer<{ readonly verdict: Verdict }>> {
  const { reading, raw } = await sendOnce(line, { path: PATHS.payment, ...request }, PAYMENT_SERVICES);
  return { verdict: paymentVerdict(reading), raw };
}

async function startPayPage(line: Line, request: PayPageRequest): Promise<PayPageAnswer> {
  const { reading, raw } = await sendOnce(line, { path: PATHS.payment, ...request }, PAYMENT_SERVICES);
  const verdict = paymentVerdict(reading);
  return { verdict, redirectUrl: verdict.kind === "accepted" ? readPayPage(reading) : null, raw };
}

async function refund(
  line: Line,
  request: RefundRequest,
): Promise<Answer<{ readonly verdict: RefundVerdict }>> {
  const { reading, raw } = await sendOnce(line, { path: PATHS.refund, ...request }, REFUND_SERVICES);
  return { verdict: refundVerdict(reading, request.order), raw };
}

async function unbind(line: Line, customerToken: string): Promise<UnbindAnswer> {
  const externalId = () => newExternalId(line.us.now());
  const call = { path: PATHS.unbinding, body: unbindingBody(customerToken), externalId };
  const read = await readSigned(line, call, ["09"]);
  return read.kind === "read" ? readUnbinding(read.reading) : read;
}

async function exchange(
  line: Line,
  grant: { readonly authCode: string; readonly refreshToken?: string },
): Promise<ExchangeAnswer> {
  const ask = async (body: string) => {
    const outcome = await postForToken(line.http, line.us, { path: PATHS.customerToken, body });
    return readExchange(readOutcome(outcome, ["74"]));
  };
  const byCode = await ask(exchangeBody({ authCode: grant.authCode }));
  if (byCode.kind !== "unauthorised" || grant.refreshToken === undefined) return byCode;
  // Should an authorisation prove good for one use only, the refresh token still speaks for the customer.
  const byRefresh = await ask(exchangeBody({ refreshToken: grant.refreshToken }));
  return byRefresh.kind === "token" ? byRefresh : byCode;
}

type Asked = { readonly reading: Reading; readonly raw: Raw };

/** Asks for the status of a payment; the service code that worked last is asked with first. */
function inquirer(line: Line): (request: InquiryRequest) => Promise<Asked> {
  // DOKU's documents and its libraries disagree about it.
  let preferred: StatusServiceCode = "54";
  return async (request) => {
    const first = await askStatus(line, request, preferred);
    if (!isAboutServiceCode(first.reading)) return first;
    const other = preferred === "54" ? "55" : "54";
    const second = await askStatus(line, request, other);
    if (second.reading.kind === "coded" && !isAboutServiceCode(second.reading)) preferred = other;
    return second;
  };
}

async function askStatus(
  line: Line,
  request: InquiryRequest,
  serviceCode: StatusServiceCode,
): Promise<Asked> {
  const body = statusBody(request, line.us.clientId, serviceCode);
  const externalId = () => newExternalId(line.us.now());
  const read = await readSigned(line, { path: PATHS.status, body, externalId }, INQUIRY_SERVICES);
  if (read.kind === "read") return { reading: read.reading, raw: rawOf(read.outcome) };
  const cause = `token call failed: ${read.code}`;
  return { reading: { kind: "uncoded", sent: false, cause }, raw: { httpStatus: null, body: null } };
}

function isAboutServiceCode(reading: Reading): boolean {
  if (reading.kind === "uncoded" || reading.code.http !== "400") return false;
  return ["01", "02"].includes(reading.code.caseCode) && /service\s?code/i.test(reading.message);
}
