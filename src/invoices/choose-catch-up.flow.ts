import { customersById, lockCustomers } from "../customers/customer.store.ts";
import { ConflictError, InvariantError } from "../kernel/errors.ts";
import type { Instant } from "../kernel/time.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database, Tx } from "../platform/database.ts";
import type { CatchUpPolicy } from "../subscriptions/opening.ts";
import { nextWake } from "../subscriptions/opening.ts";
import { lockSubscriptions, saveSubscriptions } from "../subscriptions/subscription.store.ts";
import type { Subscription } from "../subscriptions/subscription.ts";
import { appendSubscriptionChanges } from "../subscriptions/subscription-change.store.ts";
import { subscriptionByReference } from "../subscriptions/subscription-view.store.ts";
import { type CustomerCatchUp, planFor } from "./show-catch-up.flow.ts";

export type CatchUpTools = {
  readonly db: Database;
  readonly clock: Clock;
  readonly windowFrom: string | null;
  readonly minCharge: number;
};

export type CatchUpChoice = {
  /** Null: the house's setting. */
  readonly policy: CatchUpPolicy | null;
  readonly reason: string | null;
};

/**
 * Chooses how a subscription catches up, from now on; what is late is looked at at once, also when it was held.
 * Answers what billing will now do for its customer. Throws `NotFoundError`, and `ConflictError` when it has ended.
 */
export async function chooseCatchUp(
  { db, clock, windowFrom, minCharge }: CatchUpTools,
  reference: string,
  choice: CatchUpChoice,
  actor: Actor,
): Promise<CustomerCatchUp> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const { id, customerId } = (await subscriptionByReference(tx, reference)).subscription;
    await lockCustomers(tx, [customerId]);
    const [subscription] = await lockSubscriptions(tx, [id]);
    if (subscription === undefined) throw new InvariantError("a subscription is never deleted", { id });
    if (subscription.state === "canceled" || subscription.state === "completed")
      throw new ConflictError(`the subscription is ${subscription.state}: nothing of it will be billed`);
    await saveSubscriptions(tx, [
      { ...subscription, ...lookedAt(subscription, now, windowFrom), catchUpPolicy: choice.policy },
    ]);
    await noteChoice(tx, subscription, choice, { actor, now });
    const customer = (await customersById(tx, [customerId])).get(customerId);
    const found = { id: customerId, reference: customer?.reference ?? "" };
    const [planned] = await planFor(tx, { now, windowFrom, minCharge, policy: null }, [found]);
    if (planned === undefined) throw new InvariantError("a customer has a plan", { customerId });
    return planned;
  });
}

/** Late or due, it is looked at now; what waits for its own day goes on waiting. */
function lookedAt(subscription: Subscription, now: Instant, windowFrom: string | null) {
  if (subscription.nextInvoiceAt === null) return {};
  const wakes = nextWake(subscription, windowFrom);
  return wakes === null || wakes <= now ? { nextInvoiceAt: now } : {};
}

async function noteChoice(
  tx: Tx,
  { id: subscriptionId, catchUpPolicy: before }: Subscription,
  { policy, reason }: CatchUpChoice,
  { actor, now }: { readonly actor: Actor; readonly now: Instant },
): Promise<void> {
  const details = { policy, before };
  await appendSubscriptionChanges(tx, [
    { subscriptionId, kind: "catch_up_chosen", at: now, actor: actor.name, reason, details },
  ]);
}
