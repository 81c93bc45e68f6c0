import { InvariantError } from "../kernel/errors.ts";
import { groupBy } from "../kernel/group.ts";
import type { CustomerId, SubscriptionId } from "../kernel/ids.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { claimDueSubscriptions } from "./subscription.store.ts";
import type { Subscription } from "./subscription.ts";
import { COLUMNS, type SubscriptionRow, subscriptionFromRow } from "./subscription-row.ts";

export type ClaimedCustomers = {
  /** The due subscriptions by which the customers were found, oldest first. */
  readonly due: readonly Subscription[];
  /** Of each customer: everything that is billed, and what was billed today or yesterday; due or not. All locked. */
  readonly customers: readonly (readonly Subscription[])[];
};

/** Far more than the customers of one page ever have. */
const SIBLINGS_LIMIT = 20_000;

/**
 * Up to `limit` subscriptions to bill, with all others of their customers: how much a customer is billed a day is
 * decided over all of them. Nothing waits for a lock: a customer of whose subscriptions another writer holds one is
 * left for the next look, so no two tasks ever bill one customer at once.
 */
export async function claimDueCustomers(tx: Tx, now: Instant, limit: number): Promise<ClaimedCustomers> {
  const due = await claimDueSubscriptions(tx, now, limit);
  if (due.length === 0) return { due, customers: [] };
  // Two days back in UTC are today or yesterday everywhere.
  const since = now.minus({ days: 2 }).toISODate();
  const siblings = await findSiblings(tx, due, since);
  if (siblings.length === 0) return { due, customers: [...byCustomer(due).values()] };
  const held = [
    ...due,
    ...(await lockSiblings(
      tx,
      siblings.map(({ id }) => id),
    )),
  ];
  const ids = new Set(held.map(({ id }) => id));
  const missed = new Set(siblings.filter(({ id }) => !ids.has(id)).map(({ customerId }) => customerId));
  const customers = [...byCustomer(held)].filter(([customerId]) => !missed.has(customerId));
  return { due, customers: customers.map(([, subscriptions]) => subscriptions) };
}

function byCustomer(subscriptions: readonly Subscription[]): Map<CustomerId, Subscription[]> {
  return groupBy(subscriptions, ({ customerId }) => customerId);
}

type Sibling = { readonly id: SubscriptionId; readonly customerId: CustomerId };

async function findSiblings(tx: Tx, due: readonly Subscription[], since: LocalDate): Promise<Sibling[]> {
  const rows = await tx.query<{ id: SubscriptionId; customer_id: CustomerId }>(
    `select s.id, s.customer_id
       from subscriptions s
      where s.customer_id = any($1::uuid[]) and s.id <> all($2::uuid[])
        and (s.next_invoice_at is not null or s.last_opened_on >= $3)
      order by s.id
      limit $4`,
    [
      [...new Set(due.map(({ customerId }) => customerId))],
      due.map(({ id }) => id),
      since,
      SIBLINGS_LIMIT + 1,
    ],
  );
  if (rows.length > SIBLINGS_LIMIT)
    throw new InvariantError("the customers of one page have too many subscriptions");
  return rows.map((row) => ({ id: row.id, customerId: row.customer_id }));
}

async function lockSiblings(tx: Tx, ids: readonly SubscriptionId[]): Promise<Subscription[]> {
  const rows = await tx.query<SubscriptionRow>(
    `select ${COLUMNS}
       from subscriptions s join plan_versions v on v.id = s.plan_version_id
      where s.id = any($1::uuid[])
      order by s.id
      limit $2
        for no key update of s skip locked`,
    [ids, ids.length],
  );
  return rows.map(subscriptionFromRow);
}
