import { InvalidError } from "../kernel/errors.ts";
import { isZone } from "../kernel/time.ts";
import { ROLES, type Role } from "./api-route.ts";
import type { ApiKey } from "./http-keys.ts";
import { type EncryptionKey, parseEncryptionKey } from "./secrets.ts";

const UNITS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `5m`, `1h30m`, `2d` in milliseconds; throws `InvalidError`. */
export function durationMs(text: string): number {
  if (!/^(\d{1,9}(ms|s|m|h|d))+$/.test(text))
    throw new InvalidError(`"${text}" is not a duration: write for example 90s, 5m, 1h30m or 2d`);
  let total = 0;
  for (const [, count, unit] of text.matchAll(/(\d+)(ms|[smhd])/g))
    total += Number(count) * UNITS[unit as keyof typeof UNITS];
  return total;
}

/** Asking more often than this about one attempt helps nobody. */
const LADDER_LIMIT = 30;

/** `65s,5m,15m,1h`: the waits before each inquiry, in milliseconds. */
export function inquiryLadderMs(text: string): readonly number[] {
  const steps = listOf(text).map(durationMs);
  if (steps.length === 0 || steps.length > LADDER_LIMIT || steps.includes(0))
    throw new InvalidError(
      `must be 1 to ${LADDER_LIMIT} waits above zero, separated by commas, e.g. 65s,5m,15m,1h`,
    );
  return steps;
}

/** `08:00-20:00`, or `always`, which is null. */
export function chargeWindow(text: string): { readonly from: string; readonly to: string } | null {
  if (text === "always") return null;
  const [, from, to] = /^((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)$/.exec(text) ?? [];
  if (from === undefined || to === undefined || from >= to)
    throw new InvalidError("must be a part of one day such as 08:00-20:00, or always");
  return { from, to };
}

/** A zone of the tz database. */
export function zone(text: string): string {
  if (!isZone(text)) throw new InvalidError(`"${text}" is not a time zone: write for example Asia/Jakarta`);
  return text;
}

/** `name:role:key,…`; a name may be used once. */
export function apiKeys(text: string): readonly ApiKey[] {
  const keys = listOf(text).map((item, index) => apiKey(item, index + 1));
  const twice = keys.find(({ name }, index) => keys.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined)
    throw new InvalidError(`the name "${twice.name}" is used twice: give each key its own`);
  return keys;
}

/** Shorter keys can be guessed. */
const API_KEY_LENGTH = 16;

function apiKey(item: string, position: number): ApiKey {
  const [name = "", role = "", ...rest] = item.split(":");
  const key = rest.join(":");
  if (!/^[\w.-]{1,64}$/.test(name) || rest.length === 0)
    throw new InvalidError(`entry ${position} must be name:role:key`);
  if (!ROLES.includes(role as Role))
    throw new InvalidError(`entry ${position} ("${name}") must have one of the roles ${ROLES.join(", ")}`);
  if (key.length < API_KEY_LENGTH || /\s/.test(key))
    throw new InvalidError(
      `the key of "${name}" must have ${API_KEY_LENGTH} characters or more and no spaces: openssl rand -hex 24`,
    );
  return { name, role: role as Role, key };
}

/** `<id>:<32 bytes base64>,…`; the first one writes. */
export function encryptionKeys(text: string): readonly EncryptionKey[] {
  const keys = listOf(text).map((item, index) => {
    const key = parseEncryptionKey(item);
    if (key === null)
      throw new InvalidError(
        `entry ${index + 1} must be <id>:<32 bytes in base64>: echo "k1:$(openssl rand -base64 32)"`,
      );
    return key;
  });
  if (new Set(keys.map(({ id }) => id)).size < keys.length)
    throw new InvalidError("two entries have the same id: an id names one key for ever");
  return keys;
}

/** Parts between commas, trimmed, without empty ones. */
export function listOf(text: string): readonly string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
