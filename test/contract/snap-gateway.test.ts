import { createSecretKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer, type IncomingHttpHeaders, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import type { PaymentRequest } from "../../src/gateway/gateway.ts";
import { snapGateway } from "../../src/gateway/snap/gateway.ts";
import { isTokenSignature, isWireTimestamp, matchingForm } from "../../src/gateway/snap/signature.ts";
import { PATHS } from "../../src/gateway/snap/wire.ts";
import type { Reference } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { type Instant, instant } from "../../src/kernel/time.ts";
import { sealer } from "../../src/platform/secrets.ts";
import { freshDatabase } from "../support/db.ts";

const CLIENT = "BRN-1";
const SECRET = "SK-test";
const pair = generateKeyPairSync("rsa", { modulusLength: 2048 });

type Heard = { readonly path: string; readonly headers: IncomingHttpHeaders; readonly body: Buffer };
type Reply = readonly [status: number, body: unknown];
type Script = (heard: Heard, count: number) => Reply | null;

/** DOKU as far as a test needs it: hands out tokens T1, T2 …, answers by path, hangs up on null. */
async function doku(scripts: Readonly<Record<string, Script>> = {}) {
  const heard: Heard[] = [];
  const of = (path: string) => heard.filter((call) => call.path === path);
  const answers: Readonly<Record<string, Script>> = {
    [PATHS.ownToken]: (_call, count) => [
      200,
      { responseCode: "2007300", accessToken: `T${count}`, expiresIn: "900" },
    ],
    ...scripts,
  };
  const server = createServer((request, response: ServerResponse) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk) => chunks.push(chunk));
    request.on("end", () => {
      const path = request.url ?? "";
      const call = { path, headers: request.headers, body: Buffer.concat(chunks) };
      heard.push(call);
      const reply = answers[path]?.(call, of(path).length) ?? null;
      if (reply === null) request.socket.destroy();
      else
        response.writeHead(reply[0]).end(typeof reply[1] === "string" ? reply[1] : JSON.stringify(reply[1]));
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, heard, of };
}

const tokenSealer = sealer([{ id: "k1", key: createSecretKey(randomBytes(32)) }]);

async function database() {
  const db = await freshDatabase();
  onTestFinished(db.close);
  return db;
}

type Clock = { now: Instant };
const morning = () => ({ now: instant(new Date("2026-11-24T01:00:00Z")) });

/** A gateway as one process has it. */
function process(baseUrl: string, db: Awaited<ReturnType<typeof database>>, clock: Clock = morning()) {
  const gateway = snapGateway({
    db,
    sealer: tokenSealer,
    now: () => clock.now,
    baseUrl,
    clientId: CLIENT,
    secretKey: SECRET,
    privateKey: pair.privateKey,
    returnUrls: { paid: "https://pay.example/return/paid", failed: "https://pay.example/return/failed" },
    timeoutMs: 3_000,
  });
  onTestFinished(gateway.close);
  return gateway;
}

const reference = "01ARZ3NDEKTSV4RRFFQ69G5FAV-1" as Reference;

function payment(gateway: ReturnType<typeof process>): PaymentRequest {
  const body = gateway.paymentBody({ reference, amount: rupiah(25000), remarks: "Pro" });
  return {
    reference,
    externalId: gateway.newExternalId(),
    body,
    customerToken: "CT",
    leaveByMs: Number.POSITIVE_INFINITY,
  };
}

const accepted: Script = () => [
  200,
  { responseCode: "2005400", responseMessage: "Successful", referenceNo: "FB1" },
];
const balance: Reply = [
  200,
  {
    responseCode: "2001100",
    accountInfos: [{ balanceType: "CASH", availableBalance: { value: "5.00", currency: "IDR" } }],
  },
];

describe("on the wire", () => {
  test("a payment carries the documented headers, and its signature fits token, path and bytes", async () => {
    const server = await doku({ [PATHS.payment]: accepted });
    const gateway = process(server.url, await database());
    const request = payment(gateway);
    expect(await gateway.pay(request)).toEqual({
      verdict: { kind: "accepted", code: "2005400", gatewayReference: "FB1" },
      raw: { httpStatus: 200, body: expect.stringContaining("2005400") },
    });

    const [tokenCall] = server.of(PATHS.ownToken);
    const asked = { clientId: CLIENT, timestamp: String(tokenCall?.headers["x-timestamp"]) };
    expect(isTokenSignature(pair.publicKey, asked, String(tokenCall?.headers["x-signature"]))).toBe(true);
    expect(tokenCall?.headers["x-client-key"]).toBe(CLIENT);
    expect(tokenCall?.headers["x-partner-id"]).toBeUndefined();

    const [call] = server.of(PATHS.payment);
    const headers = call?.headers ?? {};
    expect(headers).toMatchObject({
      "content-type": "application/json",
      "x-partner-id": CLIENT,
      "x-external-id": request.externalId,
      authorization: "Bearer T1",
      "authorization-customer": "Bearer CT",
    });
    for (const unwanted of ["x-client-key", "channel-id", "x-device-id", "x-ip-address"])
      expect(headers).not.toHaveProperty(unwanted);
    expect(call?.body.toString()).toBe(request.body);
    const timestamp = String(headers["x-timestamp"]);
    expect(isWireTimestamp(timestamp) && timestamp).toBe("2026-11-24T01:00:00Z");
    const signed = { method: "POST", path: PATHS.payment, token: "T1", timestamp };
    const secret = createSecretKey(SECRET, "utf8");
    expect(matchingForm(secret, signed, call?.body ?? Buffer.alloc(0), String(headers["x-signature"]))).toBe(
      "minified",
    );
  });

  test("external ids are 36 digits that begin with the moment, and differ", async () => {
    const gateway = process("http://127.0.0.1:9", await database());
    const ids = Array.from({ length: 1000 }, () => gateway.newExternalId());
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(id).toMatch(/^1795482000000\d{23}$/);
  });
});

describe("a payment", () => {
  test("is sent exactly once, whatever the answer", async () => {
    for (const reply of [
      null,
      [401, { responseCode: "4015401" }],
      [500, "<html>"],
      [429, { responseCode: "4295400" }],
    ] as const) {
      const server = await doku({ [PATHS.payment]: () => reply });
      const gateway = process(server.url, await database());
      await gateway.pay(payment(gateway));
      expect(server.of(PATHS.payment)).toHaveLength(1);
    }
  });

  test("whose connection breaks is in doubt, with nothing to show", async () => {
    const server = await doku({ [PATHS.payment]: () => null });
    const gateway = process(server.url, await database());
    expect(await gateway.pay(payment(gateway))).toEqual({
      verdict: { kind: "unknown", cause: expect.any(String) },
      raw: { httpStatus: null, body: null },
    });
  });

  test("does not leave after its moment, however long our own token took", async () => {
    const server = await doku({ [PATHS.payment]: accepted });
    const gateway = process(server.url, await database());
    const late = { ...payment(gateway), leaveByMs: performance.now() };
    expect((await gateway.pay(late)).verdict).toEqual({
      kind: "not_sent",
      cause: "the lease was almost over",
    });
    expect(server.of(PATHS.ownToken)).toHaveLength(1);
    expect(server.of(PATHS.payment)).toHaveLength(0);
  });

  test("refused for our token makes the next call use a new one", async () => {
    const server = await doku({
      [PATHS.payment]: (call) =>
        call.headers.authorization === "Bearer T1"
          ? [401, { responseCode: "4015401" }]
          : (accepted(call, 1) ?? null),
    });
    const gateway = process(server.url, await database());
    expect((await gateway.pay(payment(gateway))).verdict).toEqual({ kind: "token_refused", code: "4015401" });
    expect((await gateway.pay(payment(gateway))).verdict.kind).toBe("accepted");
    expect(server.of(PATHS.ownToken)).toHaveLength(2);
  });

  test.each([
    ["refused", [401, { responseCode: "4017300" }]],
    ["broken off", null],
    ["nonsense", [200, "<html>"]],
  ] as const)("is not sent when the token call is %s", async (_name, reply) => {
    const server = await doku({ [PATHS.ownToken]: () => reply, [PATHS.payment]: accepted });
    const gateway = process(server.url, await database());
    expect((await gateway.pay(payment(gateway))).verdict).toMatchObject({
      kind: "not_sent",
      cause: expect.stringContaining("token call failed"),
    });
    expect(server.of(PATHS.payment)).toHaveLength(0);
  });

  test("keeps 16 KiB of the answer, in a form the database can store", async () => {
    const server = await doku({ [PATHS.payment]: () => [500, `\0${"x".repeat(20_000)}`] });
    const gateway = process(server.url, await database());
    const { raw } = await gateway.pay(payment(gateway));
    expect(raw.body).toHaveLength(16 * 1024);
    expect(raw.body).not.toContain("\0");
  });
});

describe("an inquiry", () => {
  const inquiry = { reference, paymentExternalId: "1", gatewayReference: "FB1", amount: rupiah(25000) };
  const paid = {
    responseCode: "2005500",
    originalPartnerReferenceNo: reference,
    latestTransactionStatus: "00",
  };

  test("asks with service 54, and where DOKU wants 55 asks so from then on", async () => {
    const server = await doku({
      [PATHS.status]: (call) =>
        JSON.parse(call.body.toString()).serviceCode === "55"
          ? [200, paid]
          : [400, { responseCode: "4005501", responseMessage: "Invalid Field Format serviceCode" }],
    });
    const gateway = process(server.url, await database());
    expect((await gateway.inquire(inquiry)).verdict.kind).toBe("paid");
    expect((await gateway.inquire(inquiry)).verdict.kind).toBe("paid");
    const codes = server.of(PATHS.status).map((call) => JSON.parse(call.body.toString()).serviceCode);
    expect(codes).toEqual(["54", "55", "55"]);
    expect(new Set(server.of(PATHS.status).map((call) => call.headers["x-external-id"])).size).toBe(3);
    expect(server.of(PATHS.status)[0]?.headers).not.toHaveProperty("authorization-customer");
  });

  test("that fails by itself is not repeated and says nothing", async () => {
    const server = await doku({
      [PATHS.status]: () => [
        400,
        { responseCode: "4005501", responseMessage: "Invalid Field Format amount" },
      ],
    });
    const gateway = process(server.url, await database());
    expect((await gateway.inquire(inquiry)).verdict.kind).toBe("unknown");
    expect(server.of(PATHS.status)).toHaveLength(1);
  });

  test("renews a refused token of ours once and repeats once", async () => {
    const server = await doku({ [PATHS.status]: () => [401, { responseCode: "4015503" }] });
    const gateway = process(server.url, await database());
    expect((await gateway.inquire(inquiry)).verdict.kind).toBe("unknown");
    expect(new Set(server.of(PATHS.status).map((call) => call.headers["x-external-id"])).size).toBe(2);
    expect(server.of(PATHS.ownToken)).toHaveLength(2);
  });

  test("that cannot get a token does not claim that the payment was not sent", async () => {
    const gateway = process("http://127.0.0.1:9", await database());
    expect((await gateway.inquire(inquiry)).verdict).toMatchObject({ kind: "unknown" });
  });
});

describe("reads", () => {
  test("a balance with a dead customer token, then with a live one", async () => {
    const server = await doku({
      [PATHS.balance]: (_call, count) => (count === 1 ? [401, { responseCode: "4011102" }] : balance),
    });
    const gateway = process(server.url, await database());
    expect(await gateway.balance("CT")).toEqual({ kind: "token_dead", code: "4011102" });
    expect(await gateway.balance("CT")).toEqual({ kind: "balance", available: 5 });
    expect(server.of(PATHS.ownToken)).toHaveLength(1);
  });

  test("an exchange falls back to the refresh token when the authorisation is refused", async () => {
    const server = await doku({
      [PATHS.customerToken]: (call) =>
        JSON.parse(call.body.toString()).grantType === "refresh_token"
          ? [200, { responseCode: "2007400", accessToken: "CT2" }]
          : [401, { responseCode: "4017400", responseMessage: "Unauthorized" }],
    });
    const gateway = process(server.url, await database());
    expect(await gateway.exchange({ authCode: "A" })).toMatchObject({
      kind: "unauthorised",
      code: "4017400",
    });
    expect(await gateway.exchange({ authCode: "A", refreshToken: "R" })).toMatchObject({
      kind: "token",
      token: "CT2",
    });
    expect(server.of(PATHS.ownToken)).toHaveLength(0);
    expect(server.of(PATHS.customerToken)[0]?.headers).not.toHaveProperty("authorization");
  });

  test("a binding keeps the external id that was stored for it", async () => {
    const server = await doku({
      [PATHS.binding]: () => [
        200,
        { responseCode: "2000700", redirectUrl: "https://d.example/b", additionalInfo: { authCode: "A" } },
      ],
    });
    const gateway = process(server.url, await database());
    const order = {
      phone: "6281234567890",
      customerReference: "c1",
      customerName: null,
      email: null,
      successUrl: "https://shop.example/ok",
      failedUrl: "https://shop.example/ko",
      externalId: gateway.newExternalId(),
    };
    expect(await gateway.startBinding(order)).toMatchObject({ kind: "started", authCode: "A" });
    expect(server.of(PATHS.binding)[0]?.headers["x-external-id"]).toBe(order.externalId);
  });

  test("a gateway that is away is told from one that refuses us", async () => {
    const db = await database();
    expect(await process("http://127.0.0.1:9", db).balance("CT")).toMatchObject({
      kind: "away",
      sent: false,
    });
    const server = await doku({
      [PATHS.balance]: () => [401, { responseCode: "4011100", responseMessage: "Unauthorized. Signature" }],
    });
    expect(await process(server.url, db).balance("CT")).toMatchObject({
      kind: "our_mistake",
      code: "4011100",
    });
  });
});

describe("our own token", () => {
  test("is fetched once for many callers in many processes, and stored sealed", async () => {
    const server = await doku({ [PATHS.balance]: () => balance });
    const db = await database();
    const processes = Array.from({ length: 4 }, () => process(server.url, db));
    const answers = await Promise.all(
      processes.flatMap((one) => Array.from({ length: 10 }, () => one.balance("CT"))),
    );
    expect(answers.every((answer) => answer.kind === "balance")).toBe(true);
    expect(server.of(PATHS.ownToken)).toHaveLength(1);
    const rows = await db.query<{ token: string }>("select token from gateway_tokens limit 2");
    expect(rows.map((row) => row.token.split(":")[0])).toEqual(["v1"]);
  });

  test("is renewed a minute before it expires, for every process", async () => {
    const server = await doku({ [PATHS.balance]: () => balance });
    const db = await database();
    const clock = morning();
    const [one, two] = [process(server.url, db, clock), process(server.url, db, clock)];
    const used = async () => {
      await Promise.all([one.balance("CT"), two.balance("CT")]);
      return new Set(
        server
          .of(PATHS.balance)
          .splice(-2)
          .map((call) => call.headers.authorization),
      );
    };
    expect(await used()).toEqual(new Set(["Bearer T1"]));
    clock.now = clock.now.plus({ seconds: 839 });
    expect(await used()).toEqual(new Set(["Bearer T1"]));
    clock.now = clock.now.plus({ seconds: 1 });
    expect(await used()).toEqual(new Set(["Bearer T2"]));
  });

  test.each([
    [10, 5],
    ["60", 30],
    [0, 240],
    ["soon", 240],
    [undefined, 240],
    [-5, 240],
    [1e20, 86_340],
  ])("of lifetime %j serves %i seconds", async (expiresIn, seconds) => {
    const server = await doku({
      [PATHS.ownToken]: (_call, count) => [
        200,
        { responseCode: "2007300", accessToken: `T${count}`, expiresIn },
      ],
      [PATHS.balance]: () => balance,
    });
    const clock = morning();
    const gateway = process(server.url, await database(), clock);
    await gateway.balance("CT");
    clock.now = clock.now.plus({ seconds: seconds - 1 });
    await gateway.balance("CT");
    expect(server.of(PATHS.ownToken)).toHaveLength(1);
    clock.now = clock.now.plus({ seconds: 1 });
    await gateway.balance("CT");
    expect(server.of(PATHS.ownToken)).toHaveLength(2);
  });

  test("refused in all processes at once is renewed by one of them", async () => {
    const server = await doku({
      [PATHS.balance]: (call) =>
        call.headers.authorization === "Bearer T1" ? [401, { responseCode: "4011101" }] : balance,
    });
    const db = await database();
    const processes = Array.from({ length: 4 }, () => process(server.url, db));
    const answers = await Promise.all(processes.flatMap((one) => [one.balance("CT"), one.balance("CT")]));
    expect(answers.every((answer) => answer.kind === "balance")).toBe(true);
    expect(server.of(PATHS.ownToken)).toHaveLength(2);
  });

  test("made for another gateway or sealed with a lost key is not used", async () => {
    const db = await database();
    const [first, second] = [
      await doku({ [PATHS.balance]: () => balance }),
      await doku({ [PATHS.balance]: () => balance }),
    ];
    await process(first.url, db).balance("CT");
    expect(await process(second.url, db).balance("CT")).toMatchObject({ kind: "balance" });
    expect(second.of(PATHS.ownToken)).toHaveLength(1);
    await db.query("update gateway_tokens set token = 'v1:lost' where id = 1");
    expect(await process(second.url, db).balance("CT")).toMatchObject({ kind: "balance" });
    expect(second.of(PATHS.ownToken)).toHaveLength(2);
  });

  test("a forced renewal really asks, and tells whether our keys work", async () => {
    const server = await doku({
      [PATHS.ownToken]: (_call, count) =>
        count < 3
          ? [200, { responseCode: "2007300", accessToken: `T${count}`, expiresIn: 900 }]
          : [401, { responseCode: "4017300" }],
    });
    const gateway = process(server.url, await database());
    expect(await gateway.renewOwnToken()).toEqual({ kind: "ok" });
    expect(await gateway.renewOwnToken()).toEqual({ kind: "ok" });
    expect(await gateway.renewOwnToken()).toMatchObject({ kind: "our_mistake", code: "4017300" });
    expect(server.of(PATHS.ownToken)).toHaveLength(3);
  });
});
