import { DateTime } from "luxon";
import { InvalidError } from "../kernel/errors.ts";
import { isLocalDate, type LocalDate } from "../kernel/time.ts";
import type { ReportScope } from "./report.ts";

/** Without dates a report covers this many days, today included: any month fits. */
const DEFAULT_DAYS = 31;
/** Two years: more is a question for the database itself, not for one answer. */
const MOST_DAYS = 731;

/** What somebody asks for; every field may be left out. */
export type AskedScope = {
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly plan?: string | undefined;
};

/** The period a report covers: what was asked, or the last 31 days to `today`. Throws `InvalidError` naming the field. */
export function reportScope(asked: AskedScope, today: LocalDate): ReportScope {
  const to = dateOr("to", asked.to, today);
  const from = dateOr("from", asked.from, daysBefore(to, DEFAULT_DAYS - 1));
  if (from > to)
    throw new InvalidError(`from: ${from} is after ${to}, the end of the period`, { field: "from" });
  if (from < daysBefore(to, MOST_DAYS - 1))
    throw new InvalidError(`from: a report covers at most ${MOST_DAYS} days; ask for shorter periods`, {
      field: "from",
    });
  return { from, to, plan: asked.plan ?? null };
}

function dateOr(field: string, given: string | undefined, otherwise: LocalDate): LocalDate {
  if (given === undefined) return otherwise;
  if (isLocalDate(given)) return given;
  throw new InvalidError(`${field}: must be a date that exists, written YYYY-MM-DD`, { field });
}

function daysBefore(date: LocalDate, days: number): LocalDate {
  return DateTime.fromISO(date, { zone: "utc" }).minus({ days }).toISODate() as LocalDate;
}
