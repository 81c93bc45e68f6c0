import type { KeyObject } from "node:crypto";
import { readFileSync } from "node:fs";
import { z } from "zod";
import { AppError } from "../kernel/errors.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import { gatewayUrl, postgresUrl, privateKey, publicKey, publicUrl, redisUrl } from "./config-addresses.ts";
import { apiKeys, chargeWindow, encryptionKeys, inquiryLadderMs, listOf, zone } from "./config-values.ts";
import type { ApiKey } from "./http-keys.ts";
import { LOG_LEVELS, type LogLevel } from "./logger.ts";
import type { EncryptionKey } from "./secrets.ts";

/** Who we are at DOKU and how we talk to it. */
export type GatewayConfig = {
  readonly baseUrl: string;
  readonly clientId: string;
  readonly secretKey: string;
  /** The merchant's, to sign. */
  readonly privateKey: KeyObject;
  /** DOKU's, to verify. */
  readonly publicKey: KeyObject;
  /** Client ids that may ask us for a token. */
  readonly notifyClientIds: readonly string[];
  /** Whether a notification may be signed with DOKU's token or none; it is then never believed by itself. */
  readonly notifyFallback: boolean;
};

/** Everything the environment says, checked and parsed. */
export type Config = {
  readonly production: boolean;
  readonly logLevel: LogLevel;
  /** Null: the embedded PostgreSQL. */
  readonly databaseUrl: string | null;
  /** Null: the PostgreSQL of `databaseUrl` carries the bells. */
  readonly redisUrl: string | null;
  readonly port: number;
  /** Without a slash at its end. */
  readonly publicUrl: string;
  /** Empty unless given; then nobody can use the API. */
  readonly apiKeys: readonly ApiKey[];
  readonly metricsPublic: boolean;
  /** Null: one is made beside the embedded PostgreSQL's data. */
  readonly encryptionKeys: readonly EncryptionKey[] | null;
  /** Business time is moved by `tagih clock` instead of passing. */
  readonly turnedClock: boolean;
  readonly billingZone: string;
  readonly tickEveryMs: number;
  readonly gatewayTimeoutMs: number;
  readonly gatewayRatePerSecond: number;
  /** Above this share of calls without a usable answer sending pauses; 100: never. */
  readonly breakerPercent: number;
  readonly minCharge: Rupiah;
  /** A payment may be given back for this many days. */
  readonly refundWindowDays: number;
  /** Whether a part of a payment may be given back. */
  readonly refundParts: boolean;
  readonly chargeWindow: { readonly from: string; readonly to: string } | null;
  readonly inquiryLadderMs: readonly number[];
  /** Null unless every DOKU_ variable is given; never null when `needs.gateway`. */
  readonly gateway: GatewayConfig | null;
};

/** What a command cannot do without, besides what all need. */
export type Needs = {
  /** It speaks with DOKU. */
  readonly gateway?: boolean;
  /** It serves the merchant's API. */
  readonly api?: boolean;
};

/** The environment is not usable. `details.problems` lists everything that is wrong with it, each with its cure. */
export class ConfigError extends AppError {
  readonly code = "configuration";
  readonly retry = "never";
}

type Environment = Readonly<Record<string, string | undefined>>;

/** A zod text whose value `read` makes; what `read` throws becomes the problem's wording. */
function text<Value>(read: (given: string) => Value) {
  return z.string().transform((given, context): Value => {
    try {
      return read(given);
    } catch (error) {
      context.addIssue({ code: "custom", message: (error as Error).message });
      return z.NEVER;
    }
  });
}

function whole(min: number, max: number) {
  const must = `must be a whole number from ${min} to ${max}`;
  return z
    .string()
    .regex(/^\d{1,9}$/, must)
    .transform(Number)
    .pipe(z.number().min(min, must).max(max, must));
}

function oneOf<const Choice extends string>(choices: readonly Choice[]) {
  return z.enum(choices, `must be ${choices.join(" or ")}`);
}

