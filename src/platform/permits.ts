import type { Database } from "./database.ts";

/** The smallest burst: one collection needs three calls, also at one call a second. */
const SMALLEST_BURST = 3;

/** The shared allowance of calls to the gateway: one token bucket for all processes, in one row of PostgreSQL. */
export type Permits = {
  /** Takes up to `wanted` permits and answers how many were granted, at once and without waiting. */
  take(wanted: number): Promise<number>;
  /** Gives unused permits back. */
  giveBack(count: number): Promise<void>;
  /** Nobody gets a permit for `ms` of real time: the gateway said that we are too fast. */
  block(ms: number): Promise<void>;
};

export function sharedPermits(db: Database, perSecond: number): Permits {
  const burst = Math.max(SMALLEST_BURST, perSecond);
  return {
    take: async (wanted) => {
      const [row] = await db.query<{ granted: number }>(
        `with bucket as (
             select case when blocked_until > clock_timestamp() then 0
                    else least($2, permits + $3 * greatest(0, extract(epoch from clock_timestamp() - refilled_at)))
                    end as available
               from rate_bucket where id = 1 for update)
           update rate_bucket
              set permits = bucket.available - least($1, floor(bucket.available)),
                  refilled_at = greatest(clock_timestamp(), blocked_until)
             from bucket
            where id = 1
           returning least($1, floor(bucket.available))::int as granted`,
        [wanted, burst, perSecond],
      );
      return row?.granted ?? 0;
    },
    giveBack: async (count) => {
      if (count <= 0) return;
      await db.query(`update rate_bucket set permits = least($2, permits + $1) where id = 1`, [count, burst]);
    },
    block: async (ms) => {
      await db.query(
        // Nothing grows during the silence: it must not end with a burst.
        `with silence as (
             select greatest(blocked_until, clock_timestamp() + $1 * interval '1 millisecond') as ends_at
               from rate_bucket where id = 1 for update)
           update rate_bucket
              set blocked_until = silence.ends_at, refilled_at = silence.ends_at, permits = 0
             from silence
            where id = 1`,
        [ms],
      );
    },
  };
}
