import { ConflictError } from "../kernel/errors.ts";
import { type Instant, instant } from "../kernel/time.ts";
import type { Queryable } from "./database.ts";
import { realNow } from "./real-time.ts";

/** Business time: what is due, what waits, what is late. Flows read it inside their transaction. */
export type Clock = { now(tx: Queryable): Promise<Instant> };

/** Business time is the machine's time: production. */
export const systemClock: Clock = { now: async () => realNow() };

/** Business time is the `clock` row and stands still until somebody moves it: tests, demo, simulation. */
export const turnedClock: Clock = {
  now: async (tx) => (await readTurnedClock(tx)) ?? setTurnedClock(tx, realNow()),
};

/** The turned clock's time, or null before it was first set. */
export async function readTurnedClock(tx: Queryable): Promise<Instant | null> {
  const [row] = await tx.query<{ at: Date }>(`select at from clock where id = 1`);
  return row === undefined ? null : instant(row.at);
}

/** Sets the turned clock, forwards or backwards; the first setting of an installation may be any time. */
export async function setTurnedClock(tx: Queryable, at: Instant): Promise<Instant> {
  const [row] = await tx.query<{ at: Date }>(
    `insert into clock (id, at) values (1, $1)
     on conflict (id) do update set at = excluded.at, moved_at = clock_timestamp()
     returning at`,
    [at.toJSDate()],
  );
  if (row === undefined) throw new ConflictError("the clock row could not be written");
  return instant(row.at);
}
