import { type Instant, instantOrNull } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";

export const STOP_SCOPES = ["all", "plan", "customer", "invoice"] as const;
export type StopScope = (typeof STOP_SCOPES)[number];

/** An order that nothing of its target may be sent; `target` is a plan code, a customer reference or an invoice id. */
export type StopRow = {
  readonly id: string;
  readonly scope: StopScope;
  readonly target: string;
  readonly reason: string;
  readonly endsAt: Instant | null;
};

/** Stops in force at `now`; there are few, so that a decision reads them all. */
export async function findStops(tx: Tx, now: Instant): Promise<StopRow[]> {
  const rows = await tx.query<Omit<StopRow, "endsAt"> & { ends_at: Date | null }>(
    `select id::text as id, scope, target, reason, ends_at
       from stops
      where lifted_at is null and (ends_at is null or ends_at > $1)
      order by id
      limit 1000`,
    [now.toJSDate()],
  );
  return rows.map(({ ends_at, ...row }) => ({ ...row, endsAt: instantOrNull(ends_at) }));
}

type NewStop = Omit<StopRow, "id"> & { readonly setBy: string; readonly at: Instant };

/** A person's stop replaces the one in force for the same target. */
export function saveStop(tx: Tx, stop: NewStop): Promise<void> {
  return putStop(tx, stop, false);
}

/** The machine's stop gives way to one that lasts at least as long: it never shortens a person's. */
export function saveLongerStop(tx: Tx, stop: NewStop): Promise<void> {
  return putStop(tx, stop, true);
}

async function putStop(tx: Tx, stop: NewStop, onlyIfLonger: boolean): Promise<void> {
  await tx.query(
    `insert into stops (scope, target, reason, set_by, set_at, ends_at)
     values ($1, $2, $3, $4, $5, $6)
     on conflict (scope, target) where lifted_at is null
     do update set reason = excluded.reason, set_by = excluded.set_by, set_at = excluded.set_at,
                   ends_at = excluded.ends_at
      where not $7 or stops.ends_at < excluded.ends_at`,
    [
      stop.scope,
      stop.target,
      stop.reason,
      stop.setBy,
      stop.at.toJSDate(),
      stop.endsAt?.toJSDate() ?? null,
      onlyIfLonger,
    ],
  );
}

/**
 * Lifts a stop and wakes the invoices that wait for its end; false when there is none of that id in force. Waking
 * one that waits for something else at the same moment is harmless: its next step sees that.
 */
export async function liftStop(tx: Tx, id: string, at: Instant): Promise<boolean> {
  const [lifted] = await tx.query<{ ends_at: Date | null }>(
    `update stops set lifted_at = $2 where id = $1 and lifted_at is null returning ends_at`,
    [id, at.toJSDate()],
  );
  if (lifted === undefined) return false;
  await tx.query(
    `with waiting as (
       select id from invoices
        where next_action_at = $1 and state = 'open' and waiting_for is null
        order by id
          for update)
     update invoices i set next_action_at = $2 from waiting where i.id = waiting.id`,
    [lifted.ends_at, at.toJSDate()],
  );
  return true;
}
