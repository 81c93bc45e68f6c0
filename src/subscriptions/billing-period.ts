import { type Rupiah, rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { Interval } from "../plans/plan.ts";
import { clampedDate, dayOfMonth, daysBetween, monthNumber, plusDays } from "./local-date.ts";
import { type Fraction, prorate } from "./proration.ts";

/** What periods are counted from. Local dates; a zone is only needed to make a moment of one (`wakeAt`). */
export type Terms = {
  readonly startOn: LocalDate;
  readonly interval: Interval;
  /** 1–31; null: the day of the anchor. Day and week plans ignore it. */
  readonly billingDay: number | null;
  /** First day after the trial; then period 0 begins here and not at `startOn`. */
  readonly trialEndsOn: LocalDate | null;
  /** First day that is no longer billed. */
  readonly endsOn: LocalDate | null;
  /** How many invoices there will ever be. */
  readonly cycles: number | null;
  readonly amount: Rupiah;
};

/** `[start, end)` in local dates, billed in advance on `billsOn`. */
export type BillingPeriod = {
  readonly index: number;
  readonly start: LocalDate;
  readonly end: LocalDate;
  readonly billsOn: LocalDate;
  readonly amount: Rupiah;
  /** Set when only a part of a full period is billed. */
  readonly proration: Fraction | null;
  /** Why a date or an amount is not the plain one; empty when it is. */
  readonly note: string;
};

/** The `index`-th period (0-based), or null when the subscription is over by then. */
export function billingPeriod(terms: Terms, index: number): BillingPeriod | null {
  if (terms.cycles !== null && index >= terms.cycles) return null;
  const grid = gridOf(terms);
  const start = index === 0 ? grid.anchor : boundary(grid, index - grid.leading);
  const aligned = boundary(grid, index + 1 - grid.leading);
  if (terms.endsOn !== null && start >= terms.endsOn) return null;
  const end = terms.endsOn !== null && terms.endsOn < aligned ? terms.endsOn : aligned;
  // Parts are measured against the full period that ends on the same boundary, also when it began before the anchor.
  const part = {
    days: daysBetween(start, end),
    of: daysBetween(boundary(grid, index - grid.leading), aligned),
  };
  const whole = part.days === part.of;
  return {
    index,
    start,
    end,
    billsOn: start,
    amount: whole ? terms.amount : prorate(terms.amount, part).part,
    proration: whole ? null : part,
    note: notes(grid, { index, start, end, aligned, part }).join("; "),
  };
}

/** The first period that is not over on `date`, or null when the subscription is. */
export function periodOn(terms: Terms, date: LocalDate): BillingPeriod | null {
  const days = Math.max(0, daysBetween(terms.trialEndsOn ?? terms.startOn, date));
  // Never beyond the right period, for none is longer than this; then a few steps forward.
  let index = Math.floor(days / (LONGEST_DAYS[terms.interval.unit] * terms.interval.count));
  for (;;) {
    const period = billingPeriod(terms, index);
    if (period === null || period.end > date) return period;
    index += 1;
  }
}

const LONGEST_DAYS = { day: 1, week: 7, month: 31, year: 366 } as const;

export type PreviewRow = {
  readonly index: number;
  readonly start: LocalDate;
  readonly end: LocalDate;
  readonly bills_on: LocalDate;
  readonly amount: Rupiah;
  readonly proration?: Fraction;
  readonly note: string;
};

/** The first `count` periods as they are shown outside; fewer when the subscription ends before. */
export function previewPeriods(terms: Terms, count: number): PreviewRow[] {
  const rows: PreviewRow[] = [];
  for (let index = 0; index < count; index += 1) {
    const period = billingPeriod(terms, index);
    if (period === null) break;
    rows.push(previewRow(period));
  }
  return rows;
}

function previewRow({ billsOn, proration, index, start, end, amount, note }: BillingPeriod): PreviewRow {
  return {
    index,
    start,
    end,
    bills_on: billsOn,
    amount: rupiah(amount),
    ...(proration === null ? {} : { proration }),
    note,
  };
}

/** The stored anchor made countable: every boundary is counted from here, never from the boundary before. */
type Grid = {
  readonly anchor: LocalDate;
  /** 1 when a short first period comes before boundary 0, else 0. */
  readonly leading: 0 | 1;
} & (
  | { readonly by: "days"; readonly step: number }
  | { readonly by: "months"; readonly step: number; readonly month: number; readonly day: number }
);

function gridOf({ startOn, trialEndsOn, interval, billingDay }: Terms): Grid {
  const anchor = trialEndsOn ?? startOn;
  switch (interval.unit) {
    case "day":
      return { anchor, leading: 0, by: "days", step: interval.count };
    case "week":
      return { anchor, leading: 0, by: "days", step: interval.count * 7 };
    case "month":
      return monthGrid(anchor, billingDay, interval.count);
    case "year":
      return monthGrid(anchor, billingDay, interval.count * 12);
  }
}

/** Snaps to the first billing day on or after the anchor; only then are months stepped. */
function monthGrid(anchor: LocalDate, billingDay: number | null, step: number): Grid {
  const day = billingDay ?? dayOfMonth(anchor);
  const thisMonth = monthNumber(anchor);
  const month = clampedDate(thisMonth, day) >= anchor ? thisMonth : thisMonth + 1;
  return { anchor, leading: clampedDate(month, day) === anchor ? 0 : 1, by: "months", step, month, day };
}

/** Boundary `n` of the grid; −1 is where the full period around a short first one would have begun. */
function boundary(grid: Grid, n: number): LocalDate {
  return grid.by === "days"
    ? plusDays(grid.anchor, n * grid.step)
    : clampedDate(grid.month + n * grid.step, grid.day);
}

type Span = {
  readonly index: number;
  readonly start: LocalDate;
  readonly end: LocalDate;
  readonly aligned: LocalDate;
  readonly part: Fraction;
};

function notes(grid: Grid, { index, start, end, aligned, part }: Span): string[] {
  const said: string[] = [];
  const short = index === 0 && grid.leading === 1;
  if (grid.by === "months" && !short && dayOfMonth(start) !== grid.day) said.push(clampNote(start, grid.day));
  if (short) said.push(`short first period until the billing day, ${aligned}`);
  if (end < aligned) said.push(`cut short by the end date, ${end}`);
  if (part.days !== part.of) said.push(`${part.days} of ${part.of} days are billed`);
  return said;
}

const MONTHS = "January February March April May June July August September October November December".split(
  " ",
);

function clampNote(date: LocalDate, day: number): string {
  const month = MONTHS[Number(date.slice(5, 7)) - 1];
  // The 29th is missing in some years only.
  const when = day === 29 ? `${month} ${date.slice(0, 4)}` : month;
  return `${day} does not exist in ${when}: ${dayOfMonth(date)}th`;
}
