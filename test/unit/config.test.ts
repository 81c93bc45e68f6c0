import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { expect, onTestFinished, test } from "vitest";
import { CONFIG_VARIABLES, ConfigError, loadConfig, SECRET_VARIABLES } from "../../src/platform/config.ts";
import { ownEncryptionKey } from "../../src/platform/config-own-key.ts";
import { durationMs } from "../../src/platform/config-values.ts";

const pkcs8 = { type: "pkcs8", format: "pem" } as const;
const spki = { type: "spki", format: "pem" } as const;
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const privatePem = rsa.privateKey.export(pkcs8).toString();
const publicPem = rsa.publicKey.export(spki).toString();

const doku = {
  DOKU_BASE_URL: "https://api.doku.com",
  DOKU_CLIENT_ID: "BRN-0001",
  DOKU_SECRET_KEY: "SK-0123456789",
  DOKU_PRIVATE_KEY: privatePem,
  DOKU_PUBLIC_KEY: publicPem,
};
const apiKeys = "office:admin:0123456789abcdef,till:viewer:fedcba9876543210:with:colons";
const encryptionKey = `k1:${Buffer.alloc(32, 7).toString("base64")}`;
const production = {
  ...doku,
  NODE_ENV: "production",
  DATABASE_URL: "postgres://tagih:pw@db:5432/tagih",
  REDIS_URL: "redis://redis:6379",
  PUBLIC_URL: "https://billing.example.com/tagih/",
  TAGIH_API_KEYS: apiKeys,
  TAGIH_ENCRYPTION_KEY: encryptionKey,
};
const everything = { gateway: true, api: true } as const;

function problemsOf(env: Record<string, string>, needs = {}): string[] {
  try {
    loadConfig(env, needs);
    return [];
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return [...(error.details["problems"] as string[])];
  }
}

test("nothing set is a machine for trying out: embedded database, its queue, sensible limits", () => {
  expect(loadConfig({}, {})).toEqual({
    production: false,
    breakerPercent: 20,
    refundWindowDays: 7,
    refundParts: false,
    logLevel: "info",
    databaseUrl: null,
    redisUrl: null,
    port: 3000,
    publicUrl: "http://127.0.0.1:3000",
    apiKeys: [],
    metricsPublic: false,
    encryptionKeys: null,
    turnedClock: false,
    billingZone: "Asia/Jakarta",
    tickEveryMs: 1_000,
    gatewayTimeoutMs: 20_000,
    gatewayRatePerSecond: 20,
    minCharge: 10_000,
    chargeWindow: { from: "08:00", to: "20:00" },
    inquiryLadderMs: [65, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400].map((seconds) => seconds * 1_000),
    gateway: null,
  });
});

test("a production environment is read whole", () => {
  const config = loadConfig(production, everything);
  expect(config).toMatchObject({
    production: true,
    databaseUrl: production.DATABASE_URL,
    redisUrl: production.REDIS_URL,
    publicUrl: "https://billing.example.com/tagih",
    apiKeys: [
      { name: "office", role: "admin", key: "0123456789abcdef" },
      { name: "till", role: "viewer", key: "fedcba9876543210:with:colons" },
    ],
  });
  expect(config.gateway.clientId).toBe("BRN-0001");
  expect(config.gateway.notifyClientIds).toEqual(["BRN-0001"]);
  expect(config.gateway.privateKey.asymmetricKeyType).toBe("rsa");
  expect(config.gateway.publicKey.type).toBe("public");
  expect(config.encryptionKeys?.map(({ id }) => id)).toEqual(["k1"]);
});

test("all problems are told together, each with its variable and the cure", () => {
  const problems = problemsOf(
    { NODE_ENV: "production", PORT: "many", BILLING_ZONE: "Jakarta", TAGIH_CLOCK: "turned" },
    everything,
  );
  const named = problems.map((problem) => problem.split(" ")[0]);
  expect(named.sort()).toEqual([
    ...[
      "BILLING_ZONE",
      "DATABASE_URL",
      "DOKU_BASE_URL",
      "DOKU_CLIENT_ID",
      "DOKU_PRIVATE_KEY",
      "DOKU_PUBLIC_KEY",
    ],
    ...["DOKU_SECRET_KEY", "PORT", "PUBLIC_URL", "REDIS_URL", "TAGIH_API_KEYS", "TAGIH_CLOCK"],
    "TAGIH_ENCRYPTION_KEY",
  ]);
  for (const problem of problems)
    expect(problem).toMatch(/^\w+ (is missing: |must |is not |turned is |"Jakarta" is )/);
});

