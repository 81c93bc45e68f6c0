import type { KeyObject } from "node:crypto";
import { SignJWT } from "jose";
import { expect, test } from "vitest";
import { findDeliveriesToRing, lockDeliveries, markDeliveries } from "../../src/notifications/inbox.store.ts";
import { sqlState } from "../../src/platform/database.ts";
import { randomDigits } from "../../src/platform/random.ts";
import { realNow } from "../../src/platform/real-time.ts";
import { until } from "../../src/platform/timer.ts";
import {
  BINDING,
  CLIENT,
  exceptions,
  GRANT,
  gateway,
  type Headers,
  house,
  inbox,
  merchant,
  NOTIFY,
  type Notice,
  notify,
  PUBLIC_PREFIX,
  paid,
  post,
  REFERENCE,
  stranger,
  TOKEN,
  token,
  tokenHeaders,
  wireNow,
} from "../support/gateway-calls.ts";

test.each([TOKEN, "/authorization/v1/access-token/b2b"])(
  "a token call at %s gets a 900 s token",
  async (path) => {
    const home = await house();
    const answer = await post(home, path, tokenHeaders(), GRANT);
    expect(answer.status).toBe(200);
    expect(answer.json).toMatchObject({ responseCode: "2007300", tokenType: "Bearer", expiresIn: 900 });
    expect(answer.headers.get("x-client-key")).toBe(CLIENT);
    expect(answer.headers.get("x-timestamp")).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
    expect(answer.headers.get("content-type")).toBe("application/json");
  },
);

test.each<[string, Headers, string, number, string]>([
  ["signed by a stranger", tokenHeaders(stranger.privateKey), GRANT, 401, "4017300"],
  [
    "for a client that is not ours",
    tokenHeaders(gateway.privateKey, wireNow(), "BRN-other"),
    GRANT,
    401,
    "4017300",
  ],
  [
    "signed for another moment",
    { ...tokenHeaders(), "X-TIMESTAMP": "2025-01-15T05:06:07Z" },
    GRANT,
    401,
    "4017300",
  ],
  [
    "with trailing junk in the signature",
    { ...tokenHeaders(), "X-SIGNATURE": `${tokenHeaders()["X-SIGNATURE"]}!` },
    GRANT,
    401,
    "4017300",
  ],
  ["without X-CLIENT-KEY", { ...tokenHeaders(), "X-CLIENT-KEY": undefined }, GRANT, 400, "4007302"],
  ["without X-TIMESTAMP", { ...tokenHeaders(), "X-TIMESTAMP": undefined }, GRANT, 400, "4007302"],
  ["without X-SIGNATURE", { ...tokenHeaders(), "X-SIGNATURE": undefined }, GRANT, 400, "4007302"],
  ["with an odd timestamp", tokenHeaders(gateway.privateKey, "yesterday"), GRANT, 400, "4007301"],
  ["for another grant", tokenHeaders(), '{"grantType":"password"}', 400, "4007301"],
  ["without a grant", tokenHeaders(), "{}", 400, "4007302"],
  ["that is not JSON", tokenHeaders(), "grantType=client_credentials", 400, "4007300"],
])("a token call %s gets no token", async (_how, headers, body, status, code) => {
  const home = await house();
  const answer = await post(home, TOKEN, headers, body);
  expect(answer).toMatchObject({ status, json: { responseCode: code } });
  expect(answer.json).not.toHaveProperty("accessToken");
  expect(home.refusals).toEqual([`73 ${status}`]);
});

test("a genuine notification is stored before it is answered, and then rung for", async () => {
  const home = await house();
  const externalId = randomDigits(36);
  const answer = await notify(home, { externalId });
  expect(answer.status).toBe(200);
  expect(answer.json).toEqual({
    responseCode: "2005600",
    responseMessage: "Request has been processed successfully",
  });
  expect(await inbox(home)).toEqual([
    expect.objectContaining({
      kind: "payment",
      external_id: externalId,
      body: paid(),
      reference: REFERENCE,
      reused_id: false,
      state: "received",
    }),
  ]);
  await until("the bell rings", 5_000, async () => home.rung.length === 1);
  expect(home.rung[0]).toHaveLength(1);
  expect(await exceptions(home)).toEqual([]);
});

test("one token serves many notifications at once, each a row of its own", async () => {
  const home = await house();
  const bearer = await token(home);
  const answers = await Promise.all(Array.from({ length: 40 }, () => notify(home, { bearer })));
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  expect(await inbox(home)).toHaveLength(40);
  await until("all are rung for", 5_000, async () => home.rung.flat().length === 40);
});

