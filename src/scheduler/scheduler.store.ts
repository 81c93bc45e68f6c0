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

/** Milliseconds from `now` to the first thing that becomes due within `withinMs`; null when nothing does. */
export async function findSoonest(db: Queryable, now: Instant, withinMs: number): Promise<number | null> {
  const [row] = await db.query<{ ms: number | null }>(
    `select (extract(epoch from least(
              (select next_invoice_at from subscriptions
                where next_invoice_at > $1 and next_invoice_at <= $2 order by next_invoice_at limit 1),
              (select next_action_at from invoices
                where next_action_at > $1 and next_action_at <= $2 order by next_action_at limit 1)) - $1)
            * 1000)::float8 as ms`,
    [now.toJSDate(), now.plus({ milliseconds: withinMs }).toJSDate()],
  );
  return row?.ms ?? null;
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
