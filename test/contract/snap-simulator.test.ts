import { createPublicKey, createSecretKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { snapGateway } from "../../src/gateway/snap/gateway.ts";
import {
  inboundKeys,
  issueToken,
  verifyNotification,
  verifyTokenCall,
} from "../../src/gateway/snap/inbound.ts";
import { inboundAnswer } from "../../src/gateway/snap/inbound-answers.ts";
import { readBindingNotice, readPaymentNotice } from "../../src/gateway/snap/notices.ts";
import type { Reference } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { realNow } from "../../src/platform/real-time.ts";
import { sealer } from "../../src/platform/secrets.ts";
import { until } from "../../src/platform/timer.ts";
import { startSimulator } from "../../src/simulator/simulator.ts";
import { freshDatabase } from "../support/db.ts";

// The simulator and our client share no wire code: where they understand each other, both read the protocol alike.

const CLIENT = "BRN-0000-0000000000001";
const SECRET = "SK-TestOnlySecret0000001";
const PHONE = "6281234567890";
const merchant = generateKeyPairSync("rsa", { modulusLength: 2048 });
const PUBLIC_PEM = merchant.publicKey.export({ type: "spki", format: "pem" }).toString();

async function world() {
  const notices: unknown[] = [];
  const refusals: string[] = [];
  let dokuPem = "";
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", async () => {
      const keys = inboundKeys({
        clientId: CLIENT,
        callers: [CLIENT],
        secretKey: SECRET,
        privateKey: merchant.privateKey,
        dokuPublicKey: createPublicKey(dokuPem),
      });
      const call = { headers: request.headers, rawBody: Buffer.concat(chunks), path: request.url ?? "" };
      const service = call.path === "/notify" ? "56" : "07";
      const verified =
        call.path === "/token"
          ? verifyTokenCall(keys, call)
          : await verifyNotification(keys, service, call, realNow());
      if (verified.kind === "refused") refusals.push(verified.why);
      else if (call.path !== "/token")
        notices.push(service === "56" ? readPaymentNotice(call.rawBody) : readBindingNotice(call.rawBody));
      const answer =
        verified.kind === "refused"
          ? verified.answer
          : "clientId" in verified
            ? await issueToken(keys, verified.clientId, realNow())
            : inboundAnswer(service, "processed");
      response.writeHead(answer.status, answer.headers).end(answer.body);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const simulator = await startSimulator({
    strictBearer: true,
    strictSignature: true,
    newestTokenOnly: true,
    merchant: {
      clientId: CLIENT,
      secretKey: SECRET,
      publicKeyPem: PUBLIC_PEM,
      tokenUrl: `${url}/token`,
      notifyUrl: `${url}/notify`,
      bindingNotifyUrl: `${url}/bound`,
    },
    wallets: [{ phone: PHONE, balance: 60_000 }],
  });
  dokuPem = simulator.publicKeyPem;
  const db = await freshDatabase();
  const gateway = snapGateway({
    db,
    sealer: sealer([{ id: "k1", key: createSecretKey(randomBytes(32)) }]),
    now: realNow,
    baseUrl: simulator.url,
    clientId: CLIENT,
    secretKey: SECRET,
    privateKey: merchant.privateKey,
    returnUrls: { paid: "https://pay.example/return/paid", failed: "https://pay.example/return/failed" },
    timeoutMs: 2_000,
  });
  onTestFinished(async () => {
    await gateway.close();
    await simulator.stop();
    server.closeAllConnections();
    server.close();
    await db.close();
  });
  return { simulator, gateway, notices, refusals };
}

type World = Awaited<ReturnType<typeof world>>;

async function bind({ gateway, simulator, notices }: World): Promise<string> {
  const started = await gateway.startBinding({
    phone: PHONE,
    customerReference: "cust-001",
    customerName: "Budi Santoso",
    email: "budi@example.com",
    successUrl: "https://shop.example/ok",
    failedUrl: "https://shop.example/ko",
    externalId: gateway.newExternalId(),
  });
  if (started.kind !== "started") throw new Error(JSON.stringify(started));
  simulator.finishLink(PHONE, "success");
  await until("the binding notice came", 5_000, async () => notices.length > 0);
  expect(notices.shift()).toMatchObject({ kind: "binding", status: "success", authCode: started.authCode });
  return started.authCode;
}

async function customerToken({ gateway }: World, authCode: string): Promise<string> {
  const exchanged = await gateway.exchange({ authCode });
  if (exchanged.kind !== "token") throw new Error(JSON.stringify(exchanged));
  return exchanged.token;
}

function order({ gateway }: World, reference: string, amount: number, token: string) {
  const body = gateway.paymentBody({
    reference: reference as Reference,
    amount: rupiah(amount),
    remarks: "Pro",
  });
  return {
    reference: reference as Reference,
    externalId: gateway.newExternalId(),
    body,
    customerToken: token,
    leaveByMs: Number.POSITIVE_INFINITY,
  };
}

function inquiryOf(reference: string, amount: number) {
  return {
    reference: reference as Reference,
    paymentExternalId: null,
    gatewayReference: null,
    amount: rupiah(amount),
  };
}

test("a wallet is linked, charged once and notified; the replay and the inquiry tell the same", async () => {
  const here = await world();
  const token = await customerToken(here, await bind(here));
  expect(await here.gateway.balance(token)).toEqual({ kind: "balance", available: 60_000 });

  const request = order(here, "REF-1", 25_000, token);
  const first = await here.gateway.pay(request);
  expect(first.verdict).toMatchObject({ kind: "accepted", code: "2005400" });
  const again = await here.gateway.pay(request);
  expect(again).toMatchObject({ verdict: first.verdict, raw: { httpStatus: 409 } });
  expect((await here.gateway.pay(order(here, "REF-1", 25_000, token))).verdict.kind).toBe("unknown");

  await until("the payment notice came", 5_000, async () => here.notices.length > 0);
  expect(here.notices.shift()).toMatchObject({
    reference: "REF-1",
    verdict: { kind: "paid", amount: 25_000, payee: "cust-001", mismatch: null },
  });
  expect((await here.gateway.inquire(inquiryOf("REF-1", 25_000))).verdict).toMatchObject({
    kind: "paid",
    amount: 25_000,
  });
  expect(await here.gateway.balance(token)).toEqual({ kind: "balance", available: 35_000 });
  expect(here.refusals).toEqual([]);
});

test("an empty wallet, an unknown reference and an unlinked customer are told apart", async () => {
  const here = await world();
  const authCode = await bind(here);
  const token = await customerToken(here, authCode);
  const short = await here.gateway.pay(order(here, "REF-2", 60_001, token));
  expect(short.verdict).toMatchObject({ kind: "declined", declineClass: "funds", code: "4035414" });
  expect((await here.gateway.inquire(inquiryOf("REF-9", 10_000))).verdict.kind).toBe("not_found");

  here.simulator.unlink(PHONE);
  expect(await here.gateway.exchange({ authCode })).toMatchObject({ kind: "unauthorised", code: "4017400" });
  expect(await here.gateway.renewOwnToken()).toEqual({ kind: "ok" });
  expect((await here.gateway.balance(token)).kind).toBe("token_dead");
  const dead = await here.gateway.pay(order(here, "REF-3", 10_000, token));
  expect(dead.verdict).toMatchObject({ kind: "declined", declineClass: "binding" });
});
