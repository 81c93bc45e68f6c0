import type { Rupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";

/** Which invoices a report is about: those whose bill date is in `[from, to]`, both included. */
export type ReportScope = {
  readonly from: LocalDate;
  readonly to: LocalDate;
  /** A plan's code, or null for all plans. */
  readonly plan: string | null;
};

/** What must be known to read the numbers. */
export type Heading = ReportScope & {
  readonly name: string;
  readonly title: string;
  /** `photo`: how things stand at `asOf`, so the same question may have another answer tomorrow. */
  readonly kind: "photo" | "activity";
  /** The kind in words, and which date the period is about. */
  readonly says: string;
  readonly zone: string;
  readonly asOf: Instant;
};

/** How many, and how much money. */
export type Sum = { readonly n: number; readonly amount: Rupiah };

/** A share from 0 to 1, or null when there is nothing to divide by. */
export type Share = number | null;

export type ColumnKind = "text" | "count" | "rupiah" | "share";
export type Column = { readonly key: string; readonly label: string; readonly kind: ColumnKind };
export type Cell = string | number | null;
export type Table = {
  readonly title: string;
  /** What must be known of the columns, a line each. */
  readonly notes?: readonly string[];
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
};

/** Two sums, counted in different ways, that must be the same. */
export type Check = { readonly says: string; readonly left: Sum; readonly right: Sum };

export type Report = {
  readonly heading: Heading;
  /** For the eye. */
  readonly tables: readonly Table[];
  /** For spreadsheets: the same numbers, one fact a row. */
  readonly records: Table;
  /** For programs: the same numbers by name. */
  readonly facts: Readonly<Record<string, unknown>>;
  readonly checks: readonly Check[];
};

/** True when every sum of the report that must tie does. */
export function ties(report: Pick<Report, "checks">): boolean {
  return report.checks.every(holds);
}

export function holds({ left, right }: Check): boolean {
  return left.n === right.n && left.amount === right.amount;
}

/** `part` of `whole` by count and by money, to four decimals. */
export function sharesOf(part: Sum, whole: Sum): { readonly byCount: Share; readonly byMoney: Share } {
  return { byCount: share(part.n, whole.n), byMoney: share(part.amount, whole.amount) };
}

function share(part: number, whole: number): Share {
  return whole === 0 ? null : Math.round((part / whole) * 10_000) / 10_000;
}

/** The sum of sums. */
export function addUp(sums: readonly Sum[]): Sum {
  return sums.reduce<Sum>(
    (total, { n, amount }) => ({ n: total.n + n, amount: (total.amount + amount) as Rupiah }),
    { n: 0, amount: 0 as Rupiah },
  );
}
