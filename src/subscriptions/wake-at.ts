import { DateTime, IANAZone } from "luxon";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { plusDays } from "./local-date.ts";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/**
 * The moment to wake up for `date` in `zone`: the start of the charge window (`HH:MM`), or midnight without one.
 * A wall time that the zone skips moves forward by the gap; one that occurs twice is its first occurrence.
 */
export function wakeAt(date: LocalDate, zone: string, windowFrom: string | null): Instant {
  return waking(date, zone, windowFrom).at;
}

/** The local day of that moment: `date`, or the day after where the zone skipped it (Apia, 30 December 2011). */
export function wakeOn(date: LocalDate, zone: string, windowFrom: string | null): LocalDate {
  return waking(date, zone, windowFrom).on;
}

type Waking = { readonly at: Instant; readonly on: LocalDate };

/** Both at once. */
export function waking(date: LocalDate, zone: string, windowFrom: string | null): Waking {
  const asked = `${date} ${zone} ${windowFrom}`;
  const known = answered.get(asked);
  if (known !== undefined) return known;
  const answer = find(date, zone, windowFrom);
  if (answered.size >= MAX_ANSWERS) answered.clear();
  answered.set(asked, answer);
  return answer;
}

/** Subscriptions that are billed together wake together, and zones are slow to look up. */
const answered = new Map<string, Waking>();
/** Decades of days in one zone; some megabytes. */
const MAX_ANSWERS = 10_000;

function find(date: LocalDate, zone: string, windowFrom: string | null): Waking {
  const wallMs = Date.parse(`${date}T${windowFrom ?? "00:00"}Z`);
  const iana = IANAZone.create(zone);
  // Offsets lie within ±14 h, so a day on either side sees both offsets of any change in between. Not left to
  // luxon, which resolves a doubled wall time by the offset of the day on which the program happens to run.
  const before = wallMs - iana.offset(wallMs - DAY_MS) * MINUTE_MS;
  const after = wallMs - iana.offset(wallMs + DAY_MS) * MINUTE_MS;
  const wallOf = (ms: number) => ms + iana.offset(ms) * MINUTE_MS;
  const ms = before !== after && wallOf(before) !== wallMs && wallOf(after) === wallMs ? after : before;
  const at = DateTime.fromMillis(ms, UTC) as Instant;
  return { at, on: plusDays("1970-01-01", Math.floor(wallOf(ms) / DAY_MS)) };
}

const UTC = { zone: "utc" };
