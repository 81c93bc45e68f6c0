import { type Instant, instant } from "../kernel/time.ts";
import type { Database, Queryable, Tx } from "../platform/database.ts";
import { type Breaker, type CallCounts, COUNTED_SECONDS } from "./breaker.ts";

type Row = { state: Breaker["state"]; half_open_at: Date | null; trials: number };

/** The breaker as it is; reads only, so that the usual case costs no lock. */
export async function readBreaker(tx: Tx): Promise<Breaker> {
  return fromRow(await tx.query<Row>(`select state, half_open_at, trials from breaker where id = 1`));
}

/** The breaker, locked: whoever changes it does so alone. */
export async function lockBreaker(tx: Tx): Promise<Breaker> {
  return fromRow(
    await tx.query<Row>(`select state, half_open_at, trials from breaker where id = 1 for update`),
  );
}

function fromRow([row]: readonly Row[]): Breaker {
  if (row === undefined || row.state === "closed" || row.half_open_at === null) return { state: "closed" };
  return { state: row.state, halfOpenAt: instant(row.half_open_at), trials: row.trials } as Breaker;
}

export async function saveBreaker(tx: Tx, breaker: Breaker): Promise<void> {
  const halfOpenAt: Instant | null = breaker.state === "closed" ? null : breaker.halfOpenAt;
  await tx.query(`update breaker set state = $1, half_open_at = $2, trials = $3 where id = 1`, [
    breaker.state,
    halfOpenAt?.toJSDate() ?? null,
    breaker.state === "half_open" ? breaker.trials : 0,
  ]);
}

/**
 * Adds `report` to the current slot of one second (real time, of the database). Answers the breaker's state and the
 * counts of the last half minute, `report` included. One statement, because all workers meet in this row.
 */
export async function addCalls(
  db: Database,
  { calls, bad }: CallCounts,
): Promise<{ readonly breaker: Breaker; readonly recent: CallCounts }> {
  const [row] = await db.query<Row & CallCounts>(
    `with added as (
       insert into call_counts (slot, calls, bad) values (date_trunc('second', clock_timestamp()), $1, $2)
       on conflict (slot) do update set calls = call_counts.calls + excluded.calls, bad = call_counts.bad + excluded.bad)
     select b.state, b.half_open_at, b.trials, $1 + coalesce(sum(c.calls), 0)::int as calls,
            $2 + coalesce(sum(c.bad), 0)::int as bad
       from breaker b
       left join call_counts c on c.slot > clock_timestamp() - make_interval(secs => $3)
      where b.id = 1
      group by b.id`,
    [calls, bad, COUNTED_SECONDS],
  );
  return { breaker: fromRow(row === undefined ? [] : [row]), recent: row ?? { calls, bad } };
}

/** Drops slots that nobody counts any more. */
export async function dropOldCounts(db: Queryable): Promise<void> {
  await db.query(`delete from call_counts where slot < clock_timestamp() - interval '10 minutes'`);
}

/** All calls of the last half minute, of all workers. */
export async function countRecentCalls(tx: Tx): Promise<CallCounts> {
  const [row] = await tx.query<CallCounts>(
    `select coalesce(sum(calls), 0)::int as calls, coalesce(sum(bad), 0)::int as bad
       from call_counts
      where slot > clock_timestamp() - make_interval(secs => $1)`,
    [COUNTED_SECONDS],
  );
  return row ?? { calls: 0, bad: 0 };
}

/** Forgets what was counted: a line that was just mended begins anew. */
export async function forgetCalls(tx: Tx): Promise<void> {
  await tx.query(`delete from call_counts`);
}
