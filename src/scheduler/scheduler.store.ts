import type { Instant } from "../kernel/time.ts";
import type { Queryable, Tx } from "../platform/database.ts";
import { realNow } from "../platform/real-time.ts";

/** Notes that a beat was completed; real time is the database's. */
export async function saveBeat(db: Queryable, businessNow: Instant): Promise<void> {
  await db.query(
    `update scheduler_state set last_tick_at = clock_timestamp(), last_tick_business_at = $1 where id = 1`,
    [businessNow.toJSDate()],
  );
}

/** Real milliseconds since the last completed beat of any process, or null when there never was one. */
export async function readBeatAge(tx: Tx): Promise<number | null> {
  const [row] = await tx.query<{ ms: string | null }>(
    `select (extract(epoch from clock_timestamp() - last_tick_at) * 1000)::text as ms from scheduler_state where id = 1`,
  );
  return row?.ms === null || row?.ms === undefined ? null : Number(row.ms);
}

/** How far this machine's clock is ahead of PostgreSQL's, in ms; half the round trip is its uncertainty. */
export async function readClockSkew(tx: Tx): Promise<number> {
  const before = realNow().toMillis();
  const [row] = await tx.query<{ ms: string }>(
    `select (extract(epoch from clock_timestamp()) * 1000)::text as ms`,
  );
  const after = realNow().toMillis();
  return Math.round((before + after) / 2 - Number(row?.ms ?? 0));
}
