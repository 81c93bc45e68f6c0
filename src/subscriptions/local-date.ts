import type { LocalDate } from "../kernel/time.ts";

// Counted in whole days and months without the Date object: a calendar of ten years asks a million times.

/** Days from `from` to `to`; negative when `to` is earlier. */
export function daysBetween(from: LocalDate, to: LocalDate): number {
  return dayNumber(to) - dayNumber(from);
}

/** The date `days` later, or earlier when negative. */
export function plusDays(date: LocalDate, days: number): LocalDate {
  return dateOfDay(dayNumber(date) + days);
}

/** Months since year 0, so that stepping months is addition. */
export function monthNumber(date: LocalDate): number {
  return Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1;
}

/** 1–31. */
export function dayOfMonth(date: LocalDate): number {
  return Number(date.slice(8, 10));
}

/** Days since the last Monday: 0 on a Monday, 6 on a Sunday. */
export function daysSinceMonday(date: LocalDate): number {
  // 1970-01-01, day 0, was a Thursday.
  return (((dayNumber(date) + 3) % 7) + 7) % 7;
}

/** `day` of the month, or that month's last day when it is shorter. */
export function clampedDate(month: number, day: number): LocalDate {
  return written(month, Math.min(day, daysInMonth(month)));
}

const MONTH_DAYS = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] as const;

function daysInMonth(month: number): number {
  const ofYear = month % 12;
  return ofYear === 1 && isLeap(Math.floor(month / 12)) ? 29 : (MONTH_DAYS[ofYear] ?? 31);
}

function isLeap(year: number): boolean {
  return (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
}

const EPOCH_DAY = 719_468;
const ERA_DAYS = 146_097;

/** Days since 1970-01-01. Years are taken to begin in March, so that the leap day comes last. */
function dayNumber(date: LocalDate): number {
  const month = monthNumber(date) - 2;
  const year = Math.floor(month / 12);
  const ofMonth = Math.floor((153 * (month % 12) + 2) / 5) + dayOfMonth(date) - 1;
  return (
    year * 365 + Math.floor(year / 4) - Math.floor(year / 100) + Math.floor(year / 400) + ofMonth - EPOCH_DAY
  );
}

/** The inverse: Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days. */
function dateOfDay(number: number): LocalDate {
  const day = number + EPOCH_DAY;
  const era = Math.floor(day / ERA_DAYS);
  const ofEra = day - era * ERA_DAYS;
  const yearOfEra = Math.floor(
    (ofEra - Math.floor(ofEra / 1_460) + Math.floor(ofEra / 36_524) - Math.floor(ofEra / 146_096)) / 365,
  );
  const ofYear = ofEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const month = Math.floor((5 * ofYear + 2) / 153);
  const ofMonth = ofYear - Math.floor((153 * month + 2) / 5) + 1;
  return written((era * 400 + yearOfEra) * 12 + month + 2, ofMonth);
}

function written(month: number, day: number): LocalDate {
  const year = String(Math.floor(month / 12)).padStart(4, "0");
  const ofYear = (month % 12) + 1;
  return `${year}-${ofYear < 10 ? "0" : ""}${ofYear}-${day < 10 ? "0" : ""}${day}`;
}
