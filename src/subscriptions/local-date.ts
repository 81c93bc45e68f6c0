import { DateTime } from "luxon";
import type { LocalDate } from "../kernel/time.ts";

const DAY_MS = 86_400_000;

/** Days from `from` to `to`; negative when `to` is earlier. */
export function daysBetween(from: LocalDate, to: LocalDate): number {
  return (Date.parse(to) - Date.parse(from)) / DAY_MS;
}

export function plusDays(date: LocalDate, days: number): LocalDate {
  return dateOf(DateTime.fromMillis(Date.parse(date) + days * DAY_MS, { zone: "utc" }));
}

/** Months since year 0, so that stepping months is addition. */
export function monthNumber(date: LocalDate): number {
  return Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1;
}

export function dayOfMonth(date: LocalDate): number {
  return Number(date.slice(8, 10));
}

/** `day` of the month, or that month's last day when it is shorter. */
export function clampedDate(month: number, day: number): LocalDate {
  const first = DateTime.utc(Math.floor(month / 12), (month % 12) + 1);
  return dateOf(first.set({ day: Math.min(day, first.daysInMonth ?? day) }));
}

function dateOf(at: DateTime): LocalDate {
  return at.toISODate() as LocalDate;
}
