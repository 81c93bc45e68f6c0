import {
  createHash,
  createHmac,
  createSecretKey,
  generateKeyPairSync,
  randomBytes,
  verify,
} from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished } from "vitest";
import { snapGateway } from "../../src/gateway/snap/gateway.ts";
import type { Reference } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { type Instant, instant } from "../../src/kernel/time.ts";
import { sealer } from "../../src/platform/secrets.ts";
import { type Simulator, startSimulator } from "../../src/simulator/simulator.ts";
import type { TestDatabase } from "../support/db.ts";

// Nothing on DOKU's side of these stages is ours: the simulator is another company, and the exchanges are written by hand.
const CLIENT = "BRN-0000-0000000000001";
const SECRET = "SK-TestOnlySecret0000001";
export const PHONE = "6281234567890";
const NOW = instant(new Date("2025-01-15T05:06:07Z"));
const merchant = generateKeyPairSync("rsa", { modulusLength: 2048 });
const stranger = generateKeyPairSync("rsa", { modulusLength: 2048 });
const doku = generateKeyPairSync("rsa", { modulusLength: 2048 });
const pem = (pair: typeof merchant) => pair.publicKey.export({ type: "spki", format: "pem" }).toString();

export const URLS = {
  token: "/authorization/v1/access-token/b2b",
  customerToken: "/authorization/v1/access-token/b2b2c",
  binding: "/direct-debit/core/v1/registration-account-binding",
  balance: "/direct-debit/core/v1/balance-inquiry",
  payment: "/direct-debit/core/v1/debit/payment-host-to-host",
  status: "/orders/v1.0/debit/status",
  refund: "/direct-debit/core/v1/debit/refund",
  unbinding: "/direct-debit/core/v1/registration-account-unbinding",
} as const;
export type Url = keyof typeof URLS;

/** An answer by hand: HTTP status and bytes; or the connection ends, before a word or in the middle. */
type Canned = readonly [status: number, text: string] | "hangs up" | "breaks off";
export type Script = Partial<Readonly<Record<Url, readonly Canned[]>>>;

export type Heard = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: string };
export type Gateway = ReturnType<typeof snapGateway>;

/** Where the client suite plays: what answers it, what it holds, and what was heard. */
export type Stage = {
  readonly gateway: Gateway;
  readonly authCode: string;
  readonly customerToken: string;
  readonly heard: Heard[];
};

export function gatewayAt(
  baseUrl: string,
  db: TestDatabase,
  now: () => Instant = () => NOW,
  timeoutMs = 3_000,
) {
  const gateway = snapGateway({
    db,
    sealer: sealer([{ id: "k1", key: createSecretKey(randomBytes(32)) }]),
    now,
    baseUrl,
    clientId: CLIENT,
    secretKey: SECRET,
    privateKey: merchant.privateKey,
    returnUrls: { paid: "https://shop.example/return/paid", failed: "https://shop.example/return/failed" },
    timeoutMs,
  });
  onTestFinished(gateway.close);
  return gateway;
}

const TOKEN: Canned = [
  200,
  '{"responseCode":"2007300","responseMessage":"Successful","accessToken":"eyJhbGciOiJSUzI1NiJ9.e30.c2ln","tokenType":"Bearer","expiresIn":900,"additionalInfo":""}',
];

/** DOKU as written down in sections 3 and 4: says the given words in their order, the last one again and again. */
export async function cannedStage(db: TestDatabase, script: Script, timeoutMs?: number): Promise<Stage> {
  const heard: Heard[] = [];
  const answers: Script = { token: [TOKEN], ...script };
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      heard.push({ path, headers: request.headers, body: Buffer.concat(chunks).toString("utf8") });
      const name = (Object.keys(URLS) as Url[]).find((one) => URLS[one] === path);
      const lines = name === undefined ? [] : (answers[name] ?? []);
      const count = heard.filter((one) => one.path === path).length;
      const line = lines[Math.min(count, lines.length) - 1];
      if (line === undefined || line === "hangs up") request.socket.resetAndDestroy();
      else if (line === "breaks off")
        response
          .writeHead(200, { "content-length": 500 })
          .write('{"responseCode":"20', () => request.socket.destroy());
      else response.writeHead(line[0], { "content-type": "application/json" }).end(line[1]);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    gateway: gatewayAt(url, db, () => NOW, timeoutMs),
    authCode: "auth-1",
    customerToken: "customer-token-1",
    heard,
  };
}

