import { InvariantError } from "../kernel/errors.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import { type Anchor, anchorDate, boundary, gridOf } from "./alignment.ts";
import { daysBetween } from "./local-date.ts";
import { periodNotes } from "./period-notes.ts";
import { type Fraction, prorate } from "./proration.ts";

/** What is billed, and when. Local dates; a zone is only needed to make a moment of one (`wakeAt`). */
export type Terms = Anchor & {
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

/**
 * The `index`-th period (0-based), or null when the subscription is over by then. Throws `InvariantError` for one from
 * before a re-anchoring: its terms are gone, its invoice is what remains.
 */
export function billingPeriod(terms: Terms, index: number): BillingPeriod | null {
  if (terms.cycles !== null && index >= terms.cycles) return null;
  const grid = gridOf(terms);
  const at = index - grid.firstIndex;
  if (at < 0) throw new InvariantError("a period from before the re-anchoring", { index });
  const before = boundary(grid, at - grid.leading);
  const start = at === 0 ? grid.anchor : before;
  if (terms.endsOn !== null && start >= terms.endsOn) return null;
  const aligned = boundary(grid, at + 1 - grid.leading);
  const end = terms.endsOn !== null && terms.endsOn < aligned ? terms.endsOn : aligned;
  // Parts are measured against the full period that ends on the same boundary, also when it began before the anchor.
  const part = { days: daysBetween(start, end), of: daysBetween(before, aligned) };
  const whole = part.days === part.of;
  return {
    index,
    start,
    end,
    billsOn: start,
    amount: whole ? terms.amount : prorate(terms.amount, part).part,
    proration: whole ? null : part,
    note: periodNotes(grid, { index, start, end, aligned, part }).join("; "),
  };
}

/** The first period that is not over on `date`, or null when the subscription is. */
export function periodOn(terms: Terms, date: LocalDate): BillingPeriod | null {
  const days = Math.max(0, daysBetween(anchorDate(terms), date));
  // Never beyond the right period, for none is longer than this; then a few steps forward.
  const longest = LONGEST_DAYS[terms.interval.unit] * terms.interval.count;
  let index = (terms.countedFrom?.index ?? 0) + Math.floor(days / longest);
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
