import { ConflictError, NotFoundError } from "../kernel/errors.ts";
import { isUuid } from "../platform/api-fields.ts";
import { randomUuid } from "../platform/random.ts";
import {
  type DiscountId,
  discountsOf,
  endDiscount,
  insertDiscounts,
  type StoredDiscount,
} from "./discount.store.ts";
import type { Discount } from "./discount.ts";
import { demandNotEnded } from "./ending.ts";
import {
  changeSubscription,
  type SubscriptionEventTools,
  type SubscriptionOrder,
} from "./lock-subscription.flow.ts";

/** Discounts in force at once; each is a line of every invoice. */
const MOST_DISCOUNTS = 20;

/** Gives a discount from the next period that is not billed on; answers it. */
export async function giveDiscount(
  tools: SubscriptionEventTools,
  order: SubscriptionOrder & Pick<Discount, "off" | "periods">,
): Promise<StoredDiscount> {
  const given: StoredDiscount[] = [];
  await changeSubscription(tools, order, async (tx, subscription, now) => {
    demandNotEnded(subscription);
    const { id: subscriptionId, nextIndex: fromIndex } = subscription;
    const inForce = (await discountsOf(tx, [subscriptionId])).get(subscriptionId) ?? [];
    if (inForce.length >= MOST_DISCOUNTS)
      throw new ConflictError(`there are ${inForce.length} discounts already: end one first`);
    const { off, periods, reason, actor } = order;
    const id = randomUuid() as DiscountId;
    const discount = { id, subscriptionId, off, fromIndex, periods, reason };
    const stored = { ...discount, createdBy: actor.name, createdAt: now, endedAt: null };
    await insertDiscounts(tx, [stored]);
    // A transaction that runs again gives one discount, not two.
    given.splice(0, given.length, stored);
    const details = { discount: id, off, from_index: fromIndex, periods };
    return { after: subscription, kind: "discount_given", details };
  });
  return given[0] as StoredDiscount;
}

/** Ends a discount: invoices from now on are made without it. Throws `NotFoundError` when there is none to end. */
export async function stopDiscount(
  tools: SubscriptionEventTools,
  order: SubscriptionOrder & { readonly discount: string },
): Promise<void> {
  await changeSubscription(tools, order, async (tx, subscription, now) => {
    const { discount, reference } = order;
    const which = { id: discount as DiscountId, subscriptionId: subscription.id };
    const ended = isUuid(discount) && (await endDiscount(tx, which, now));
    if (!ended)
      throw new NotFoundError(`subscription ${reference} has no discount ${discount.slice(0, 64)} in force`);
    return { after: subscription, kind: "discount_ended", details: { discount } };
  });
}
