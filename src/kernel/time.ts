import { DateTime, FixedOffsetZone } from "luxon";

/** A moment. Business time unless the name says real. */
export type Instant = DateTime<true>;
/** A calendar date without a zone, `YYYY-MM-DD`. */
export type LocalDate = string;

/** A `timestamptz` as the driver hands it over. */
export function instant(at: Date): Instant {
  return DateTime.fromJSDate(at, UTC) as Instant;
}

const UTC = { zone: FixedOffsetZone.utcInstance };

export function instantOrNull(at: Date | null): Instant | null {
  return at === null ? null : instant(at);
}

/** True for a date that exists, written `YYYY-MM-DD` (2026-02-30 does not exist). */
export function isLocalDate(text: string): boolean {
  return /^\d{4}-\d{2}-\d{2}$/.test(text) && DateTime.fromISO(text, { zone: "utc" }).isValid;
}

/** True for a zone the tz database knows, e.g. `Asia/Jakarta`. */
export function isZone(name: string): boolean {
  return DateTime.fromMillis(0).setZone(name).isValid && (name.includes("/") || name === "UTC");
}

/** The local date at `at` in `zone`. */
export function localDateAt(at: Instant, zone: string): LocalDate {
  const ms = at.toMillis();
  // A page of decisions asks for the same moment and zone a thousand times, and zones are slow to look up.
  if (ms !== lastAsked.ms || zone !== lastAsked.zone)
    lastAsked = { ms, zone, date: at.setZone(zone).toISODate() as LocalDate };
  return lastAsked.date;
}

let lastAsked: { readonly ms: number; readonly zone: string; readonly date: LocalDate } = {
  ms: Number.NaN,
  zone: "",
  date: "",
};
