import type { LocalDate } from "../kernel/time.ts";
import type { Interval } from "../plans/plan.ts";
import { clampedDate, dayOfMonth, daysSinceMonday, monthNumber, plusDays } from "./local-date.ts";

/** Where periods begin: on the day the subscription began, or where the calendar's own weeks and months do. */
export const ALIGNMENTS = ["anniversary", "calendar"] as const;
export type Alignment = (typeof ALIGNMENTS)[number];

/** What boundaries are counted from. All of it is stored; nothing of it is the boundary before. */
export type Anchor = {
  readonly startOn: LocalDate;
  readonly interval: Interval;
  /** 1–31; null: the day of the anchor. Intervals of days and weeks have none. */
  readonly billingDay: number | null;
  /** First day after the trial; then period 0 begins here and not at `startOn`. */
  readonly trialEndsOn: LocalDate | null;
  /** Calendar: Mondays, or the 1st of a month, quarter, half-year, year. Day plans ignore it. Not given: anniversary. */
  readonly alignment?: Alignment;
  /** 1–12, for steps that divide a year or are whole years: a month in which a period begins. */
  readonly billingMonth?: number | null;
  /** After a re-anchoring: period `index` begins `on`, and it and all later ones are counted from there. */
  readonly countedFrom?: { readonly on: LocalDate; readonly index: number };
};

/** The anchor made countable. */
export type Grid = {
  readonly anchor: LocalDate;
  /** Index of the period that begins on the anchor. */
  readonly firstIndex: number;
  /** 1 when a short first period comes before boundary 0, else 0. */
  readonly leading: 0 | 1;
  /** Where a short first period ends, in words. */
  readonly endsFirstAt: string;
} & (
  | { readonly by: "days"; readonly step: number; readonly origin: LocalDate }
  | { readonly by: "months"; readonly step: number; readonly month: number; readonly day: number }
);

/** The day on which the first period begins. */
export function anchorDate({ countedFrom, trialEndsOn, startOn }: Anchor): LocalDate {
  return countedFrom?.on ?? trialEndsOn ?? startOn;
}

/** Finds boundary 0, the first one on or after the anchor; only then are steps taken. */
export function gridOf(terms: Anchor): Grid {
  const { count, unit } = terms.interval;
  switch (unit) {
    case "day":
      return dayGrid(terms, count, 0);
    case "week":
      return dayGrid(terms, count * 7, terms.alignment === "calendar" ? 7 : 0);
    case "month":
      return monthGrid(terms, count);
    case "year":
      return monthGrid(terms, count * 12);
  }
}

/** Boundary `n`, computed from the anchor; −1 is where the full period around a short first one would have begun. */
export function boundary(grid: Grid, n: number): LocalDate {
  return grid.by === "days"
    ? plusDays(grid.origin, n * grid.step)
    : clampedDate(grid.month + n * grid.step, grid.day);
}

function dayGrid(terms: Anchor, step: number, snap: 0 | 7): Grid {
  const anchor = anchorDate(terms);
  const off = snap === 0 ? 0 : (7 - daysSinceMonday(anchor)) % 7;
  return {
    anchor,
    firstIndex: terms.countedFrom?.index ?? 0,
    leading: off === 0 ? 0 : 1,
    endsFirstAt: "Monday",
    by: "days",
    step,
    origin: plusDays(anchor, off),
  };
}

function monthGrid(terms: Anchor, step: number): Grid {
  const anchor = anchorDate(terms);
  const calendar = terms.alignment === "calendar";
  const day = calendar ? 1 : (terms.billingDay ?? dayOfMonth(anchor));
  const from = calendar ? 1 : (terms.billingMonth ?? null);
  let month = monthNumber(anchor);
  if (clampedDate(month, day) < anchor) month += 1;
  // Months are counted from year 0, so those in which a block may begin have the same remainder as `from`.
  const block = from === null ? 1 : blockOf(step);
  month += ((((from ?? 1) - 1 - month) % block) + block) % block;
  return {
    anchor,
    firstIndex: terms.countedFrom?.index ?? 0,
    leading: clampedDate(month, day) === anchor ? 0 : 1,
    endsFirstAt: calendar ? "the 1st" : "the billing day",
    by: "months",
    step,
    month,
    day,
  };
}

/** Steps that divide a year begin at the same months every year; whole years in one month; others anywhere. */
export function blockOf(step: number): number {
  if (12 % step === 0) return step;
  return step % 12 === 0 ? 12 : 1;
}