const VARIABLES = z.object({
  NODE_ENV: z.string().default("development"),
  LOG_LEVEL: oneOf(LOG_LEVELS).default("info"),
  DATABASE_URL: text(postgresUrl).optional(),
  REDIS_URL: text(redisUrl).optional(),
  QUEUE_BACKEND: oneOf(["redis", "postgres"]).optional(),
  PORT: whole(0, 65_535).default(3_000),
  PUBLIC_URL: text(publicUrl).optional(),
  TAGIH_API_KEYS: text(apiKeys).default([]),
  TAGIH_ENCRYPTION_KEY: text(encryptionKeys).optional(),
  METRICS_PUBLIC: oneOf(["true", "false"]).default("false"),
  DOKU_BASE_URL: text(gatewayUrl).optional(),
  DOKU_CLIENT_ID: z
    .string()
    .regex(/^[\w.-]{1,64}$/, "must be the Client ID of DOKU's back office")
    .optional(),
  DOKU_SECRET_KEY: z
    .string()
    .regex(/^\S{8,}$/, "must be the Secret Key of DOKU's back office, without spaces")
    .optional(),
  DOKU_PRIVATE_KEY: text(privateKey).optional(),
  DOKU_PUBLIC_KEY: text(publicKey).optional(),
  DOKU_NOTIFY_CLIENT_IDS: text(listOf).optional(),
  DOKU_NOTIFY_TOKEN: oneOf(["issued", "fallback", "fallback-in-production"]).default("issued"),
  GATEWAY_TIMEOUT_MS: whole(100, 120_000).default(20_000),
  GATEWAY_RATE_PER_SECOND: whole(1, 100_000).default(20),
  BREAKER_PERCENT: whole(1, 100).default(20),
  BILLING_ZONE: text(zone).default("Asia/Jakarta"),
  TICK_EVERY_MS: whole(10, 3_600_000).default(1_000),
  CHARGE_WINDOW: text(chargeWindow).default({ from: "08:00", to: "20:00" }),
  STATUS_INQUIRY_LADDER: text(inquiryLadderMs).prefault("65s,5m,15m,1h,3h,6h,12h,24h"),
  MIN_CHARGE: whole(0, 100_000_000).default(10_000),
  REFUND_WINDOW_DAYS: whole(1, 365).default(7),
  REFUND_PARTS: oneOf(["true", "false"]).default("false"),
  TAGIH_CLOCK: oneOf(["real", "turned"]).default("real"),
});

type Name = keyof typeof VARIABLES.shape;
type Values = z.output<typeof VARIABLES>;

/** Every variable that is read, besides the `…_FILE` form of secrets. */
export const CONFIG_VARIABLES = Object.keys(VARIABLES.shape) as readonly Name[];

/** Variables that may also come from the file that `<name>_FILE` points to. */
export const SECRET_VARIABLES: readonly Name[] = [
  "DATABASE_URL",
  "REDIS_URL",
  "TAGIH_API_KEYS",
  "TAGIH_ENCRYPTION_KEY",
  "DOKU_SECRET_KEY",
  "DOKU_PRIVATE_KEY",
  "DOKU_PUBLIC_KEY",
];

/** The `Config` of a command with these needs: what it needs is never null. */
export type ConfigFor<N extends Needs> = N["gateway"] extends true
  ? Config & { readonly gateway: GatewayConfig }
  : Config;

/** Reads the environment once; throws `ConfigError` with all problems together. An empty variable counts as absent. */
export function loadConfig<const N extends Needs>(env: Environment, needs: N): ConfigFor<N> {
  const { given, problems } = gather(env);
  const read = VARIABLES.safeParse(given);
  for (const issue of read.error?.issues ?? []) problems.push(`${String(issue.path[0])} ${issue.message}`);
  problems.push(...missing(given, needs), ...forbidden(given));
  if (!read.success || problems.length > 0) throw configError(problems);
  return configOf(read.data) as ConfigFor<N>;
}

function configError(problems: readonly string[]): ConfigError {
  const lines = problems.map((problem) => `\n  - ${problem}`).join("");
  return new ConfigError(`the configuration has ${problems.length} problem(s):${lines}`, { problems });
}

type Given = { readonly [name in Name]?: string };

function gather(env: Environment): { given: Given; problems: string[] } {
  const given: { [name in Name]?: string } = {};
  const problems: string[] = [];
  for (const name of CONFIG_VARIABLES) {
    const value = env[name]?.trim();
    if (value) given[name] = value;
    const path = SECRET_VARIABLES.includes(name) ? env[`${name}_FILE`]?.trim() : undefined;
    if (!path) continue;
    if (value) problems.push(`${name} and ${name}_FILE are both set: keep one`);
    const content = readSecret(path);
    if (content === null) problems.push(`${name}_FILE: ${path} cannot be read, or is empty`);
    else given[name] = content;
  }
  return { given, problems };
}

function readSecret(path: string): string | null {
  try {
    return readFileSync(path, "utf8").trim() || null;
  } catch {
    return null;
  }
}