test("a simulator's key that is not there yet says what makes it", () => {
  const { DOKU_PUBLIC_KEY: _, ...env } = production;
  const problems = problemsOf({ ...env, DOKU_PUBLIC_KEY_FILE: ".tagih/nobody-started.pub.pem" }, everything);
  expect(problems).toEqual([
    expect.stringMatching(/^DOKU_PUBLIC_KEY_FILE: \.tagih\/nobody-started\.pub\.pem cannot be read/),
    expect.stringMatching(/^DOKU_PUBLIC_KEY is missing: .*set what `tagih simulator` prints/),
  ]);
});

test("a command is asked only for what it needs", () => {
  const { DATABASE_URL, REDIS_URL, NODE_ENV } = production;
  expect(problemsOf({ NODE_ENV, DATABASE_URL, REDIS_URL })).toEqual([]);
  expect(problemsOf(doku, { gateway: true })).toEqual([]);
  expect(problemsOf({ TAGIH_API_KEYS: apiKeys }, { api: true })).toEqual([]);
});

test("production falls back to nothing silently", () => {
  const { REDIS_URL: _redis, ...withoutRedis } = production;
  expect(problemsOf(withoutRedis, everything)).toEqual([
    expect.stringContaining("say QUEUE_BACKEND=postgres"),
  ]);
  expect(loadConfig({ ...withoutRedis, QUEUE_BACKEND: "postgres" }, everything).redisUrl).toBeNull();
  expect(problemsOf({ ...withoutRedis, QUEUE_BACKEND: "redis" })).toEqual([
    expect.stringContaining("needs it"),
  ]);
  expect(problemsOf({ QUEUE_BACKEND: "redis" })).toEqual([expect.stringContaining("REDIS_URL is missing")]);
});

test("QUEUE_BACKEND=postgres wins over a REDIS_URL that is also there", () => {
  expect(loadConfig({ REDIS_URL: "redis://r", QUEUE_BACKEND: "postgres" }, {}).redisUrl).toBeNull();
  expect(loadConfig({ REDIS_URL: "redis://r" }, {}).redisUrl).toBe("redis://r");
});

test("the turned clock works outside production only", () => {
  expect(loadConfig({ TAGIH_CLOCK: "turned" }, {}).turnedClock).toBe(true);
  expect(problemsOf({ ...production, TAGIH_CLOCK: "turned" })).toEqual([
    "TAGIH_CLOCK turned is not for production: leave it out",
  ]);
});

test("an empty variable is an absent one", () => {
  expect(loadConfig({ REDIS_URL: "", PORT: " ", DOKU_PRIVATE_KEY_FILE: "" }, {})).toEqual(loadConfig({}, {}));
});

test.each(SECRET_VARIABLES)("%s may come from a file", (name) => {
  const dir = temporaryFolder();
  const value = production[name as keyof typeof production];
  const path = join(dir, "secret");
  writeFileSync(path, `${value.trim()}\n`);
  const { [name as keyof typeof production]: _moved, ...others } = production;
  expect(loadConfig({ ...others, [`${name}_FILE`]: path }, everything)).toEqual(
    loadConfig(production, everything),
  );
  expect(problemsOf({ ...production, [`${name}_FILE`]: path })).toEqual([
    `${name} and ${name}_FILE are both set: keep one`,
  ]);
  const [problem] = problemsOf({ ...others, [`${name}_FILE`]: join(dir, "nowhere") });
  expect(problem).toContain("nowhere cannot be read, or is empty");
});

