import type { SubscriptionId } from "../kernel/ids.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { billingPeriod } from "./billing-period.ts";
import { type CatchUpPolicy, nextWake } from "./opening.ts";
import type { Subscription } from "./subscription.ts";
import { appendSubscriptionChanges } from "./subscription-change.store.ts";
import { HOUSE_ACTOR } from "./subscription-change.ts";
import { COLUMNS, type SubscriptionRow, subscriptionFromRow } from "./subscription-row.ts";
import { wakeAt } from "./wake-at.ts";

/** A subscription that was unpaid and is billed again, or is over because no period is left. */
export type Revived = {
  readonly id: SubscriptionId;
  /** First day of the period with which billing goes on; null: none is left. */
  readonly from: LocalDate | null;
  /** How many periods began while nothing was billed (counted to 100); the catch-up policy decides about them. */
  readonly late: number;
  /** Null: the house's setting. */
  readonly catchUpPolicy: CatchUpPolicy | null;
};

/** Enough to tell a person; nobody counts further. */
const MOST_LATE = 100;

/**
 * Brings those of `ids` that are unpaid back to active: their debts are settled. Billing goes on with the first period
 * that was not billed, so that no period is lost silently; what is late by now is the catch-up policy's. `windowFrom`
 * is the start of the charge window, `HH:MM`, or null.
 */
export async function reviveUnpaid(
  tx: Tx,
  ids: readonly SubscriptionId[],
  now: Instant,
  windowFrom: string | null,
): Promise<Revived[]> {
  if (ids.length === 0) return [];
  const rows = await tx.query<SubscriptionRow>(
    `select ${COLUMNS}
       from subscriptions s join plan_versions v on v.id = s.plan_version_id
      where s.id = any($1) and s.state = 'unpaid'
      order by s.id
      limit $2
        for no key update of s`,
    [ids, ids.length],
  );
  const revived = rows.map((row) => {
    const subscription = subscriptionFromRow(row);
    return { subscription, at: nextWake(subscription, windowFrom) };
  });
  await saveRevived(tx, revived, now);
  const told = revived.map(({ subscription }) => ({
    id: subscription.id,
    from: billingPeriod(subscription.terms, subscription.nextIndex)?.start ?? null,
    late: countLate(subscription, now, windowFrom),
    catchUpPolicy: subscription.catchUpPolicy,
  }));
  await appendSubscriptionChanges(
    tx,
    told.map(({ id, from, late, catchUpPolicy }) => ({
      subscriptionId: id,
      kind: "revived",
      at: now,
      actor: HOUSE_ACTOR,
      reason: "nothing is in arrears any more",
      details: { from, late, catch_up_policy: catchUpPolicy },
    })),
  );
  return told;
}

async function saveRevived(
  tx: Tx,
  revived: readonly { readonly subscription: Subscription; readonly at: Instant | null }[],
  now: Instant,
): Promise<void> {
  if (revived.length === 0) return;
  await tx.query(
    `update subscriptions s
        set state = case when n.at is null then 'completed' else 'active' end,
            next_invoice_at = n.at,
            ended_at = case when n.at is null then $3::timestamptz end,
            end_reason = case when n.at is null then 'its last period is over' end
       from unnest($1::uuid[], $2::timestamptz[]) as n (id, at)
      where s.id = n.id`,
    [
      revived.map(({ subscription }) => subscription.id),
      revived.map(({ at }) => at?.toJSDate() ?? null),
      now.toJSDate(),
    ],
  );
}

function countLate(
  { terms, nextIndex, zone }: Subscription,
  now: Instant,
  windowFrom: string | null,
): number {
  for (let late = 0; late < MOST_LATE; late += 1) {
    const period = billingPeriod(terms, nextIndex + late);
    if (period === null || wakeAt(period.billsOn, zone, windowFrom) > now) return late;
  }
  return MOST_LATE;
}
