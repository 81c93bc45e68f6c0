import { lockCustomers } from "../customers/customer.store.ts";
import { NotFoundError } from "../kernel/errors.ts";
import type { CustomerId, SubscriptionId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database, Tx } from "../platform/database.ts";
import { lockSubscriptions, saveSubscriptions } from "./subscription.store.ts";
import type { Subscription } from "./subscription.ts";
import { appendSubscriptionChanges } from "./subscription-change.store.ts";
import type { SubscriptionChangeKind } from "./subscription-change.ts";
import { subscriptionByReference } from "./subscription-view.store.ts";

export type SubscriptionEventTools = {
  readonly db: Database;
  readonly clock: Clock;
  /** Start of the charge window, `HH:MM`; null: always open. */
  readonly windowFrom: string | null;
};

/** What somebody does to a subscription, and why. */
export type SubscriptionOrder = {
  readonly reference: string;
  readonly reason: string | null;
  readonly actor: Pick<Actor, "name">;
};

/**
 * Holds the customer of the subscription called `reference`, as whoever acts on several rows of one does first; or
 * throws `NotFoundError`. The subscription's own row comes last, with `lockOwnRow`.
 */
export async function lockItsCustomer(
  tx: Tx,
  reference: string,
): Promise<{ readonly id: SubscriptionId; readonly customerId: CustomerId }> {
  const { subscription } = await subscriptionByReference(tx, reference);
  await lockCustomers(tx, [subscription.customerId]);
  return subscription;
}

/** The subscription as it is now, held until the transaction ends. */
export async function lockOwnRow(tx: Tx, id: SubscriptionId): Promise<Subscription> {
  const [subscription] = await lockSubscriptions(tx, [id]);
  if (subscription === undefined) throw new NotFoundError("the subscription is gone");
  return subscription;
}

/** What an event makes of a subscription, and the line that its timeline gets. */
export type SubscriptionEvent = {
  readonly after: Subscription;
  readonly kind: SubscriptionChangeKind;
  readonly details: Readonly<Record<string, unknown>>;
};

/** Does one thing to a subscription that touches none of its invoices, and writes down who did it and why. */
export async function changeSubscription(
  { db, clock }: Pick<SubscriptionEventTools, "db" | "clock">,
  order: SubscriptionOrder,
  decide: (tx: Tx, subscription: Subscription, now: Instant) => Promise<SubscriptionEvent>,
): Promise<void> {
  await db.begin(async (tx) => {
    const { id } = await lockItsCustomer(tx, order.reference);
    const subscription = await lockOwnRow(tx, id);
    const now = await clock.now(tx);
    const event = await decide(tx, subscription, now);
    await saveEvent(tx, order, event, now);
  });
}

/** Writes an event down, for a row that the caller holds. */
export async function saveEvent(
  tx: Tx,
  { reason, actor }: Pick<SubscriptionOrder, "reason" | "actor">,
  { after, kind, details }: SubscriptionEvent,
  now: Instant,
): Promise<void> {
  await saveSubscriptions(tx, [after]);
  const change = { subscriptionId: after.id, kind, at: now, actor: actor.name, reason, details };
  await appendSubscriptionChanges(tx, [change]);
}