const GATEWAY: readonly (readonly [Name, string])[] = [
  ["DOKU_BASE_URL", "set it to https://api.doku.com, or https://api-sandbox.doku.com to try out"],
  ["DOKU_CLIENT_ID", "copy the Client ID from DOKU's back office"],
  ["DOKU_SECRET_KEY", "copy the Secret Key from DOKU's back office"],
  [
    "DOKU_PRIVATE_KEY",
    "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048; DOKU gets its public half",
  ],
  [
    "DOKU_PUBLIC_KEY",
    "copy DOKU's public key from its back office; with the simulator set what `tagih simulator` prints when it starts",
  ],
];
const API: readonly (readonly [Name, string])[] = [
  ["TAGIH_API_KEYS", "set it to name:role:key, for example office:admin:$(openssl rand -hex 24)"],
];
const PRODUCTION: readonly (readonly [Name, string])[] = [
  [
    "DATABASE_URL",
    "the embedded PostgreSQL is not for production; set postgres://user:password@host:5432/tagih",
  ],
];
/** What a process needs in production if it serves the API or speaks with DOKU. */
const PRODUCTION_DOORS: readonly (readonly [Name, string])[] = [
  ["PUBLIC_URL", "set it to the https address at which DOKU and browsers reach this installation"],
  [
    "TAGIH_ENCRYPTION_KEY",
    'echo "k1:$(openssl rand -base64 32)", and keep a copy apart from the database\'s',
  ],
];

function missing(given: Given, { gateway = false, api = false }: Needs): string[] {
  const production = given.NODE_ENV === "production";
  const required = [
    ...(gateway ? GATEWAY : []),
    ...(api ? API : []),
    ...(production ? PRODUCTION : []),
    ...(production && (gateway || api) ? PRODUCTION_DOORS : []),
  ];
  const problems = required
    .filter(([name]) => given[name] === undefined)
    .map(([name, cure]) => `${name} is missing: ${cure}`);
  if (given.REDIS_URL !== undefined) return problems;
  if (given.QUEUE_BACKEND === "redis") problems.push("REDIS_URL is missing: QUEUE_BACKEND=redis needs it");
  else if (production && given.QUEUE_BACKEND === undefined)
    problems.push("REDIS_URL is missing: set it, or say QUEUE_BACKEND=postgres to do without Redis");
  return problems;
}

function forbidden(given: Given): string[] {
  if (given.NODE_ENV !== "production") return [];
  return [
    ...(given.TAGIH_CLOCK === "turned" ? ["TAGIH_CLOCK turned is not for production: leave it out"] : []),
    ...(given.DOKU_NOTIFY_TOKEN === "fallback"
      ? ["DOKU_NOTIFY_TOKEN fallback is for setting up: leave it out, or say fallback-in-production"]
      : []),
  ];
}

function configOf(values: Values): Config {
  return {
    production: values.NODE_ENV === "production",
    logLevel: values.LOG_LEVEL,
    databaseUrl: values.DATABASE_URL ?? null,
    redisUrl: values.QUEUE_BACKEND === "postgres" ? null : (values.REDIS_URL ?? null),
    port: values.PORT,
    publicUrl: values.PUBLIC_URL ?? `http://127.0.0.1:${values.PORT}`,
    apiKeys: values.TAGIH_API_KEYS,
    metricsPublic: values.METRICS_PUBLIC === "true",
    encryptionKeys: values.TAGIH_ENCRYPTION_KEY ?? null,
    turnedClock: values.TAGIH_CLOCK === "turned",
    billingZone: values.BILLING_ZONE,
    tickEveryMs: values.TICK_EVERY_MS,
    gatewayTimeoutMs: values.GATEWAY_TIMEOUT_MS,
    gatewayRatePerSecond: values.GATEWAY_RATE_PER_SECOND,
    breakerPercent: values.BREAKER_PERCENT,
    minCharge: rupiah(values.MIN_CHARGE),
    refundWindowDays: values.REFUND_WINDOW_DAYS,
    refundParts: values.REFUND_PARTS === "true",
    chargeWindow: values.CHARGE_WINDOW,
    inquiryLadderMs: values.STATUS_INQUIRY_LADDER,
    gateway: gatewayOf(values),
  };
}

function gatewayOf(values: Values): GatewayConfig | null {
  const { DOKU_BASE_URL: baseUrl, DOKU_CLIENT_ID: clientId, DOKU_SECRET_KEY: secretKey } = values;
  const { DOKU_PRIVATE_KEY: privateKey, DOKU_PUBLIC_KEY: publicKey } = values;
  if (!baseUrl || !clientId || !secretKey || !privateKey || !publicKey) return null;
  const allowed = values.DOKU_NOTIFY_CLIENT_IDS ?? [];
  const notifyClientIds = allowed.length > 0 ? allowed : [clientId];
  const notifyFallback = values.DOKU_NOTIFY_TOKEN !== "issued";
  return { baseUrl, clientId, secretKey, privateKey, publicKey, notifyClientIds, notifyFallback };
}
