import { ConflictError } from "../kernel/errors.ts";
import type { CustomerId, PlanId, PlanVersionId, SubscriptionId } from "../kernel/ids.ts";
import { rupiah } from "../kernel/money.ts";
import { type Instant, instant, instantOrNull, type LocalDate } from "../kernel/time.ts";
import type { IntervalUnit } from "../plans/plan.ts";
import type { Queryable, Tx } from "../platform/database.ts";
import type { DueSubscription, Schedule, Subscription, SubscriptionState } from "./subscription.ts";

/** Stores a new subscription; throws `ConflictError` when the reference is taken. */
export async function insertSubscription(tx: Tx, subscription: Subscription, now: Instant): Promise<void> {
  const { terms, state, nextInvoiceAt } = subscription;
  const inserted = await tx.query(
    `insert into subscriptions (id, reference, customer_id, plan_id, plan_version_id, state, zone, start_on,
                                start_floats, interval_unit, interval_count, billing_day, trial_ends_on, ends_on,
                                cycles, next_index, next_invoice_at, created_at, activated_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
     on conflict on constraint subscriptions_reference_unique do nothing
     returning id`,
    [
      subscription.id,
      subscription.reference,
      subscription.customerId,
      subscription.planId,
      subscription.planVersionId,
      state,
      subscription.zone,
      terms.startOn,
      subscription.startFloats,
      terms.interval.unit,
      terms.interval.count,
      terms.billingDay,
      terms.trialEndsOn,
      terms.endsOn,
      terms.cycles,
      subscription.nextIndex,
      nextInvoiceAt?.toJSDate() ?? null,
      now.toJSDate(),
      state === "incomplete" ? null : now.toJSDate(),
    ],
  );
  if (inserted.length === 0) {
    throw new ConflictError(`reference: there is already a subscription ${subscription.reference}`, {
      field: "reference",
    });
  }
}

// Dates as text: the driver would make moments of them, at midnight of whatever zone the process runs in.
export const COLUMNS = `s.id, s.reference, s.customer_id, s.plan_id, s.plan_version_id, s.state, s.zone,
            s.start_on::text, s.start_floats, s.interval_unit, s.interval_count, s.billing_day,
            s.trial_ends_on::text, s.ends_on::text, s.cycles, v.amount, s.next_index, s.next_invoice_at,
            s.last_opened_on::text, s.collection_hold, s.credit`;

/** Subscriptions to bill at `now`, oldest first, locked; rows that another tick holds are skipped. */
export async function claimDueSubscriptions(tx: Tx, now: Instant, limit: number): Promise<DueSubscription[]> {
  const rows = await tx.query<SubscriptionRow & { next_invoice_at: Date }>(
    `select ${COLUMNS}
       from subscriptions s join plan_versions v on v.id = s.plan_version_id
      where s.next_invoice_at <= $1
      order by s.next_invoice_at, s.id
      limit $2
        for no key update of s skip locked`,
    [now.toJSDate(), limit],
  );
  return rows.map((row) => {
    const subscription = subscriptionFromRow(row);
    return {
      ...subscription,
      amount: subscription.terms.amount,
      nextInvoiceAt: instant(row.next_invoice_at),
    };
  });
}

/** Whether any subscription's next period has begun. */
export async function isAnyDue(db: Queryable, now: Instant): Promise<boolean> {
  const [row] = await db.query<{ due: boolean }>(
    `select exists (select from subscriptions where next_invoice_at <= $1) as due`,
    [now.toJSDate()],
  );
  return row?.due ?? false;
}

/** Writes where billing stands, for subscriptions whose rows the caller holds. */
export async function saveSchedules(tx: Tx, schedules: readonly Schedule[]): Promise<void> {
  if (schedules.length === 0) return;
  await tx.query(
    `update subscriptions s
        set state = n.state, next_index = n.next_index, next_invoice_at = n.next_invoice_at,
            last_opened_on = n.last_opened_on, credit = n.credit, ended_at = n.ended_at, end_reason = n.end_reason
       from unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::date[], $6::bigint[], $7::timestamptz[],
                   $8::text[])
            as n (id, state, next_index, next_invoice_at, last_opened_on, credit, ended_at, end_reason)
      where s.id = n.id`,
    [
      schedules.map(({ id }) => id),
      schedules.map(({ state }) => state),
      schedules.map(({ nextIndex }) => nextIndex),
      schedules.map(({ nextInvoiceAt }) => nextInvoiceAt?.toJSDate() ?? null),
      schedules.map(({ lastOpenedOn }) => lastOpenedOn),
      schedules.map(({ credit }) => credit),
      schedules.map(({ endedAt }) => endedAt?.toJSDate() ?? null),
      schedules.map(({ endReason }) => endReason),
    ],
  );
}

/** An invoice is in dunning. */
export async function markPastDue(tx: Tx, ids: readonly SubscriptionId[]): Promise<void> {
  await moveState(tx, ids, `state = 'past_due'`, ["active"]);
}