test("a lost bell changes nothing about the answer", async () => {
  const home = await house(() => Promise.reject(new Error("queue away")));
  expect((await notify(home)).status).toBe(200);
  await until("it is logged", 5_000, async () =>
    home.lines.some(({ event }) => event === "inbox.ring_failed"),
  );
  expect(await inbox(home)).toHaveLength(1);
});

test.each<[string, Notice]>([
  [
    "whitespace between its tokens",
    { body: JSON.stringify(JSON.parse(paid()), null, 2), signedBody: paid() },
  ],
  ["its raw bytes signed", { body: ` ${paid()}`, signedBody: ` ${paid()}` }],
  ["escapes that the signer did not have", { body: paid().replace("OVO", "\\u004fVO"), signedBody: paid() }],
  ["+00:00", { timestamp: `${wireNow().slice(0, 19)}+00:00` }],
  ["-00:00", { timestamp: `${wireNow().slice(0, 19)}-00:00` }],
  ["+07:00 and fractions", { timestamp: `${wireNow().slice(0, 19)}.123456789+07:00` }],
  ["a timestamp of hours ago", { timestamp: "2025-01-15T12:06:07+07:00" }],
  ["a query string in its address", { query: "?a=%20b&c" }],
])("a notification with %s is genuine", async (_what, notice) => {
  const home = await house();
  expect(await notify(home, notice)).toMatchObject({ status: 200, json: { responseCode: "2005600" } });
  expect(await inbox(home)).toHaveLength(1);
});

const jwt = (claims: Record<string, unknown>, header = '{"alg":"none"}') =>
  [header, JSON.stringify(claims), ""].map((part) => Buffer.from(part).toString("base64url")).join(".");
const claims = () => ({ iss: "tagih", aud: CLIENT, exp: Math.floor(realNow().toSeconds()) + 600, jti: "x" });
const signedJwt = (alg: "RS256" | "HS256", key: KeyObject | Uint8Array, more: Record<string, unknown> = {}) =>
  new SignJWT({ ...claims(), ...more }).setProtectedHeader({ alg }).sign(key);

test.each<[string, () => Notice | Promise<Notice>, number, string]>([
  ["signed with another secret", () => ({ secret: "SK-other" }), 401, "4015600"],
  [
    "whose amount was changed on the way",
    () => ({ body: paid().replace("25000", "25001"), signedBody: paid() }),
    401,
    "4015600",
  ],
  [
    "with a space moved inside a string",
    () => ({ body: paid().replace("cust-001", "cust- 001"), signedBody: paid() }),
    401,
    "4015600",
  ],
  ["signed for another path", () => ({ signedPath: `${PUBLIC_PREFIX}${BINDING}` }), 401, "4015600"],
  ["signed without the public prefix", () => ({ signedPath: NOTIFY }), 401, "4015600"],
  [
    "with a query that was not signed",
    () => ({ query: "?x=1", signedPath: PUBLIC_PREFIX + NOTIFY }),
    401,
    "4015600",
  ],
  [
    "that names a key twice and was signed as another parser reads it",
    () => ({ body: paid().replace('"25000.00"', '"1.00","value":"25000.00"'), signedBody: paid() }),
    401,
    "4015600",
  ],
  ["with an unknown token", () => ({ bearer: "aaaa.bbbb.cccc" }), 401, "4015601"],
  ["with an opaque token", () => ({ bearer: "0123456789abcdef" }), 401, "4015601"],
  ["with an unsigned token", () => ({ bearer: `${jwt(claims())}` }), 401, "4015601"],
  ["with alg none and a borrowed signature", () => ({ bearer: `${jwt(claims())}AAAA` }), 401, "4015601"],
  [
    "with a token made by HMAC over our public key",
    async () => ({
      bearer: await signedJwt(
        "HS256",
        Buffer.from(merchant.publicKey.export({ type: "spki", format: "pem" })),
      ),
    }),
    401,
    "4015601",
  ],
  [
    "with a token of a stranger",
    async () => ({ bearer: await signedJwt("RS256", stranger.privateKey) }),
    401,
    "4015601",
  ],
  [
    "with an expired token",
    async () => ({ bearer: await signedJwt("RS256", merchant.privateKey, { exp: 1_700_000_000 }) }),
    401,
    "4015601",
  ],
  [
    "with a token for somebody else",
    async () => ({ bearer: await signedJwt("RS256", merchant.privateKey, { aud: "BRN-other" }) }),
    401,
    "4015601",
  ],
  ["without Authorization", () => ({ without: "Authorization" }), 400, "4005602"],
  ["without X-TIMESTAMP", () => ({ without: "X-TIMESTAMP" }), 400, "4005602"],
  ["without X-SIGNATURE", () => ({ without: "X-SIGNATURE" }), 400, "4005602"],
  ["without X-PARTNER-ID", () => ({ without: "X-PARTNER-ID" }), 400, "4005602"],
  ["without X-EXTERNAL-ID", () => ({ without: "X-EXTERNAL-ID" }), 400, "4005602"],
  ["with an odd timestamp", () => ({ timestamp: "2025-02-30T00:00:00Z" }), 400, "4005601"],
  ["that is not JSON", () => ({ body: paid().slice(0, -1) }), 400, "4005600"],
])("a notification %s leaves nothing but a log line", async (_how, make, status, code) => {
  const home = await house();
  const answer = await notify(home, await make());
  expect(answer).toMatchObject({ status, json: { responseCode: code } });
  expect(await inbox(home)).toEqual([]);
  expect(await exceptions(home)).toEqual([]);
  expect(home.rung).toEqual([]);
  expect(home.refusals).toEqual([`56 ${status}`]);
  const refused = home.lines.filter(({ event }) => event === "notification.refused");
  expect(refused).toHaveLength(1);
  expect(JSON.stringify(home.lines)).not.toContain("cust-001");
});

