import { createSecretKey, type KeyObject } from "node:crypto";
import type { Instant } from "../../kernel/time.ts";
import type { Database } from "../../platform/database.ts";
import { randomDigits } from "../../platform/random.ts";
import { monotonicMs } from "../../platform/real-time.ts";
import type {
  Answer,
  ExchangeAnswer,
  Gateway,
  InquiryRequest,
  PaymentRequest,
  ReadFailure,
  Verdict,
} from "../gateway.ts";
import { type Reading, rawOf, readOutcome } from "./answers.ts";
import { meaningOf } from "./codes.ts";
import { type Http, type Outcome, openHttp } from "./http.ts";
import { type OwnTokens, ownTokens } from "./own-token.flow.ts";
import type { TokenSealer } from "./own-token.store.ts";
import { readBalance, readBinding, readExchange } from "./read-answers.ts";
import {
  balanceBody,
  bindingBody,
  exchangeBody,
  paymentBody,
  type ReturnUrls,
  type StatusServiceCode,
  statusBody,
  tokenBody,
} from "./requests.ts";
import { INQUIRY_SERVICES, inquiryVerdict, PAYMENT_SERVICES, paymentVerdict } from "./verdicts.ts";
import { PATHS, postForToken, postSigned, type WireIdentity } from "./wire.ts";

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
};

/** A token call is one small signature check there; while it runs every other caller waits. */
const TOKEN_TIMEOUT_MS = 10_000;

/** OVO wallets over DOKU SNAP. `close` drops the connections; call it when nothing is on the wire. */
export function snapGateway(tools: SnapTools): Gateway & { close(): Promise<void> } {
  const http = openHttp(tools);
  const us = { ...tools, secret: createSecretKey(tools.secretKey, "utf8") };
  const tokens = ownTokens({
    ...tools,
    issuer: `${tools.clientId}@${new URL(tools.baseUrl).origin}`,
    fetch: () =>
      postForToken(http, us, { path: PATHS.ownToken, body: tokenBody(), timeoutMs: TOKEN_TIMEOUT_MS }),
  });
  const line: Line = { http, us, tokens };
  // The service code that worked last: DOKU's documents and its libraries disagree.
  let statusService: StatusServiceCode = "54";
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
      const first = await inquireAs(line, request, statusService);
      if (!first.wantsOtherService) return first.answer;
      const other = statusService === "54" ? "55" : "54";
      const second = await inquireAs(line, request, other);
      if (!second.wantsOtherService) statusService = other;
      return second.answer;
    },
    renewOwnToken: async () => {
      const renewed = await tokens.renew();
      return renewed.kind === "token" ? { kind: "ok" } : renewed;
    },
    close: () => http.close(),
  };
}

type Line = { readonly http: Http; readonly us: WireIdentity; readonly tokens: OwnTokens };

/** Time and chance: unique in the day by itself, and its age can be read. 36 digits, SNAP's longest. */
function newExternalId(now: Instant): string {
  return now.toMillis().toString().padStart(13, "0") + randomDigits(23);
}

/** One request, no renewal inside: a second send is a decision that belongs to who holds the attempt. */
async function pay(line: Line, request: PaymentRequest): Promise<Answer<{ readonly verdict: Verdict }>> {
  const own = await line.tokens.current();
  if (own.kind !== "token") return notSent(`token call failed: ${own.code}`);
  // A token that had to be fetched first may have taken its time.
  if (monotonicMs() >= request.leaveByMs) return notSent("the lease was almost over");
  const outcome = await postSigned(line.http, line.us, {
    path: PATHS.payment,
    body: request.body,
    ownToken: own.token,
    externalId: request.externalId,
    customerToken: request.customerToken,
  });
  const verdict = paymentVerdict(readOutcome(outcome, PAYMENT_SERVICES));
  if (verdict.kind === "token_refused") line.tokens.refused(own.token);
  return { verdict, raw: rawOf(outcome) };
}

function notSent(cause: string): Answer<{ readonly verdict: Verdict }> {
  return { verdict: { kind: "not_sent", cause }, raw: { httpStatus: null, body: null } };
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

type Inquired = {
  readonly answer: Answer<{ readonly verdict: Verdict }>;
  readonly wantsOtherService: boolean;
};

async function inquireAs(
  line: Line,
  request: InquiryRequest,
  serviceCode: StatusServiceCode,
): Promise<Inquired> {
  const body = statusBody(request, line.us.clientId, serviceCode);
  const externalId = () => newExternalId(line.us.now());
  const read = await readSigned(line, { path: PATHS.status, body, externalId }, INQUIRY_SERVICES);
  if (read.kind !== "read") {
    const verdict = { kind: "unknown", cause: `inquiry: token call failed: ${read.code}` } as const;
    return { answer: { verdict, raw: { httpStatus: null, body: null } }, wantsOtherService: false };
  }
  const { reading, outcome } = read;
  const verdict = inquiryVerdict(reading, request.reference);
  return { answer: { verdict, raw: rawOf(outcome) }, wantsOtherService: isAboutServiceCode(reading) };
}

function isAboutServiceCode(reading: Reading): boolean {
  if (reading.kind === "uncoded" || reading.code.http !== "400") return false;
  return ["01", "02"].includes(reading.code.caseCode) && /service\s?code/i.test(reading.message);
}

type SignedRead = {
  readonly path: string;
  readonly body: string;
  /** A new one for each try, unless the id is already stored for this very call. */
  readonly externalId: () => string;
  readonly customerToken?: string;
};

/** A call that moves no money: a refused token of ours is renewed once and the call repeated once. */
async function readSigned(
  line: Line,
  call: SignedRead,
  services: readonly string[],
): Promise<{ readonly kind: "read"; readonly reading: Reading; readonly outcome: Outcome } | ReadFailure> {
  for (let tries = 1; ; tries += 1) {
    const own = await line.tokens.current();
    if (own.kind !== "token") return own;
    const outcome = await postSigned(line.http, line.us, {
      ...call,
      externalId: call.externalId(),
      ownToken: own.token,
    });
    const reading = readOutcome(outcome, services);
    const refused =
      reading.kind === "coded" && meaningOf(reading.code, reading.message)?.codeClass === "own_token";
    if (refused) line.tokens.refused(own.token);
    // The second token may be another process's, and as old as ours: only a fetched one proves that we are refused.
    if (!refused || tries >= 3 || (tries === 2 && own.fresh)) return { kind: "read", reading, outcome };
  }
}
