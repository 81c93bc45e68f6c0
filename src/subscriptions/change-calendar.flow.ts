import type { LocalDate } from "../kernel/time.ts";
import { billingPeriod } from "./billing-period.ts";
import { moved, nextPeriod, type ReanchorAsked, reanchored, skipped } from "./calendar-event.ts";
import { cancelTakenBack, unbilledFrom } from "./ending.ts";
import {
  changeSubscription,
  type SubscriptionEventTools,
  type SubscriptionOrder,
} from "./lock-subscription.flow.ts";

/** Takes a cancel at the period's end back. Throws `ConflictError` when there is none, or it came true. */
export async function takeCancelBack(tools: SubscriptionEventTools, order: SubscriptionOrder): Promise<void> {
  await changeSubscription(tools, order, async (_tx, subscription) => {
    const details = { would_have_ended_on: unbilledFrom(subscription) };
    return { after: cancelTakenBack(subscription), kind: "cancel_taken_back", details };
  });
}

/** Leaves the next period out; `from` says which one is meant, so that nobody skips a second one by mistake. */
export async function skipPeriod(
  tools: SubscriptionEventTools,
  order: SubscriptionOrder & { readonly from: LocalDate | null },
): Promise<void> {
  await changeSubscription(tools, order, async (_tx, subscription) => {
    const { start: from, end: to } = nextPeriod(subscription);
    const after = skipped(subscription, order.from, tools.windowFrom);
    return { after, kind: "skipped", details: { not_billed: { from, to }, next_on: unbilledFrom(after) } };
  });
}

/** Moves a subscription to another zone, from the next period that is not billed on. */
export async function changeZone(
  tools: SubscriptionEventTools,
  order: SubscriptionOrder & { readonly zone: string },
): Promise<void> {
  await changeSubscription(tools, order, async (_tx, subscription) => ({
    after: moved(subscription, order.zone, tools.windowFrom),
    kind: "zone_changed",
    details: { from: subscription.zone, to: order.zone, from_period: unbilledFrom(subscription) },
  }));
}

/** Lets the next period begin on another day, or on another day of the month from then on. */
export async function moveAnchor(
  tools: SubscriptionEventTools,
  order: SubscriptionOrder & ReanchorAsked,
): Promise<void> {
  await changeSubscription(tools, order, async (_tx, subscription) => {
    const before = nextPeriod(subscription);
    const after = reanchored(subscription, order, tools.windowFrom);
    const next = billingPeriod(after.terms, after.nextIndex);
    const free = next !== null && next.start > before.start ? { from: before.start, to: next.start } : null;
    return {
      after,
      kind: "anchor_moved",
      details: {
        choice: order.choice,
        before: { from: before.start, to: before.end },
        next: next === null ? null : { from: next.start, to: next.end },
        not_billed: free,
      },
    };
  });
}