test("a megabyte is refused before anybody reads it", async () => {
  const home = await house();
  const body = paid().replace('"OVO"', JSON.stringify("x".repeat(1024 * 1024)));
  const outcome = await notify(home, { body }).then(
    ({ status }) => status,
    () => "cut off",
  );
  expect([413, "cut off"]).toContain(outcome);
  expect(await inbox(home)).toEqual([]);
});

test("the same delivery again is stored again and thanked for", async () => {
  const home = await house();
  const externalId = randomDigits(20);
  for (let times = 0; times < 3; times += 1) {
    expect(await notify(home, { externalId })).toMatchObject({
      status: 200,
      json: { responseCode: "2005600" },
    });
  }
  const rows = await inbox(home);
  expect(rows.map(({ state, reused_id }) => [state, reused_id])).toEqual(Array(3).fill(["received", false]));
  expect(await exceptions(home)).toEqual([]);
});

test("another body under a used id is 409, yet it is stored for its effect and shown to a person", async () => {
  const home = await house();
  const externalId = randomDigits(20);
  await notify(home, { externalId, body: paid("06") });
  const other = await notify(home, { externalId, body: paid("00") });
  expect(other).toMatchObject({ status: 409, json: { responseCode: "4095600" } });
  expect((await inbox(home)).map(({ state, reused_id }) => [state, reused_id])).toEqual([
    ["received", false],
    ["received", true],
  ]);
  await until("both are rung for", 5_000, async () => home.rung.flat().length === 2);
  expect(await exceptions(home)).toEqual([
    expect.objectContaining({ kind: "notification_id_reused", reference: REFERENCE, amount: "25000" }),
  ]);
  expect((await notify(home, { externalId, body: paid("00") })).status).toBe(200);
});

test("an id is unique for a day only: the day after, another body is another delivery", async () => {
  const home = await house();
  const externalId = randomDigits(20);
  await notify(home, { externalId, body: paid("06") });
  await home.db.begin(async (tx) => {
    await tx.query(`alter table inbox disable trigger inbox_is_append_only`);
    await tx.query(`update inbox set received_at = received_at - interval '24 hours'`);
    await tx.query(`alter table inbox enable trigger inbox_is_append_only`);
  });
  expect((await notify(home, { externalId, body: paid("00") })).status).toBe(200);
});

test("two bodies under one id that arrive at the same moment are told apart as well", async () => {
  const home = await house();
  const bearer = await token(home);
  const externalId = randomDigits(20);
  const answers = await Promise.all(
    ["00", "06"].map((status) => notify(home, { bearer, externalId, body: paid(status) })),
  );
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
});

test.each([
  ["00", 404, "4045601", 1],
  ["03", 404, "4045601", 1],
  ["05", 200, "2005600", 0],
  ["06", 200, "2005600", 0],
])("status %s for a reference we never made is kept and answered %i", async (status, http, code, opened) => {
  const home = await house();
  const body = paid(status, "somebody-elses-1");
  expect(await notify(home, { body })).toMatchObject({ status: http, json: { responseCode: code } });
  expect(await inbox(home)).toEqual([
    expect.objectContaining({ state: "unmatched", reference: "somebody-elses-1" }),
  ]);
  expect(await exceptions(home)).toHaveLength(opened);
  expect(home.rung).toEqual([]);
});

