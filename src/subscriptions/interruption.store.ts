import type { SubscriptionId } from "../kernel/ids.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { Queryable, Tx } from "../platform/database.ts";

/** A pause or a hold with a last day. */
export type EndingInterruption = {
  readonly id: SubscriptionId;
  readonly reference: string;
  readonly kind: "pause" | "hold";
  readonly zone: string;
  /** The first day on which it is over, in `zone`. */
  readonly endsOn: LocalDate;
};

/** Where a search for them goes on: after this one of the same order. */
export type InterruptionCursor = Pick<EndingInterruption, "endsOn" | "id" | "kind">;

const FIRST = "00000000-0000-0000-0000-000000000000";

/**
 * Pauses and holds that end on `date` or before, by that day; indexes subscriptions_resuming and
 * subscriptions_hold_ending are expected. Locks nothing: each is looked at again under its lock.
 */
export async function interruptionsEndingBy(
  db: Queryable,
  date: LocalDate,
  after: InterruptionCursor | null,
  limit: number,
): Promise<EndingInterruption[]> {
  return db.query<EndingInterruption>(
    `select id, reference, kind, zone, ends_on::text as "endsOn"
       from (select id, reference, 'pause' as kind, zone, resumes_on as ends_on
               from subscriptions
              where resumes_on <= $1
             union all
             select id, reference, 'hold', zone, hold_ends_on
               from subscriptions
              where hold_ends_on <= $1) as ending
      where (ends_on, id, kind) > ($2::date, $3::uuid, $4::text)
      order by ends_on, id, kind
      limit $5`,
    [date, after?.endsOn ?? "-infinity", after?.id ?? FIRST, after?.kind ?? "", limit],
  );
}

/** The first day on which a pause or hold is over, zone by zone. */
export async function nextInterruptionEnds(
  db: Queryable,
): Promise<Pick<EndingInterruption, "zone" | "endsOn">[]> {
  return db.query<Pick<EndingInterruption, "zone" | "endsOn">>(
    `select zone, min(ends_on)::text as "endsOn"
       from (select zone, resumes_on as ends_on from subscriptions where resumes_on is not null
             union all
             select zone, hold_ends_on from subscriptions where hold_ends_on is not null) as ending
      group by zone
      order by zone`,
  );
}

/** Leaves the end of a pause or hold that cannot be ended by itself to a person. */
export async function parkInterruption(
  tx: Tx,
  { id, kind }: Pick<EndingInterruption, "id" | "kind">,
): Promise<void> {
  await tx.query(
    kind === "pause"
      ? `update subscriptions set resumes_on = null where id = $1`
      : `update subscriptions set hold_ends_on = null where id = $1`,
    [id],
  );
}