/** No invoice is in dunning any more; a subscription with nothing left to bill is completed by that. */
export async function markActive(tx: Tx, ids: readonly SubscriptionId[]): Promise<void> {
  const state = `state = case when next_invoice_at is null and ended_at is null then 'completed' else 'active' end`;
  await moveState(tx, ids, state, ["past_due"]);
}

/** Dunning is spent: nothing more is billed. */
export async function markUnpaid(tx: Tx, ids: readonly SubscriptionId[]): Promise<void> {
  await moveState(tx, ids, `state = 'unpaid', next_invoice_at = null`, ["active", "past_due"]);
}

/** Moves only rows that are in one of `from`: a state that changed meanwhile is not overwritten. */
async function moveState(
  tx: Tx,
  ids: readonly SubscriptionId[],
  set: string,
  from: readonly SubscriptionState[],
): Promise<void> {
  if (ids.length === 0) return;
  await tx.query(
    `update subscriptions set ${set}
      where id in (select id from subscriptions where id = any($1) and state = any($2)
                    order by id limit $3 for no key update)`,
    [ids, from, ids.length],
  );
}

/** Subscriptions of these customers that wait for a wallet, locked in id order. */
export async function lockIncompleteOf(
  tx: Tx,
  customerIds: readonly CustomerId[],
  limit: number,
): Promise<Subscription[]> {
  const rows = await tx.query<SubscriptionRow>(
    `select ${COLUMNS}
       from subscriptions s join plan_versions v on v.id = s.plan_version_id
      where s.customer_id = any($1) and s.state = 'incomplete'
      order by s.id
      limit $2
        for no key update of s`,
    [customerIds, limit],
  );
  return rows.map(subscriptionFromRow);
}

/** Where a subscription begins; written once, at its first activation. */
export type Begun = {
  readonly id: SubscriptionId;
  readonly state: "trialing" | "active" | "completed";
  readonly startOn: LocalDate;
  readonly trialEndsOn: LocalDate | null;
  readonly nextIndex: number;
  readonly nextInvoiceAt: Instant | null;
  readonly endReason: string | null;
};

export async function saveBegun(tx: Tx, begun: readonly Begun[], now: Instant): Promise<void> {
  if (begun.length === 0) return;
  await tx.query(
    `update subscriptions s
        set state = n.state, start_on = n.start_on, trial_ends_on = n.trial_ends_on, start_floats = false,
            next_index = n.next_index, next_invoice_at = n.next_invoice_at, activated_at = $8::timestamptz,
            ended_at = case when n.state = 'completed' then $8::timestamptz end, end_reason = n.end_reason
       from unnest($1::uuid[], $2::text[], $3::date[], $4::date[], $5::int[], $6::timestamptz[], $7::text[])
            as n (id, state, start_on, trial_ends_on, next_index, next_invoice_at, end_reason)
      where s.id = n.id and s.state = 'incomplete'`,
    [
      begun.map(({ id }) => id),
      begun.map(({ state }) => state),
      begun.map(({ startOn }) => startOn),
      begun.map(({ trialEndsOn }) => trialEndsOn),
      begun.map(({ nextIndex }) => nextIndex),
      begun.map(({ nextInvoiceAt }) => nextInvoiceAt?.toJSDate() ?? null),
      begun.map(({ endReason }) => endReason),
      now.toJSDate(),
    ],
  );
}

export type SubscriptionRow = {
  id: SubscriptionId;
  reference: string;
  customer_id: CustomerId;
  plan_id: PlanId;
  plan_version_id: PlanVersionId;
  state: SubscriptionState;
  zone: string;
  start_on: LocalDate;
  start_floats: boolean;
  interval_unit: IntervalUnit;
  interval_count: number;
  billing_day: number | null;
  trial_ends_on: LocalDate | null;
  ends_on: LocalDate | null;
  cycles: number | null;
  amount: string;
  next_index: number;
  next_invoice_at: Date | null;
  last_opened_on: LocalDate | null;
  collection_hold: boolean;
  credit: string;
};

export function subscriptionFromRow(row: SubscriptionRow): Subscription {
  return {
    id: row.id,
    reference: row.reference,
    customerId: row.customer_id,
    planId: row.plan_id,
    planVersionId: row.plan_version_id,
    state: row.state,
    zone: row.zone,
    terms: {
      startOn: row.start_on,
      interval: { unit: row.interval_unit, count: row.interval_count },
      billingDay: row.billing_day,
      trialEndsOn: row.trial_ends_on,
      endsOn: row.ends_on,
      cycles: row.cycles,
      amount: rupiah(Number(row.amount)),
    },
    startFloats: row.start_floats,
    nextIndex: row.next_index,
    nextInvoiceAt: instantOrNull(row.next_invoice_at),
    lastOpenedOn: row.last_opened_on,
    collectionHold: row.collection_hold,
    credit: rupiah(Number(row.credit)),
  };
}