test.each([
  "https://api.doku.com/",
  "https://10.0.0.1:8443/base",
  "http://localhost:9",
  "http://127.0.0.9",
  "http://[::1]:80",
])("DOKU may be at %s", (url) => {
  expect(problemsOf({ DOKU_BASE_URL: url })).toEqual([]);
});

test.each([
  "http://api.doku.com",
  "http://127.0.0.1.evil.example",
  "http://10.0.0.1",
  "ftp://x",
  "api.doku.com",
  "https://u:p@x",
  "https://x/?a=b",
])("DOKU may not be at %s", (url) => {
  expect(problemsOf({ DOKU_BASE_URL: url })).toHaveLength(1);
});

const encryptedPem = rsa.privateKey.export({ ...pkcs8, cipher: "aes-256-cbc", passphrase: "x" }).toString();
const pkcs1Pem = rsa.privateKey.export({ type: "pkcs1", format: "pem" }).toString();
const weakPem = generateKeyPairSync("rsa", { modulusLength: 1024 }).privateKey.export(pkcs8).toString();
const ellipticPem = generateKeyPairSync("ec", { namedCurve: "P-256" }).privateKey.export(pkcs8).toString();

test.each([
  ["encrypted with a pass phrase", encryptedPem, "is encrypted"],
  ["in the old PKCS#1 form", pkcs1Pem, "is PKCS#1"],
  ["the public half", publicPem, "is a public key"],
  ["too short", weakPem, "has 1024 bits"],
  ["not RSA", ellipticPem, "must be an RSA key, not ec"],
  ["cut", privatePem.replace(/.{200}\n-----END/s, "\n-----END"), "looks like PEM but cannot be read"],
  ["garbage", "SK-abcdef", "must be a PEM text"],
])("a private key that is %s is refused with its own reason", (_case, pem, reason) => {
  const problems = problemsOf({ DOKU_PRIVATE_KEY: pem });
  expect(problems).toEqual([expect.stringContaining(`DOKU_PRIVATE_KEY ${reason}`)]);
  expect(problems.join()).not.toContain(pem.slice(40, 80) || pem);
});

test("DOKU's public key must be a public one", () => {
  expect(problemsOf({ DOKU_PUBLIC_KEY: privatePem })).toEqual([expect.stringContaining("is a private key")]);
  expect(problemsOf({ DOKU_PUBLIC_KEY: "abc" })).toEqual([expect.stringContaining("must be a PEM text")]);
});

test("a PEM on one line, with \\n written out, is the same key", () => {
  const oneLine = { ...doku, DOKU_PRIVATE_KEY: privatePem.replaceAll("\n", "\\n") };
  const { gateway } = loadConfig(oneLine, { gateway: true });
  expect(gateway.privateKey.equals(rsa.privateKey)).toBe(true);
});

test.each([
  ["TAGIH_API_KEYS", "0123456789abcdef", "entry 1 must be name:role:key"],
  [
    "TAGIH_API_KEYS",
    "a:owner:0123456789abcdef",
    "one of the roles viewer, billing, finance, operator, admin",
  ],
  ["TAGIH_API_KEYS", "a:admin:tooshort", "16 characters or more"],
  ["TAGIH_API_KEYS", "a:admin:0123456789abcdef,a:viewer:0123456789abcdef", '"a" is used twice'],
  ["TAGIH_ENCRYPTION_KEY", "k1:c2hvcnQ=", "32 bytes in base64"],
  ["TAGIH_ENCRYPTION_KEY", `${encryptionKey},${encryptionKey}`, "the same id"],
  ["CHARGE_WINDOW", "20:00-08:00", "a part of one day"],
  ["CHARGE_WINDOW", "8-20", "a part of one day"],
  ["STATUS_INQUIRY_LADDER", "65", '"65" is not a duration'],
  ["STATUS_INQUIRY_LADDER", ",", "1 to 30 waits"],
  ["STATUS_INQUIRY_LADDER", "65s,0m", "above zero"],
  ["MIN_CHARGE", "99.50", "whole number"],
  ["GATEWAY_TIMEOUT_MS", "20s", "whole number"],
  ["LOG_LEVEL", "loud", "must be fatal or error or warn"],
  ["METRICS_PUBLIC", "yes", "must be true or false"],
  ["DATABASE_URL", "mysql://root:s3cret@db", "postgres://user:password@host"],
  ["REDIS_URL", "localhost:6379", "redis://host:6379"],
])("%s=%s is refused: %s", (name, value, reason) => {
  const problems = problemsOf({ [name]: value });
  expect(problems).toEqual([expect.stringContaining(reason)]);
  expect(problems.join()).not.toContain("s3cret");
});

