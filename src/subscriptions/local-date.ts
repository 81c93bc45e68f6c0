import type { LocalDate } from "../kernel/time.ts";

const DAY_MS = 86_400_000;

/** Days from `from` to `to`; negative when `to` is earlier. */
export function daysBetween(from: LocalDate, to: LocalDate): number {
  return (Date.parse(to) - Date.parse(from)) / DAY_MS;
}

export function plusDays(date: LocalDate, days: number): LocalDate {
  return dateAt(Date.parse(date) + days * DAY_MS);
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
  const year = Math.floor(month / 12);
  // Day 0 of the next month is the last of this one.
  const lastDay = dayOfMonth(dateAt(Date.UTC(year, (month % 12) + 1, 0)));
  const digits = (value: number, length: number) => String(value).padStart(length, "0");
  return `${digits(year, 4)}-${digits((month % 12) + 1, 2)}-${digits(Math.min(day, lastDay), 2)}`;
}

function dateAt(ms: number): LocalDate {
  return new Date(ms).toISOString().slice(0, 10);
}
