import type { LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Holiday } from "./holidays.ts";

/** More than ten years of them; all are read at once, for a decision may look over the end of a year. */
const MOST_HOLIDAYS = 1_000;

/** Every holiday, as decisions look them up. */
export async function findHolidays(tx: Tx): Promise<ReadonlySet<LocalDate>> {
  return new Set((await listHolidays(tx, null, MOST_HOLIDAYS)).map(({ date }) => date));
}

/** Holidays by date, beginning behind `after`. */
export async function listHolidays(tx: Tx, after: LocalDate | null, limit: number): Promise<Holiday[]> {
  return tx.query<Holiday>(
    `select date::text as date, name
       from dunning_holidays
      where $1::date is null or date > $1
      order by date
      limit $2`,
    [after, limit],
  );
}

/** Puts `holidays` in the place of all that were stored for their years; other years stay. */
export async function replaceHolidays(tx: Tx, holidays: readonly Holiday[]): Promise<void> {
  await tx.query(`lock table dunning_holidays in share row exclusive mode`);
  const years = [...new Set(holidays.map(({ date }) => Number(date.slice(0, 4))))];
  await tx.query(`delete from dunning_holidays where extract(year from date)::int = any($1)`, [years]);
  await tx.query(
    `insert into dunning_holidays (date, name) select date, name from unnest($1::date[], $2::text[]) as h (date, name)`,
    [holidays.map(({ date }) => date), holidays.map(({ name }) => name)],
  );
}
