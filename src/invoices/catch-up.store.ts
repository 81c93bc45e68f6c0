import type { CustomerId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Subscription } from "../subscriptions/subscription.ts";
import { COLUMNS, type SubscriptionRow, subscriptionFromRow } from "../subscriptions/subscription-row.ts";

/** Whose catch-up is asked for; null: everybody's. */
export type CatchUpFilter = {
  readonly customer: string | null;
  readonly plan: string | null;
  /** The reference of the customer behind which the page begins. */
  readonly after: string | null;
};

export type FoundCustomer = { readonly id: CustomerId; readonly reference: string };

/** What waits for another day, because enough was opened or somebody has to choose, waits at most until tomorrow. */
const WAITS_DAYS = 2;

/**
 * Customers that may have something late, by reference: something is due, or waits only until tomorrow. Whether it is
 * late is for the calendar to say.
 */
export async function findPerhapsLate(
  tx: Tx,
  { customer, plan, after }: CatchUpFilter,
  now: Instant,
  limit: number,
): Promise<FoundCustomer[]> {
  return tx.query<FoundCustomer>(
    `select c.id, c.reference
       from customers c
      where c.id in (select s.customer_id from subscriptions s where s.next_invoice_at <= $1)
        and ($2::text is null or c.reference = $2)
        and ($3::text is null or exists (select from subscriptions s join plans p on p.id = s.plan_id
                                          where s.customer_id = c.id and p.code = $3))
        and ($4::text is null or c.reference > $4)
      order by c.reference
      limit $5`,
    [now.plus({ days: WAITS_DAYS }).toJSDate(), customer, plan, after, limit],
  );
}

/** More subscriptions than the customers of one page ever have. */
const SUBSCRIPTIONS_LIMIT = 20_000;

/** The subscriptions of these customers that are billed, or were billed today or yesterday; by reference. */
export async function billedSubscriptionsOf(
  tx: Tx,
  customerIds: readonly CustomerId[],
  now: Instant,
): Promise<Subscription[]> {
  const rows = await tx.query<SubscriptionRow>(
    `select ${COLUMNS}
       from subscriptions s join plan_versions v on v.id = s.plan_version_id
      where s.customer_id = any($1::uuid[])
        and (s.next_invoice_at is not null or s.last_opened_on >= $2)
      order by s.reference
      limit $3`,
    [customerIds, now.minus({ days: WAITS_DAYS }).toISODate(), SUBSCRIPTIONS_LIMIT],
  );
  return rows.map(subscriptionFromRow);
}
