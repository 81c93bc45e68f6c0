import { createHash, createHmac, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { instant } from "../../src/kernel/time.ts";
import { type SimulatorOptions, startSimulator } from "../../src/simulator/simulator.ts";

/** A merchant written by hand from the protocol, sharing no code with the product's client. */
export const CLIENT_ID = "BRN-0000-0000000000001";
export const SECRET = "SK-TestOnlySecret0000001";
export const PHONE = "6281234567890";
const START = instant(new Date("2026-03-02T02:00:00Z"));

export const PATHS = {
  gatewayToken: "/authorization/v1/access-token/b2b",
  customerToken: "/authorization/v1/access-token/b2b2c",
  bind: "/direct-debit/core/v1/registration-account-binding",
  balance: "/direct-debit/core/v1/balance-inquiry",
  pay: "/direct-debit/core/v1/debit/payment-host-to-host",
  status: "/orders/v1.0/debit/status",
  refund: "/direct-debit/core/v1/debit/refund",
  unbind: "/direct-debit/core/v1/registration-account-unbinding",
} as const;

const KEYS = generateKeyPairSync("rsa", { modulusLength: 2048 });
export const PUBLIC_KEY = KEYS.publicKey.export({ type: "spki", format: "pem" }).toString();

/** Made once a file: a key of 2048 bits takes longer than a whole test. */
const DOKU_KEY_PEM = generateKeyPairSync("rsa", { modulusLength: 2048 })
  .privateKey.export({ type: "pkcs8", format: "pem" })
  .toString();

type Reply = {
  readonly http: number;
  readonly text: string;
  readonly code: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into wire answers freely.
  readonly json: any;
  readonly headers: Headers;
};

/** Changes to an otherwise right request; a header of null is left out. */
type Twist = {
  readonly headers?: Readonly<Record<string, string | null>>;
  readonly text?: string;
  readonly signal?: AbortSignal;
  /** Signs this text instead of the body that is sent. */
  readonly signedText?: string;
};

let serial = 0;
/** A fresh X-EXTERNAL-ID. */
export function externalId(): string {
  serial += 1;
  return `1740000000000${serial.toString().padStart(10, "0")}`;
}

export function money(amount: number) {
  return { value: `${amount}.00`, currency: "IDR" };
}

export function bindBody(phone = PHONE, customer = "cust-001") {
  return {
    phoneNo: phone,
    additionalInfo: {
      channel: "EMONEY_OVO_SNAP",
      custIdMerchant: customer,
      successRegistrationUrl: "https://merchant.example/ok",
      failedRegistrationUrl: "https://merchant.example/ko",
    },
  };
}

export function payBody(reference: string, amount = 25_000, paymentType = "RECURRING") {
  return {
    partnerReferenceNo: reference,
    amount: money(amount),
    payOptionDetails: [{ payMethod: "CASH", transAmount: money(amount), feeAmount: money(0) }],
    additionalInfo: {
      channel: "EMONEY_OVO_SNAP",
      successPaymentUrl: "https://merchant.example/ok",
      failedPaymentUrl: "https://merchant.example/ko",
      paymentType,
      remarks: "Plan Pro",
    },
  };
}

export function refundBody(reference: string, amount: number, refundNo: string) {
  return {
    originalPartnerReferenceNo: reference,
    refundAmount: money(amount),
    partnerRefundNo: refundNo,
    additionalInfo: { channel: "EMONEY_OVO_SNAP" },
  };
}

export function makeClient(url: string, now: () => string) {
  const post = async (
    path: string,
    headers: Record<string, string>,
    text: string,
    twist: Twist,
  ): Promise<Reply> => {
    const sent = new Headers(headers);
    for (const [name, value] of Object.entries(twist.headers ?? {})) {
      if (value === null) sent.delete(name);
      else sent.set(name, value);
    }
    const body = twist.headers?.["content-type"] === null ? Buffer.from(text) : text;
    const response = await fetch(url + path, {
      method: "POST",
      headers: sent,
      body,
      signal: twist.signal ?? null,
    });
    const answer = await response.text();
    const json = parse(answer);
    return {
      http: response.status,
      text: answer,
      code: json?.responseCode ?? "",
      json,
      headers: response.headers,
    };
  };

  /** The signature of a token call at `timestamp`. */
  const signToken = (timestamp: string) =>
    sign("sha256", Buffer.from(`${CLIENT_ID}|${timestamp}`), KEYS.privateKey).toString("base64");

  const token = (path: string, body: unknown, twist: Twist = {}) => {
    const timestamp = now();
    const signature = signToken(timestamp);
    const headers = {
      "content-type": "application/json",
      "x-client-key": CLIENT_ID,
      "x-timestamp": timestamp,
      "x-signature": signature,
    };
    return post(path, headers, twist.text ?? JSON.stringify(body), twist);
  };

  let gatewayToken = "";
  const gateway = async (): Promise<string> => {
    const reply = await token(PATHS.gatewayToken, { grantType: "client_credentials" });
    gatewayToken = reply.json.accessToken;
    return gatewayToken;
  };

  const call = async (path: string, body: unknown, customerToken: string | null, twist: Twist = {}) => {
    const bearer = gatewayToken === "" ? await gateway() : gatewayToken;
    const timestamp = twist.headers?.["x-timestamp"] ?? now();
    const text = twist.text ?? JSON.stringify(body);
    const hash = createHash("sha256")
      .update(twist.signedText ?? text)
      .digest("hex");
    const signed = `POST:${path}:${bearer}:${hash}:${timestamp}`;
    const headers = {
      "content-type": "application/json",
      authorization: `Bearer ${bearer}`,
      "x-timestamp": timestamp,
      "x-signature": createHmac("sha512", SECRET).update(signed).digest("base64"),
      "x-partner-id": CLIENT_ID,
      "x-external-id": externalId(),
      ...(customerToken === null ? {} : { "authorization-customer": `Bearer ${customerToken}` }),
    };
    return post(path, headers, text, twist);
  };

  const exchange = (authCode: string) =>
    token(PATHS.customerToken, { grantType: "authorization_code", authCode });
  const ask = (reference: string, twist: Twist = {}) =>
    call(PATHS.status, { originalPartnerReferenceNo: reference, serviceCode: "54" }, null, twist);
  const pay = (reference: string, customerToken: string, amount = 25_000, twist: Twist = {}) =>
    call(PATHS.pay, payBody(reference, amount), customerToken, twist);
  return { token, signToken, gateway, call, exchange, ask, pay };
}

// biome-ignore lint/suspicious/noExplicitAny: the tests look into wire answers freely.
function parse(text: string): any {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

type Delivery = {
  readonly path: string;
  // biome-ignore lint/suspicious/noExplicitAny: the tests look into wire bodies freely.
  readonly body: any;
  readonly externalId: string;
  readonly signatureIsRight: boolean;
  readonly tokenIsOurs: boolean;
};

/** The merchant's side of notifications: issues tokens only to DOKU's key, records, answers what `answer` says. */
async function startMerchant() {
  const deliveries: Delivery[] = [];
  const tokenCalls: { readonly isDoku: boolean }[] = [];
  const state = { answer: 200, dokuKey: "" };
  const server = createServer(async (request, response) => {
    const body = await read(request);
    const header = (name: string) => String(request.headers[name] ?? "");
    if (request.url === "/token") {
      const signed = Buffer.from(`${header("x-client-key")}|${header("x-timestamp")}`);
      const key = createPublicKey(state.dokuKey);
      const isDoku = verify("sha256", signed, key, Buffer.from(header("x-signature"), "base64"));
      tokenCalls.push({ isDoku });
      const issued = {
        responseCode: "2007300",
        accessToken: "merchant-token",
        tokenType: "Bearer",
        expiresIn: 900,
      };
      response
        .writeHead(isDoku ? 200 : 401)
        .end(JSON.stringify(isDoku ? issued : { responseCode: "4017300" }));
      return;
    }
    const hash = createHash("sha256").update(body).digest("hex");
    const signed = `POST:${request.url}:merchant-token:${hash}:${header("x-timestamp")}`;
    const signatureIsRight =
      createHmac("sha512", SECRET).update(signed).digest("base64") === header("x-signature");
    const tokenIsOurs = header("authorization") === "Bearer merchant-token";
    const path = request.url ?? "";
    deliveries.push({
      path,
      body: parse(body),
      externalId: header("x-external-id"),
      signatureIsRight,
      tokenIsOurs,
    });
    const status = signatureIsRight && tokenIsOurs ? state.answer : 401;
    response.writeHead(status).end(JSON.stringify({ responseCode: `${status}5600` }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const stop = async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    server.closeAllConnections();
    await closed;
  };
  return { url: `http://127.0.0.1:${port}`, deliveries, tokenCalls, state, stop };
}

async function read(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

/** A simulator on a turned clock with one merchant and one wallet of 150 000, and a client for it. */
export async function startAll(options: SimulatorOptions = {}) {
  const merchant = await startMerchant();
  const sim = await startSimulator({
    now: START,
    privateKeyPem: DOKU_KEY_PEM,
    wallets: [{ phone: PHONE, balance: 150_000 }],
    merchant: {
      clientId: CLIENT_ID,
      secretKey: SECRET,
      publicKeyPem: PUBLIC_KEY,
      tokenUrl: `${merchant.url}/token`,
      notifyUrl: `${merchant.url}/v1.0/debit/notify`,
      bindingNotifyUrl: `${merchant.url}/v1.0/registration-account-binding/notify`,
    },
    ...options,
  });
  merchant.state.dokuKey = sim.publicKeyPem;
  const client = makeClient(sim.url, () => sim.clock().now.replace(/\.\d+/, ""));
  const link = async (phone = PHONE, customer = "cust-001") => {
    const reply = await client.call(PATHS.bind, bindBody(phone, customer), null);
    const authCode: string = reply.json.additionalInfo.authCode;
    sim.finishLink(phone, "success");
    const exchanged = await client.exchange(authCode);
    return { authCode, customerToken: String(exchanged.json.accessToken) };
  };
  const control = async (method: string, path: string, body?: unknown) => {
    const given = body === undefined ? {} : { body: JSON.stringify(body) };
    const response = await fetch(`${sim.url}/_sim/${path}`, { method, ...given });
    const text = await response.text();
    return { http: response.status, text, json: parse(text) };
  };
  const stop = async () => {
    await sim.stop();
    await merchant.stop();
  };
  /** Moves nothing, but waits until every delivery on its way has been answered. */
  const quiet = () => sim.advanceClock("0ms");
  return { sim, merchant, client, link, control, quiet, stop };
}
