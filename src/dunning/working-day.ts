import type { LocalDate } from "../kernel/time.ts";
import { daysSinceMonday, plusDays } from "../subscriptions/local-date.ts";

/** Longer than any row of holidays: a calendar that is wrong must not make a search without end. */
const LONGEST_BREAK_DAYS = 31;

/** `date`, or the first day after it that is neither a weekend nor one of the merchant's holidays. */
export function workingDayFrom(date: LocalDate, holidays: ReadonlySet<LocalDate>): LocalDate {
  let day = date;
  for (let ahead = 0; ahead < LONGEST_BREAK_DAYS; ahead += 1) {
    if (daysSinceMonday(day) < 5 && !holidays.has(day)) return day;
    day = plusDays(day, 1);
  }
  return date;
}
