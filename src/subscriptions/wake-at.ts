import { DateTime, IANAZone } from "luxon";
import type { Instant, LocalDate } from "../kernel/time.ts";

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;

/**
 * The moment to wake up for `date` in `zone`: the start of the charge window (`HH:MM`), or midnight without one.
 * A wall time that the zone skips moves forward by the gap; one that occurs twice is its first occurrence.
 */
export function wakeAt(date: LocalDate, zone: string, windowFrom: string | null): Instant {
  const asked = `${date} ${zone} ${windowFrom}`;
  const known = answered.get(asked);
  if (known !== undefined) return known;
  const answer = find(date, zone, windowFrom);
  if (answered.size >= MAX_ANSWERS) answered.clear();
  answered.set(asked, answer);
  return answer;
}

/** Subscriptions that are billed together wake together, and zones are slow to look up. */
const answered = new Map<string, Instant>();
const MAX_ANSWERS = 1_000;

function find(date: LocalDate, zone: string, windowFrom: string | null): Instant {
  const wallMs = Date.parse(`${date}T${windowFrom ?? "00:00"}Z`);
  const iana = IANAZone.create(zone);
  // Offsets lie within ±14 h, so a day on either side sees both offsets of any change in between. Not left to
  // luxon, which resolves a doubled wall time by the offset of the day on which the program happens to run.
  const before = wallMs - iana.offset(wallMs - DAY_MS) * MINUTE_MS;
  const after = wallMs - iana.offset(wallMs + DAY_MS) * MINUTE_MS;
  const shows = (ms: number) => ms + iana.offset(ms) * MINUTE_MS === wallMs;
  return DateTime.fromMillis(!shows(before) && shows(after) ? after : before, { zone: "utc" }) as Instant;
}
