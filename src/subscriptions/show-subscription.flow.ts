import type { Database, Tx } from "../platform/database.ts";
import { discountsOf, type StoredDiscount } from "./discount.store.ts";
import { unbilledFrom } from "./ending.ts";
import { type Bill, billOf } from "./next-bill.ts";
import { priceChangesOf } from "./price-change.store.ts";
import type { PriceChange } from "./price-change.ts";
import type { Subscription } from "./subscription.ts";
import { type SubscriptionView, subscriptionByReference } from "./subscription-view.store.ts";

type ShowTools = {
  /** The least that is charged, in rupiah. */
  readonly minCharge: number;
};

/** The subscription called `reference` as the API shows it, with its next bill; throws `NotFoundError`. */
export async function showSubscription(tx: Tx, tools: ShowTools, reference: string): Promise<object> {
  const view = await subscriptionByReference(tx, reference);
  const showOne = await subscriptionShower(tx, tools, [view]);
  return showOne(view);
}

/** Throws `NotFoundError` when there is no subscription called `reference`. */
export async function demandSubscription(db: Database, reference: string): Promise<void> {
  await db.begin((tx) => subscriptionByReference(tx, reference));
}

/** How to show any of these subscriptions as the API does: what their next bills depend on is read once for all. */
export async function subscriptionShower(
  tx: Tx,
  { minCharge }: ShowTools,
  views: readonly SubscriptionView[],
): Promise<(view: SubscriptionView) => object> {
  const ids = views.map(({ subscription }) => subscription.id);
  const [discounts, priceChanges] = await Promise.all([discountsOf(tx, ids), priceChangesOf(tx, ids)]);
  return (view) => {
    const { id } = view.subscription;
    const around = { discounts: discounts.get(id) ?? [], priceChanges: priceChanges.get(id) ?? [] };
    const next = nextBill(view.subscription, { ...around, minCharge });
    return { ...show(view, next), ...showAround(around) };
  };
}

/** Null when nothing is billed next: not yet, never again, or because it is canceled by then. */
function nextBill(subscription: Subscription, facts: Parameters<typeof billOf>[2]): Bill | null {
  if (subscription.nextInvoiceAt === null || subscription.cancelAtPeriodEnd) return null;
  return billOf(subscription, subscription.nextIndex, facts);
}

function show(view: SubscriptionView, next: Bill | null) {
  const { subscription } = view;
  const { terms, hold } = subscription;
  return {
    reference: subscription.reference,
    customer: view.customerReference,
    plan: view.planCode,
    plan_version: view.planVersion,
    amount: terms.amount,
    state: subscription.state,
    binding_state: view.bindingState,
    next_invoice_on: next?.period.billsOn ?? null,
    next_invoice_at: next === null ? null : (subscription.nextInvoiceAt?.toISO() ?? null),
    next_amount: next?.billed.amount ?? null,
    zone: subscription.zone,
    start_on: terms.startOn,
    interval: terms.interval.unit,
    interval_count: terms.interval.count,
    alignment: terms.alignment ?? "anniversary",
    billing_day: terms.billingDay,
    billing_month: terms.billingMonth ?? null,
    counted_from: terms.countedFrom ?? null,
    trial_ends_on: terms.trialEndsOn,
    ends_on: terms.endsOn,
    cycles: terms.cycles,
    catch_up_policy: subscription.catchUpPolicy,
    collection_hold: hold !== null,
    hold: hold === null ? null : { owner: hold.owner, reason: hold.reason, ends_on: hold.endsOn },
    paused_at: subscription.pausedAt?.toISO() ?? null,
    resumes_on: subscription.resumesOn,
    cancel_at_period_end: subscription.cancelAtPeriodEnd,
    cancels_on: subscription.cancelAtPeriodEnd ? unbilledFrom(subscription) : null,
    credit: subscription.credit,
    rollover: subscription.rollover,
    created_at: view.createdAt.toISO(),
    activated_at: view.activatedAt?.toISO() ?? null,
    ended_at: subscription.endedAt?.toISO() ?? null,
    end_reason: subscription.endReason,
  };
}

type Around = {
  readonly discounts: readonly StoredDiscount[];
  readonly priceChanges: readonly PriceChange[];
};

function showAround({ discounts, priceChanges }: Around) {
  return {
    discounts: discounts.map(showDiscount),
    price_changes: priceChanges.map(({ effectiveOn, amount }) => ({ effective_on: effectiveOn, amount })),
  };
}

/** A discount as the API shows it; one of `percent` and `amount` is null. */
export function showDiscount({ off, ...discount }: StoredDiscount) {
  return {
    id: discount.id,
    percent: off.kind === "percent" ? off.percent : null,
    amount: off.kind === "amount" ? off.amount : null,
    from_index: discount.fromIndex,
    periods: discount.periods,
    reason: discount.reason,
    created_by: discount.createdBy,
    created_at: discount.createdAt.toISO(),
    ended_at: discount.endedAt?.toISO() ?? null,
  };
}