test.each([
  ["originalPartnerReferenceNo", 400, "4005602"],
  ["latestTransactionStatus", 400, "4005602"],
  ["amount", 400, "4005602"],
])(
  "a signed notification without %s is kept as rejected and shown to a person",
  async (field, status, code) => {
    const home = await house();
    const answer = await notify(home, {
      body: JSON.stringify({ ...JSON.parse(paid()), [field]: undefined }),
    });
    expect(answer).toMatchObject({ status, json: { responseCode: code } });
    expect(answer.json["responseMessage"]).toContain(field);
    expect(await inbox(home)).toEqual([
      expect.objectContaining({ state: "rejected", problem: `${field} is missing` }),
    ]);
    expect(await exceptions(home)).toEqual([expect.objectContaining({ kind: "notification_unreadable" })]);
  },
);

test("a binding notification has its own address and codes", async () => {
  const home = await house();
  const body = JSON.stringify({
    originalExternalId: randomDigits(36),
    additionalInfo: { status: "SUCCESS", custIdMerchant: "cust-001", authCode: "code-1" },
  });
  const externalId = randomDigits(36);
  expect(await notify(home, { path: BINDING, body, externalId })).toMatchObject({
    status: 200,
    json: { responseCode: "2000700" },
  });
  expect(await inbox(home)).toEqual([
    expect.objectContaining({ kind: "binding", state: "received", reference: null }),
  ]);
  // Ids of payments and bindings are two series.
  expect((await notify(home, { externalId })).status).toBe(200);
  const forged = await notify(home, { path: BINDING, body, secret: "SK-other" });
  expect(forged).toMatchObject({ status: 401, json: { responseCode: "4010700" } });
  const unsaid = await notify(home, { path: BINDING, body: '{"additionalInfo":{"authCode":"code-1"}}' });
  expect(unsaid).toMatchObject({ status: 400, json: { responseCode: "4000702" } });
});

test("when we cannot store it, the gateway is told to send it again", async () => {
  const home = await house();
  const bearer = await token(home);
  await home.db.query(`alter table inbox rename to inbox_away`);
  expect(await notify(home, { bearer })).toMatchObject({ status: 500, json: { responseCode: "5005600" } });
});

test("the pages for the returning browser promise nothing and run nothing", async () => {
  const home = await house();
  for (const path of ["/return/paid", "/return/failed"]) {
    const response = await fetch(`${home.url}${path}?resultCd=00%3Cscript%3E`);
    const html = await response.text();
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toBe("text/html; charset=utf-8");
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(html).not.toContain("script");
  }
  expect(await inbox(home)).toEqual([]);
});

test("what was delivered can never be changed, only its state", async () => {
  const home = await house();
  await notify(home);
  const change = home.db.query(`update inbox set body = '{}'`);
  await expect(change).rejects.toThrow(/append-only/);
  for (const state of ["handled", "rejected", "lost"]) {
    const odd = await home.db.query(`update inbox set state = $1`, [state]).catch(sqlState);
    expect(odd).toBe("23514");
  }
});

test("a delivery is rung again when its bell was lost, later with every try, until it is handled", async () => {
  const home = await house();
  await notify(home);
  await notify(home, { body: paid("00", "somebody-elses-1") });
  const due = (age: string) =>
    home.db.begin(async (tx) => {
      await tx.query(`alter table inbox disable trigger inbox_is_append_only`);
      await tx.query(`update inbox set received_at = clock_timestamp() - $1::interval`, [age]);
      await tx.query(`alter table inbox enable trigger inbox_is_append_only`);
      return findDeliveriesToRing(tx, 10);
    });
  expect(await due("4 seconds")).toEqual([]);
  const [known, unknown] = await due("6 seconds");
  if (known === undefined || unknown === undefined) throw new Error("both were due");
  await home.db.begin(async (tx) => {
    expect((await lockDeliveries(tx, [unknown, known])).map(({ id }) => id)).toEqual([known, unknown]);
    // Another worker finds nothing while these are held.
    expect(await home.db.begin((other) => lockDeliveries(other, [known, unknown]))).toEqual([]);
    await markDeliveries(tx, [
      { id: known, state: "handled" },
      { id: unknown, state: "unmatched", problem: "no such attempt" },
    ]);
  });
  expect(await due("9 seconds")).toEqual([]);
  expect(await due("11 seconds")).toEqual([unknown]);
  expect(await due("4 days")).toEqual([unknown]);
  expect(await due("121 hours")).toEqual([]);
  expect(await home.db.begin((tx) => lockDeliveries(tx, [known]))).toEqual([]);
  expect((await inbox(home)).map(({ state, tries, problem }) => [state, tries, problem])).toEqual([
    ["handled", 1, null],
    ["unmatched", 1, "no such attempt"],
  ]);
});
