import { type DestinationStream, type Logger, pino } from "pino";
import { AppError } from "../kernel/errors.ts";

/** The levels of `LOG_LEVEL`, loudest first. */
export const LOG_LEVELS = ["fatal", "error", "warn", "info", "debug", "trace", "silent"] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

type LoggerOptions = {
  readonly level: LogLevel;
  /** Who speaks: `server`, `worker`, … */
  readonly role: string;
  /** Where the lines go; standard output unless said. */
  readonly to?: DestinationStream;
};

/**
 * JSON lines with one event name each: `log.info({ event: "invoice.verdict", invoiceId })`. Whatever is handed
 * over, also an error of an HTTP client, loses its secrets and phone numbers at any depth.
 */
export function openLogger({ level, role, to }: LoggerOptions): Logger {
  const options = {
    level,
    base: { role, pid: process.pid },
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: {
      level: (label: string) => ({ level: label }),
      log: (line: object) => scrubEntries(line, 0),
    },
    // pino's own reader of errors would read ours, already made safe, once more.
    serializers: { err: (error: unknown) => error },
    hooks: { streamWrite: maskCredentials },
  };
  return to === undefined ? pino(options) : pino(options, to);
}

const HIDDEN = "[hidden]";
/** Nothing we log on purpose is deeper or longer. */
const DEPTH_LIMIT = 8;
const LENGTH_LIMIT = 100;

/** Keys whose last word is one of these, however they are spelled: `access_token`, `X-SIGNATURE`, `phoneNo`. */
const SECRET_ENDINGS = [
  "accessToken",
  "apiKey",
  "apiKeys",
  "authCode",
  "authorization",
  "authorizationCustomer",
  "clientSecret",
  "cookie",
  "databaseUrl",
  "email",
  "encryptionKey",
  "msisdn",
  "password",
  "phone",
  "phoneNo",
  "phoneNumber",
  "privateKey",
  "redisUrl",
  "secret",
  "secretKey",
  "signature",
  "token",
  "tokenB2b",
].map(plainly);

function isSecret(key: string): boolean {
  const plain = plainly(key);
  return plain === "key" || SECRET_ENDINGS.some((ending) => plain.endsWith(ending));
}

function plainly(key: string): string {
  return key.toLowerCase().replace(/[^a-z0-9]/g, "");
}

function scrub(value: unknown, depth: number): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (depth >= DEPTH_LIMIT) return "[too deep]";
  if (value instanceof Error) return errorFields(value, depth);
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
  if (Array.isArray(value)) return value.slice(0, LENGTH_LIMIT).map((item) => scrub(item, depth + 1));
  if (isPlain(value)) return scrubEntries(value, depth);
  if ("toJSON" in value && typeof value.toJSON === "function") return scrub(value.toJSON(), depth + 1);
  // A socket, a client, a pool: its inside is nobody's business.
  return `[${value.constructor.name}]`;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

function scrubEntries(fields: object, depth: number): Record<string, unknown> {
  const entries = Object.entries(fields).slice(0, LENGTH_LIMIT);
  return Object.fromEntries(
    entries.map(([key, value]) => [key, isSecret(key) ? HIDDEN : scrub(value, depth + 1)]),
  );
}

/** Only what explains an error: HTTP clients hang the whole request, headers and all, on theirs. */
function errorFields(error: Error, depth: number): Record<string, unknown> {
  const { name, message, stack, cause } = error;
  const code = "code" in error ? error.code : undefined;
  return {
    name,
    message,
    ...(typeof code === "string" || typeof code === "number" ? { code } : {}),
    ...(error instanceof AppError ? { details: scrub(error.details, depth + 1) } : {}),
    stack,
    ...(cause === undefined ? {} : { cause: scrub(cause, depth + 1) }),
    ...(error instanceof AggregateError ? { errors: scrub(error.errors, depth + 1) } : {}),
  };
}

/** Clients like to repeat the address they could not reach, password included, in their messages. */
function maskCredentials(line: string): string {
  return line.replace(/(\w:\/\/)[^\s"/@]+@/g, "$1***@").replace(/(Bearer )[\w.~+/=-]+/gi, `$1${HIDDEN}`);
}
