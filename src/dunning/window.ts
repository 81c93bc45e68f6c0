import type { Instant, LocalDate } from "../kernel/time.ts";
import { daysSinceMonday, plusDays } from "../subscriptions/local-date.ts";
import { type DunningPolicy, WEEKDAYS } from "./policy.ts";
import { dateAt, momentOn } from "./wall-clock.ts";

type Windowed = Pick<DunningPolicy, "window" | "zone">;

/** Where a day without a charge window begins for billing: late enough that people are awake. */
const QUIET_START = "09:00";

/** `date`, or the first day after it on which a payment may leave. */
export function openDayFrom({ window }: Windowed, date: LocalDate): LocalDate {
  if (window === null) return date;
  let day = date;
  for (let ahead = 0; ahead < WEEKDAYS.length && !isOpenOn(window.days, day); ahead += 1)
    day = plusDays(day, 1);
  return day;
}

function isOpenOn(days: readonly string[], date: LocalDate): boolean {
  return days.includes(WEEKDAYS[daysSinceMonday(date)] ?? "");
}

/** The first moment on `date` (an open day) at which a planned charge may be tried. */
export function openingOn({ window, zone }: Windowed, date: LocalDate): Instant {
  return momentOn(date, window?.from ?? QUIET_START, zone);
}

/** The moment from which nothing more may leave on `date`. */
export function closingOn({ window, zone }: Windowed, date: LocalDate): Instant {
  return momentOn(date, window?.to ?? "24:00", zone);
}

/** The next moment, `from` included, at which a payment may leave. */
export function nextOpening(policy: Windowed, from: Instant): Instant {
  if (policy.window === null) return from;
  const date = dateAt(from, policy.zone);
  const open = openDayFrom(policy, date);
  if (open !== date) return openingOn(policy, open);
  const opens = openingOn(policy, date);
  if (from < opens) return opens;
  if (from < closingOn(policy, date)) return from;
  return openingOn(policy, openDayFrom(policy, plusDays(date, 1)));
}
