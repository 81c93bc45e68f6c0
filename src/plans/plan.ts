import { InvalidError } from "../kernel/errors.ts";
import type { PlanId, PlanVersionId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";

/** The longest step of each unit: ten years of prepayment is already more than any wallet plan. */
const LONGEST_COUNT = { day: 366, week: 104, month: 60, year: 10 } as const;

export type IntervalUnit = keyof typeof LONGEST_COUNT;
export type Interval = { readonly unit: IntervalUnit; readonly count: number };

/** What people write for an interval, and what it means. */
const INTERVALS = {
  day: { unit: "day", count: 1 },
  week: { unit: "week", count: 1 },
  month: { unit: "month", count: 1 },
  quarter: { unit: "month", count: 3 },
  half_year: { unit: "month", count: 6 },
  year: { unit: "year", count: 1 },
} as const satisfies Record<string, Interval>;

export type IntervalName = keyof typeof INTERVALS;
export const INTERVAL_NAMES = Object.keys(INTERVALS) as IntervalName[];

/** `count` (called `field`) times a named interval; throws `InvalidError` when the step is longer than we bill. */
export function intervalOf(name: IntervalName, count: number, field = "interval_count"): Interval {
  const one = INTERVALS[name];
  const interval = { unit: one.unit, count: one.count * count };
  const longest = LONGEST_COUNT[interval.unit];
  if (interval.count > longest) {
    const says = `${field}: at most ${longest} ${interval.unit}s between two invoices`;
    throw new InvalidError(says, { field });
  }
  return interval;
}

/** Whether its periods begin on a day of the month; those of days and weeks are counted on from their first day. */
export function isByMonths({ unit }: Pick<Interval, "unit">): boolean {
  return unit === "month" || unit === "year";
}

/** Throws `InvalidError` when a day of the month is chosen for an interval that has none; null: none is chosen. */
export function demandDayOfMonth(interval: Interval, billingDay: number | null): void {
  if (billingDay === null || isByMonths(interval)) return;
  const says =
    `billing_day: periods of ${interval.unit}s are counted from the first day and have no day of the month; ` +
    "leave it out, or take an interval of months or years";
  throw new InvalidError(says, { field: "billing_day" });
}

/** What is on offer. The price lives in its versions. */
export type Plan = {
  readonly id: PlanId;
  readonly code: string;
  readonly name: string;
  readonly intervalUnit: IntervalUnit;
  readonly intervalCount: number;
  readonly billingDay: number | null;
  readonly trialDays: number | null;
  readonly cycles: number | null;
  readonly dunningPolicy: string | null;
  readonly createdAt: Instant;
  /** Since when it takes no new subscriptions; null: it is on offer. */
  readonly archivedAt: Instant | null;
};

/** Throws `InvalidError` when nobody new may subscribe to the plan. */
export function demandOnOffer({ code, archivedAt }: Pick<Plan, "code" | "archivedAt">): void {
  if (archivedAt === null) return;
  const says = `plan: ${code} is archived and takes no new subscriptions; take another plan, or bring it back`;
  throw new InvalidError(says, { field: "plan" });
}

/** A price of a plan from a day on; a subscription keeps the version it began with. */
export type PlanVersion = {
  readonly id: PlanVersionId;
  readonly planId: PlanId;
  readonly number: number;
  /** What the customer pays, tax included. */
  readonly amount: Rupiah;
  /** The rate of the tax in it, in hundredths of a percent; null: none is shown. */
  readonly taxBasisPoints: number | null;
  /** The first day on which new subscriptions are agreed at it. */
  readonly effectiveOn: LocalDate;
  readonly createdAt: Instant;
};
