import type { LocalDate } from "../kernel/time.ts";
import { clampedDate, dayOfMonth, monthNumber, plusDays } from "../subscriptions/local-date.ts";
import type { Move } from "./explanation.ts";
import type { DunningPolicy } from "./policy.ts";
import { workingDayFrom } from "./working-day.ts";

/**
 * The day on which a try planned for `date` finds most money: the first money day at most `withinDays` ahead, and
 * where salaries come a working day later, that one. Without a money day near, `date` itself.
 */
export function moneyDayFor(
  { days, withinDays, onHoliday }: DunningPolicy["moneyDays"],
  date: LocalDate,
  holidays: ReadonlySet<LocalDate>,
): { readonly date: LocalDate; readonly payday: boolean; readonly moves: readonly Move[] } {
  for (let ahead = 0; ahead <= withinDays; ahead += 1) {
    const near = plusDays(date, ahead);
    if (!isMoneyDay(days, near)) continue;
    const paid = onHoliday === "next_working_day" ? workingDayFrom(near, holidays) : near;
    const moves: Move[] = [];
    if (ahead > 0) moves.push({ to: near, because: "payday" });
    if (paid !== near) moves.push({ to: paid, because: "holiday" });
    return { date: paid, payday: true, moves };
  }
  return { date, payday: false, moves: [] };
}

function isMoneyDay(days: readonly (number | "last")[], date: LocalDate): boolean {
  return (
    days.includes(dayOfMonth(date)) || (days.includes("last") && clampedDate(monthNumber(date), 31) === date)
  );
}
