import { DateTime, FixedOffsetZone, IANAZone } from "luxon";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { daysBetween, plusDays } from "../subscriptions/local-date.ts";

// A decision looks at dozens of days, and zones are slow to look up: offsets are kept, and the rest is counted.

const DAY_MS = 86_400_000;
const MINUTE_MS = 60_000;
const EPOCH: LocalDate = "1970-01-01";

/** The local date at `at` in `zone`. */
export function dateAt(at: Instant, zone: string): LocalDate {
  const ms = at.toMillis();
  return dateOfDay(Math.floor((ms + offsetMs(ms, zone)) / DAY_MS));
}

/** The moment at which clocks in `zone` show `time` (`HH:MM`, up to `24:00`) on `date`; where a clock jumps over it, soon after. */
export function momentOn(date: LocalDate, time: string, zone: string): Instant {
  return momentOnMinute(date, minuteOf(time), zone);
}

/** As `momentOn`, with the time as minutes since midnight. */
export function momentOnMinute(date: LocalDate, minute: number, zone: string): Instant {
  const { moments } = known(zone);
  const shown = dayOfDate(date) * DAY_MS + minute * MINUTE_MS;
  const found = moments.get(shown);
  if (found !== undefined) return found;
  const ms = shown - offsetMs(shown - offsetMs(shown, zone), zone);
  const made = DateTime.fromMillis(ms, UTC) as Instant;
  keep(moments, shown, made);
  return made;
}

/** Minutes since midnight of `HH:MM`. */
export function minuteOf(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

/** A moment as it is stored: ISO 8601, UTC. */
export function momentText(at: Instant): string {
  const ms = at.toMillis();
  const day = Math.floor(ms / DAY_MS);
  const ofDay = ms - day * DAY_MS;
  const part = (size: number, count: number) => String(Math.floor(ofDay / size) % count).padStart(2, "0");
  const millis = String(ofDay % 1_000).padStart(3, "0");
  return `${dateOfDay(day)}T${part(3_600_000, 24)}:${part(MINUTE_MS, 60)}:${part(1_000, 60)}.${millis}Z`;
}

const UTC = { zone: FixedOffsetZone.utcInstance };

/** Offsets only change on a quarter of an hour. */
const STEP_MS = 15 * MINUTE_MS;
/** Some years of quarters; what is forgotten is only looked up again. */
const MAX_KEPT = 20_000;

const days = new Map<LocalDate, number>();
const dates = new Map<number, LocalDate>();

function dayOfDate(date: LocalDate): number {
  const found = days.get(date);
  if (found !== undefined) return found;
  const day = daysBetween(EPOCH, date);
  keep(days, date, day);
  return day;
}

function dateOfDay(day: number): LocalDate {
  const found = dates.get(day);
  if (found !== undefined) return found;
  const date = plusDays(EPOCH, day);
  keep(dates, day, date);
  return date;
}

function keep<Key, Value>(kept: Map<Key, Value>, key: Key, value: Value): void {
  if (kept.size >= MAX_KEPT) kept.clear();
  kept.set(key, value);
}

type KnownZone = {
  readonly zone: IANAZone;
  readonly offsets: Map<number, number>;
  readonly moments: Map<number, Instant>;
};
const zones = new Map<string, KnownZone>();

function offsetMs(ms: number, name: string): number {
  const { zone, offsets } = known(name);
  const step = Math.floor(ms / STEP_MS);
  const found = offsets.get(step);
  if (found !== undefined) return found;
  const offset = zone.offset(step * STEP_MS) * MINUTE_MS;
  keep(offsets, step, offset);
  return offset;
}

function known(name: string): KnownZone {
  const found = zones.get(name);
  if (found !== undefined) return found;
  const made = { zone: IANAZone.create(name), offsets: new Map(), moments: new Map() };
  zones.set(name, made);
  return made;
}
