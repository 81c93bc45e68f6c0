import { DateTime } from "luxon";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";

/** Times of day between which a wallet may be charged; null: always. Bounds inclusive-exclusive, in `zone`. */
export type ChargeWindow = { readonly from: string; readonly to: string } | null;

/** The next moment, `now` included, at which a payment may leave. */
export function nextOpening(window: ChargeWindow, zone: string, now: Instant): Instant {
  if (window === null) return now;
  const today = localDateAt(now, zone);
  const opens = at(today, window.from, zone);
  if (now < opens) return opens;
  if (now < at(today, window.to, zone)) return now;
  return at(now.setZone(zone).plus({ days: 1 }).toISODate() as LocalDate, window.from, zone);
}

/** Where a day without a charge window begins for billing: late enough that people are awake. */
const QUIET_START = "09:00";

/** The first moment on `date` at which a planned charge may be tried. */
export function openingOn(date: LocalDate, window: ChargeWindow, zone: string): Instant {
  return at(date, window?.from ?? QUIET_START, zone);
}

function at(date: LocalDate, time: string, zone: string): Instant {
  const asked = `${date}T${time} ${zone}`;
  const known = moments.get(asked);
  if (known !== undefined) return known;
  const moment = DateTime.fromISO(`${date}T${time}`, { zone }).toUTC() as Instant;
  if (moments.size >= MAX_MOMENTS) moments.clear();
  moments.set(asked, moment);
  return moment;
}

/** Every charge of a day asks for the same few moments, and zones are slow to look up. */
const moments = new Map<string, Instant>();
const MAX_MOMENTS = 1_000;