test("windows, ladders, lists and several keys are parsed", () => {
  const config = loadConfig(
    {
      ...doku,
      CHARGE_WINDOW: "always",
      STATUS_INQUIRY_LADDER: "65s, 1h30m,2d",
      DOKU_NOTIFY_CLIENT_IDS: "DOKU-1, DOKU-2",
      TAGIH_ENCRYPTION_KEY: `k2:${Buffer.alloc(32, 8).toString("base64")},${encryptionKey}`,
    },
    { gateway: true },
  );
  expect(config.chargeWindow).toBeNull();
  expect(config.inquiryLadderMs).toEqual([65_000, 5_400_000, 172_800_000]);
  expect(config.gateway.notifyClientIds).toEqual(["DOKU-1", "DOKU-2"]);
  expect(config.encryptionKeys?.map(({ id }) => id)).toEqual(["k2", "k1"]);
});

test.each([
  ["1500ms", 1_500],
  ["1h30m", 5_400_000],
  ["31d", 2_678_400_000],
])("%s lasts %i ms", (text, ms) => {
  expect(durationMs(text)).toBe(ms);
});

test("the embedded mode's own key is made once, for its owner only", () => {
  const dir = join(temporaryFolder(), ".tagih");
  const made = ownEncryptionKey(dir);
  expect(ownEncryptionKey(dir).key.equals(made.key)).toBe(true);
  expect(statSync(join(dir, "encryption.key")).mode & 0o777).toBe(0o600);
  writeFileSync(join(dir, "encryption.key"), "");
  expect(() => ownEncryptionKey(dir)).toThrow("does not hold an encryption key");
});

const example = new URL("../../.env.example", import.meta.url);

/** What `docker-compose.yml` alone reads. */
const COMPOSE_ONLY = ["POSTGRES_PASSWORD"];

test(".env.example names every variable once and no other", () => {
  const named = [...readFileSync(example, "utf8").matchAll(/^#? ?([A-Z][A-Z_]+)=/gm)].map(([, name]) => name);
  expect([...named].sort()).toEqual([...CONFIG_VARIABLES, ...COMPOSE_ONLY].sort());
});

test("the values that .env.example shows are the ones that hold when nothing is set", () => {
  const shown = readFileSync(example, "utf8").replaceAll(/^#? ?([A-Z][A-Z_]+=)/gm, "$1");
  expect(loadConfig(parseEnv(shown) as Record<string, string>, {})).toEqual(loadConfig({}, {}));
});

function temporaryFolder(): string {
  const dir = mkdtempSync(join(tmpdir(), "tagih-config-"));
  onTestFinished(() => {
    if (existsSync(dir)) rmSync(dir, { recursive: true });
  });
  return dir;
}

test("a fall-back for notifications is for setting up, and has to be said in so many words in production", () => {
  const take = (DOKU_NOTIFY_TOKEN?: string) =>
    loadConfig(
      { ...doku, ...(DOKU_NOTIFY_TOKEN === undefined ? {} : { DOKU_NOTIFY_TOKEN }) },
      { gateway: true },
    );
  expect(take().gateway.notifyFallback).toBe(false);
  expect(take("fallback").gateway.notifyFallback).toBe(true);
  const production = { ...doku, NODE_ENV: "production" };
  expect(problemsOf({ ...production, DOKU_NOTIFY_TOKEN: "fallback" }).join()).toContain("DOKU_NOTIFY_TOKEN");
  const said = problemsOf({ ...production, DOKU_NOTIFY_TOKEN: "fallback-in-production" });
  expect(said.join()).not.toContain("DOKU_NOTIFY_TOKEN");
});
