import type { LocalDate } from "../kernel/time.ts";
import type { Queryable } from "../platform/database.ts";

/** How many breaks of each rule were found; rules that hold are left out. */
export type BrokenCounts = Readonly<Record<string, number>>;

/** A check that did not end by then was given up by its process (real time). */
const GIVEN_UP_AFTER = "2 hours";

/** Takes the check of a day, for one process; false when it was made, or somebody is at it. */
export async function claimCheck(db: Queryable, day: LocalDate): Promise<boolean> {
  const rows = await db.query(
    `insert into rule_checks as c (day) values ($1)
     on conflict (day) do update set started_at = clock_timestamp()
      where c.ended_at is null and c.started_at < clock_timestamp() - $2::interval
     returning day`,
    [day, GIVEN_UP_AFTER],
  );
  return rows.length > 0;
}

/** Keeps what a day's check found. */
export async function saveCheck(db: Queryable, day: LocalDate, broken: BrokenCounts): Promise<void> {
  await db.query(`update rule_checks set ended_at = clock_timestamp(), broken = $2 where day = $1`, [
    day,
    JSON.stringify(broken),
  ]);
}

/** What the latest check that ended found; null before the first one. */
export async function lastCheck(
  db: Queryable,
): Promise<{ readonly day: LocalDate; readonly broken: BrokenCounts } | null> {
  const [row] = await db.query<{ day: LocalDate; broken: BrokenCounts }>(
    `select day::text as day, broken from rule_checks where ended_at is not null order by day desc limit 1`,
  );
  return row ?? null;
}
