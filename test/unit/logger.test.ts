import { create } from "axios";
import { DateTime } from "luxon";
import { expect, test } from "vitest";
import { AwayError } from "../../src/kernel/errors.ts";
import { freePort } from "../../src/platform/embedded/server.ts";
import { type LogLevel, openLogger } from "../../src/platform/logger.ts";

function listen(level: LogLevel = "info") {
  const lines: string[] = [];
  const log = openLogger({ level, role: "test", to: { write: (line) => void lines.push(line) } });
  return { log, lines, last: () => JSON.parse(lines.at(-1) ?? "null") };
}

test("a line says who, when, how loud and what happened", () => {
  const { log, last } = listen();
  log.info({
    event: "invoice.verdict",
    invoiceId: "i-1",
    amount: 99_000,
    at: DateTime.fromISO("2027-01-31"),
  });
  expect(last()).toMatchObject({
    level: "info",
    role: "test",
    event: "invoice.verdict",
    invoiceId: "i-1",
    amount: 99_000,
    at: expect.stringMatching(/^2027-01-31T00:00/),
    time: expect.stringMatching(/^\d{4}-.*Z$/),
  });
});

const SECRET_KEYS = [
  ...[
    "authorization",
    "Authorization",
    "Authorization-Customer",
    "accessToken",
    "access_token",
    "refreshToken",
  ],
  ...[
    "customerToken",
    "customer_token",
    "authCode",
    "auth_code",
    "secretKey",
    "clientSecret",
    "client_secret",
  ],
  ...[
    "privateKey",
    "X-SIGNATURE",
    "signature",
    "phone",
    "phoneNo",
    "phone_no",
    "apiKey",
    "TAGIH_API_KEYS",
    "key",
  ],
  ...[
    "password",
    "DATABASE_URL",
    "REDIS_URL",
    "DOKU_SECRET_KEY",
    "TAGIH_ENCRYPTION_KEY",
    "cookie",
    "tokenB2b",
  ],
];

test.each(SECRET_KEYS)("the value of %s never reaches the log, however deep", (name) => {
  const { log, lines } = listen();
  const secret = { [name]: "s3cret-value" };
  log.info({ event: "x", ...secret, one: { two: [{ three: { four: secret } }] } });
  log.info({ event: "x", cause: new Error("outer", { cause: new AwayError("inner", secret) }) });
  expect(lines.join()).not.toContain("s3cret-value");
  expect(lines[0]?.match(/\[hidden\]/g)).toHaveLength(2);
});

test("words that only sound like secrets stay readable", () => {
  const { log, last } = listen();
  log.info({
    event: "x",
    tokenExpiresAt: "soon",
    idempotencyKeyed: true,
    keyName: "office",
    phoneIndex: "abc",
  });
  expect(last()).toMatchObject({
    tokenExpiresAt: "soon",
    idempotencyKeyed: true,
    keyName: "office",
    phoneIndex: "abc",
  });
});

test("an error of axios is told without the request that it carries", async () => {
  const { log, lines, last } = listen();
  const url = `http://127.0.0.1:${await freePort()}/v1.0/debit`;
  const headers = { Authorization: "Bearer s3cret-value", "X-SIGNATURE": "s3cret-value" };
  const error = await create({ proxy: false })
    .post(url, { phoneNo: "s3cret-value" }, { headers })
    .catch((thrown: unknown) => thrown);
  expect(JSON.stringify(error)).toContain("s3cret-value");

  log.error({ event: "x", err: error, nested: { errors: [error] } });
  log.error(error);
  expect(lines.join()).not.toContain("s3cret-value");
  expect(last().err).toMatchObject({ name: expect.any(String), code: "ECONNREFUSED" });
  for (const leak of ["config", "request", "response", "headers"])
    expect(last().err).not.toHaveProperty(leak);
});

test("an error of ours keeps its code, its details and its causes", () => {
  const { log, last } = listen();
  const cause = new AggregateError([new Error("first"), new Error("second")], "all failed");
  log.error({ event: "x", err: new AwayError("no answer", { invoiceId: "i-1" }, { cause }) });
  expect(last().err).toMatchObject({
    name: "AwayError",
    code: "away",
    details: { invoiceId: "i-1" },
    cause: { message: "all failed", errors: [{ message: "first" }, { message: "second" }] },
  });
});

test("passwords in addresses and bearer tokens in messages are masked", () => {
  const { log, lines } = listen();
  log.error({ event: "x", err: new Error("cannot reach postgres://tagih:s3cret-value@db:5432/tagih") });
  log.error("sent Authorization: Bearer s3cret-value to them");
  expect(lines.join()).not.toContain("s3cret-value");
  expect(lines[0]).toContain("postgres://***@db:5432/tagih");
});

test("circles, bytes, live objects and endless lists are cut, not followed", () => {
  const { log, last } = listen();
  const circle: Record<string, unknown> = {};
  circle["self"] = circle;
  log.info({
    event: "x",
    circle,
    bytes: Buffer.alloc(9),
    live: new Map([["a", 1]]),
    long: Array(5_000).fill(1),
  });
  expect(JSON.stringify(last().circle)).toContain("[too deep]");
  expect(last()).toMatchObject({ bytes: "[9 bytes]", live: "[Map]" });
  expect(last().long).toHaveLength(100);
});

test("silence is kept", () => {
  const { log, lines } = listen("silent");
  log.fatal({ event: "x" });
  expect(lines).toEqual([]);
});
