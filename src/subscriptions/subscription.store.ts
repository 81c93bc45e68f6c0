import { ConflictError } from "../kernel/errors.ts";
import type { CustomerId, PlanId, SubscriptionId } from "../kernel/ids.ts";
import { type Instant, instant, type LocalDate } from "../kernel/time.ts";
import type { Queryable, Tx } from "../platform/database.ts";
import type { DueSubscription, Schedule, Subscription, SubscriptionState } from "./subscription.ts";
import { COLUMNS, RECORD, type SubscriptionRow, subscriptionFromRow, toRecord } from "./subscription-row.ts";

/** Stores a new subscription; throws `ConflictError` when the reference is taken. */
export async function insertSubscription(tx: Tx, subscription: Subscription, now: Instant): Promise<void> {
  const inserted = await insertSubscriptions(tx, [subscription], now);
  if (inserted.size === 0) {
    throw new ConflictError(`reference: there is already a subscription ${subscription.reference}`, {
      field: "reference",
    });
  }
}

/** Stores new subscriptions and answers the ids of those stored: one whose reference is taken is left out. */
export async function insertSubscriptions(
  tx: Tx,
  subscriptions: readonly Subscription[],
  now: Instant,
): Promise<Set<SubscriptionId>> {
  const rows = await tx.query<{ id: SubscriptionId }>(
    `insert into subscriptions (id, reference, customer_id, plan_id, plan_version_id, state, zone, start_on,
            start_floats, interval_unit, interval_count, billing_day, alignment, billing_month, counted_from_on,
            counted_from_index, trial_ends_on, ends_on, cycles, next_index, next_invoice_at, last_opened_on,
            collection_hold, hold_owner, hold_reason, hold_ends_on, credit, rollover, catch_up_policy, paused_at,
            resumes_on, cancel_at_period_end, ended_at, end_reason, created_at, activated_at)
     select id, reference, customer_id, plan_id, plan_version_id, state, zone, start_on, start_floats,
            interval_unit, interval_count, billing_day, alignment, billing_month, counted_from_on,
            counted_from_index, trial_ends_on, ends_on, cycles, next_index, next_invoice_at, last_opened_on,
            hold_owner is not null, hold_owner, hold_reason, hold_ends_on, credit, rollover, catch_up_policy,
            paused_at, resumes_on, cancel_at_period_end, ended_at, end_reason, $2::timestamptz,
            case when state <> 'incomplete' then $2::timestamptz end
       from json_to_recordset($1::json) as n (${RECORD})
      order by id
     on conflict on constraint subscriptions_reference_unique do nothing
     returning id`,
    [JSON.stringify(subscriptions.map(toRecord)), now.toJSDate()],
  );
  return new Set(rows.map(({ id }) => id));
}

/**
 * Writes everything about subscriptions that can change, for rows the caller holds and has read since. What happened
 * is a subscription change as well (`appendSubscriptionChanges`).
 */
export async function saveSubscriptions(tx: Tx, subscriptions: readonly Subscription[]): Promise<void> {
  if (subscriptions.length === 0) return;
  await tx.query(
    `update subscriptions s
        set plan_id = n.plan_id, plan_version_id = n.plan_version_id, state = n.state, zone = n.zone,
            start_on = n.start_on, start_floats = n.start_floats, interval_unit = n.interval_unit,
            interval_count = n.interval_count, billing_day = n.billing_day, alignment = n.alignment,
            billing_month = n.billing_month, counted_from_on = n.counted_from_on,
            counted_from_index = n.counted_from_index, trial_ends_on = n.trial_ends_on, ends_on = n.ends_on,
            cycles = n.cycles, next_index = n.next_index, next_invoice_at = n.next_invoice_at,
            last_opened_on = n.last_opened_on, collection_hold = n.hold_owner is not null,
            hold_owner = n.hold_owner, hold_reason = n.hold_reason, hold_ends_on = n.hold_ends_on,
            credit = n.credit, rollover = n.rollover, catch_up_policy = n.catch_up_policy,
            paused_at = n.paused_at, resumes_on = n.resumes_on, cancel_at_period_end = n.cancel_at_period_end,
            ended_at = n.ended_at, end_reason = n.end_reason
       from json_to_recordset($1::json) as n (${RECORD})
      where s.id = n.id`,
    [JSON.stringify(subscriptions.map(toRecord))],
  );
}

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
            last_opened_on = n.last_opened_on, credit = n.credit, rollover = n.rollover,
            counted_from_on = n.counted_from_on, counted_from_index = n.counted_from_index,
            ended_at = n.ended_at, end_reason = n.end_reason
       from unnest($1::uuid[], $2::text[], $3::int[], $4::timestamptz[], $5::date[], $6::bigint[], $7::bigint[],
                   $8::date[], $9::int[], $10::timestamptz[], $11::text[])
            as n (id, state, next_index, next_invoice_at, last_opened_on, credit, rollover, counted_from_on,
                  counted_from_index, ended_at, end_reason)
      where s.id = n.id`,
    [
      schedules.map(({ id }) => id),
      schedules.map(({ state }) => state),
      schedules.map(({ nextIndex }) => nextIndex),
      schedules.map(({ nextInvoiceAt }) => nextInvoiceAt?.toJSDate() ?? null),
      schedules.map(({ lastOpenedOn }) => lastOpenedOn),
      schedules.map(({ credit }) => credit),
      schedules.map(({ rollover }) => rollover),
      schedules.map(({ countedFrom }) => countedFrom?.on ?? null),
      schedules.map(({ countedFrom }) => countedFrom?.index ?? null),
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

/** Subscriptions of these customers in any of these states, locked in id order. The caller holds the customers. */
export async function lockSubscriptionsOf(
  tx: Tx,
  customerIds: readonly CustomerId[],
  states: readonly SubscriptionState[],
  limit: number,
): Promise<Subscription[]> {
  const rows = await tx.query<SubscriptionRow>(
    `select ${COLUMNS}
       from subscriptions s join plan_versions v on v.id = s.plan_version_id
      where s.customer_id = any($1) and s.state = any($2)
      order by s.id
      limit $3
        for no key update of s`,
    [customerIds, states, limit],
  );
  return rows.map(subscriptionFromRow);
}

/** These subscriptions as they are now, locked in id order. The caller holds their customers. */
export async function lockSubscriptions(tx: Tx, ids: readonly SubscriptionId[]): Promise<Subscription[]> {
  const rows = await tx.query<SubscriptionRow>(
    `select ${COLUMNS}
       from subscriptions s join plan_versions v on v.id = s.plan_version_id
      where s.id = any($1)
      order by s.id
      limit $2
        for no key update of s`,
    [ids, ids.length],
  );
  return rows.map(subscriptionFromRow);
}

/** References of the customer's subscriptions to a plan that are neither canceled nor completed; by reference. */
export async function liveReferencesTo(
  tx: Tx,
  { customerId, planId }: { readonly customerId: CustomerId; readonly planId: PlanId },
  limit: number,
): Promise<string[]> {
  const rows = await tx.query<{ reference: string }>(
    `select reference from subscriptions
      where customer_id = $1 and plan_id = $2 and state not in ('canceled', 'completed')
      order by reference
      limit $3`,
    [customerId, planId, limit],
  );
  return rows.map(({ reference }) => reference);
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