/** The simulator with one wallet of 150 000, linked to `cust-001`; `prepare` brings about what the case needs. */
export async function simulatorStage(
  db: TestDatabase,
  prepare: (sim: Simulator, stage: Stage) => void | Promise<void>,
): Promise<Stage> {
  const sim = await startSimulator({
    now: NOW,
    privateKeyPem: doku.privateKey.export({ type: "pkcs8", format: "pem" }).toString(),
    strictBearer: true,
    strictSignature: true,
    newestTokenOnly: true,
    refunds: { partial: true, windowDays: 7, code: "2000700", dailyLimit: 60_000 },
    wallets: [{ phone: PHONE, balance: 150_000 }],
    merchant: merchantOrder(pem(merchant)),
  });
  onTestFinished(sim.stop);
  sim.switches({ merchant: false });
  const gateway = gatewayAt(sim.url, db, sim.now);
  const started = await gateway.startBinding(bindingOrder(gateway));
  if (started.kind !== "started") throw new Error(JSON.stringify(started));
  sim.finishLink(PHONE, "success");
  const exchanged = await gateway.exchange({ authCode: started.authCode });
  if (exchanged.kind !== "token") throw new Error(JSON.stringify(exchanged));
  const stage = { gateway, authCode: started.authCode, customerToken: exchanged.token, heard: [] };
  await prepare(sim, stage);
  return stage;
}

function merchantOrder(publicKeyPem: string) {
  const url = "http://127.0.0.1:1/";
  return {
    clientId: CLIENT,
    secretKey: SECRET,
    publicKeyPem,
    tokenUrl: url,
    notifyUrl: url,
    bindingNotifyUrl: url,
  };
}

/** From now on the merchant's signatures do not fit the key that the simulator knows. */
export function forgetOurKey(sim: Simulator): void {
  sim.addMerchant(merchantOrder(pem(stranger)));
}

export function bindingOrder(gateway: Gateway, phone = PHONE, customerReference = "cust-001") {
  return {
    phone,
    customerReference,
    customerName: "Budi Santoso",
    email: "budi@example.com",
    successUrl: "https://shop.example/ok",
    failedUrl: "https://shop.example/ko",
    externalId: gateway.newExternalId(),
  };
}

export function payment({ gateway, customerToken }: Stage, amount = 25_000, reference = "REF-1") {
  const order = { reference: reference as Reference, amount: rupiah(amount), remarks: "Plan Pro" };
  return {
    reference: order.reference,
    externalId: gateway.newExternalId(),
    body: gateway.paymentBody(order),
    customerToken,
    leaveByMs: Number.POSITIVE_INFINITY,
  };
}

export function payPage({ gateway }: Stage, customerToken: string | null = null) {
  const order = { reference: "SALE-1" as Reference, amount: rupiah(25_000), remarks: "Plan Pro" };
  return {
    reference: order.reference,
    externalId: gateway.newExternalId(),
    body: gateway.payPageBody(order),
    customerToken,
    leaveByMs: Number.POSITIVE_INFINITY,
  };
}

export function refund(
  { gateway }: Stage,
  amount = 25_000,
  refundReference = "REFUND-1",
  reference = "REF-1",
) {
  const order = {
    reference: reference as Reference,
    paymentExternalId: null,
    refundReference,
    amount: rupiah(amount),
    reason: "Request by customer",
  };
  return {
    order,
    externalId: gateway.newExternalId(),
    body: gateway.refundBody(order),
    customerToken: null,
    leaveByMs: Number.POSITIVE_INFINITY,
  };
}

export function inquiry(reference = "REF-1", amount = 25_000) {
  return {
    reference: reference as Reference,
    paymentExternalId: null,
    gatewayReference: null,
    amount: rupiah(amount),
  };
}

export function refundInquiry(amount = 25_000, refundReference = "REFUND-1") {
  return { ...inquiry(), refund: { refundReference, amount: rupiah(amount) } };
}

/** What every call must carry, worked out by hand from sections 2 and 3: fails where a header or signature is wrong. */
export function checkHeard({ path, headers, body }: Heard): void {
  const timestamp = String(headers["x-timestamp"]);
  expect(timestamp).toBe("2025-01-15T05:06:07Z");
  expect(headers["content-type"]).toBe("application/json");
  const signature = String(headers["x-signature"]);
  if (path === URLS.token || path === URLS.customerToken) {
    expect(headers["x-client-key"]).toBe(CLIENT);
    expect(headers).not.toHaveProperty("authorization");
    expect(signature).toMatch(/^[A-Za-z0-9+/]{342}==$/);
    const signed = Buffer.from(`${CLIENT}|${timestamp}`);
    expect(verify("sha256", signed, merchant.publicKey, Buffer.from(signature, "base64"))).toBe(true);
    return;
  }
  expect(headers["x-partner-id"]).toBe(CLIENT);
  expect(headers).not.toHaveProperty("x-client-key");
  expect(headers["x-external-id"]).toMatch(/^\d{36}$/);
  const token = /^Bearer (\S+)$/.exec(String(headers.authorization))?.[1];
  // The bytes that were heard are hashed as they are: they must already be the minified form.
  expect(JSON.stringify(JSON.parse(body))).toBe(body);
  expect(body).toMatch(/^[\x20-\x7e]*$/);
  const hash = createHash("sha256").update(body).digest("hex");
  const signed = `POST:${path}:${token}:${hash}:${timestamp}`;
  expect(signature).toBe(createHmac("sha512", SECRET).update(signed).digest("base64"));
}
