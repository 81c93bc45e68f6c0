import { DateTime } from "luxon";

/** Jakarta has no daylight saving, so a fixed offset needs no zone database and no host setting. */
const JAKARTA = "UTC+7";
const JAKARTA_OFFSET_MS = 7 * 3_600_000;
const DAY_MS = 86_400_000;
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;

/** `2025-01-15T12:06:07+07:00`, the 25 characters of SNAP. */
export function wireTime(at: number): string {
  return DateTime.fromMillis(at, { zone: JAKARTA }).toFormat("yyyy-MM-dd'T'HH:mm:ssZZ");
}

/** ISO-8601 in UTC with milliseconds, as the control surface writes times. */
export function isoTime(at: number): string {
  return DateTime.fromMillis(at, { zone: "utc" }).toISO() as string;
}

/** Epoch milliseconds of an X-TIMESTAMP, or null when its form is wrong or no such moment exists. */
export function parseTimestamp(text: string): number | null {
  if (!TIMESTAMP.test(text)) return null;
  const at = DateTime.fromISO(text, { zone: "utc" });
  return at.isValid ? at.toMillis() : null;
}

/** The Jakarta month, within which a wallet's incoming money is counted: `2026-03`. */
export function jakartaMonth(at: number): string {
  return wireTime(at).slice(0, 7);
}

/** The number of the Jakarta day, within which an X-EXTERNAL-ID is unique. */
export function jakartaDay(at: number): number {
  return Math.floor((at + JAKARTA_OFFSET_MS) / DAY_MS);
}
