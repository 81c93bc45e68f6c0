import { ConflictError, InvalidError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import { planByCode, pricesOn } from "../plans/plan.store.ts";
import { demandDayOfMonth, demandOnOffer, type Plan, type PlanVersion } from "../plans/plan.ts";
import type { Tx } from "../platform/database.ts";
import { billingPeriod } from "../subscriptions/billing-period.ts";
import { demandNotEnded } from "../subscriptions/ending.ts";
import { latePeriods } from "../subscriptions/interruption.ts";
import { type SubscriptionOrder, saveEvent } from "../subscriptions/lock-subscription.flow.ts";
import {
  changeAtNextPeriod,
  changeNow,
  type PlanChange,
  periodInHand,
} from "../subscriptions/plan-change.ts";
import { dropPriceChangesOf, priceChangesOf } from "../subscriptions/price-change.store.ts";
import { liveReferencesTo } from "../subscriptions/subscription.store.ts";
import type { Subscription } from "../subscriptions/subscription.ts";
import { appendSubscriptionChanges } from "../subscriptions/subscription-change.store.ts";
import { wakeAt } from "../subscriptions/wake-at.ts";
import { billChange, type ChangeBill, type Covered, coveredBy } from "./change-bill.ts";
import { openChangeInvoice } from "./change-invoice.flow.ts";
import type { DecideTools } from "./collect-tools.ts";
import { chargedFor, cutBilledPeriods, lastChangeIn } from "./in-hand.store.ts";
import { lockWithInvoices } from "./lock-with-invoices.flow.ts";
import { type PaidInHand, paidInHand } from "./paid-in-hand.ts";

export type PlanChangeOrder = SubscriptionOrder & {
  readonly planCode: string;
  /** Not given: the chosen day stays; null: none is chosen any more. */
  readonly billingDay?: number | null;
  readonly at: "now" | "next_period";
  /** First day on the new plan, when now; null: today. */
  readonly on: LocalDate | null;
  /** What was paid for the period in hand where no invoice says it; null: one does. */
  readonly paid: Rupiah | null;
  /** Also when the customer has another subscription to that plan. */
  readonly allowSecond: boolean;
};

/** What a change came to; a dry run answers the very same. */
export type ChangedPlan = {
  readonly change: PlanChange;
  readonly bill: ChangeBill;
  /** What was opened for it; null: nothing is charged. */
  readonly invoice: InvoiceId | null;
};

type Tools = Pick<DecideTools, "db" | "clock" | "policy" | "minCharge">;

/**
 * Moves a subscription to another plan, or to its own plan's price of today. Now: what was paid and not used goes back,
 * the new plan is billed from that day on, by an invoice at once or as credit. At the next period: neither. Throws
 * `ConflictError` in words while it is not known what was paid, and `InvalidError` by field.
 */
export async function changePlan(tools: Tools, order: PlanChangeOrder): Promise<ChangedPlan> {
  return tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const { subscription } = await lockWithInvoices(tx, order.reference, now);
    const day = dayOf(subscription, order, now);
    const to = await newPlan(tx, subscription, { order, day });
    const change = await workOut(tx, subscription, { order, day, to });
    const bill = billChange(subscription, change, tools.minCharge);
    const covers = coveredBy(change);
    const after = afterChange(subscription, { to, change, bill, covers }, tools.policy.window?.from ?? null);
    await dropPriceChanges(tx, subscription, order, now);
    // A new period has begun in the middle of one that is billed.
    if (change.nextIndex > subscription.nextIndex) await cutBilledPeriods(tx, subscription.id, change.from);
    const { amount } = bill;
    const invoice =
      amount === null || covers === null
        ? null
        : await openChangeInvoice(tx, tools, { after, covers, bill: { ...bill, amount }, order }, now);
    const details = {
      at: order.at,
      from: { plan_id: subscription.planId, plan_version_id: subscription.planVersionId },
      to: { plan: to.plan.code, version: to.price.number, amount: to.price.amount },
      on: change.from,
      lines: bill.lines,
      charge: change.charge,
      credit: change.credit,
      // Read again by the next change in this period: see `lastChangeIn`.
      covers: covers === null ? null : { ...covers, invoice },
    };
    await saveEvent(tx, order, { after, kind: "plan_changed", details }, now);
    return { change, bill, invoice };
  });
}

type WorkedOut = {
  readonly to: Chosen;
  readonly change: PlanChange;
  readonly bill: ChangeBill;
  readonly covers: Covered | null;
};

function afterChange(
  subscription: Subscription,
  { to: { plan, price }, change, bill, covers }: WorkedOut,
  windowFrom: string | null,
): Subscription {
  const { terms, nextIndex } = change;
  // After the last period it is looked at once more, to be completed.
  const wakes = change.next?.billsOn ?? covers?.to ?? change.from;
  const nextInvoiceAt = wakeAt(wakes, subscription.zone, windowFrom);
  const on = { planId: plan.id, planVersionId: price.id };
  return { ...subscription, ...on, terms, nextIndex, nextInvoiceAt, ...bill.carried };
}

/** The day of the change; throws when a change would be worked out from a period that is over. */
function dayOf(subscription: Subscription, { on }: PlanChangeOrder, now: Instant): LocalDate {
  demandNotEnded(subscription);
  const { reference, state, zone, nextInvoiceAt } = subscription;
  if (nextInvoiceAt === null) {
    const cure = state === "paused" ? "resume it first" : "nothing of it is billed";
    throw new ConflictError(`subscription ${reference} is ${state}: ${cure}`);
  }
  const today = localDateAt(now, zone);
  const [late] = latePeriods(subscription, today);
  if (late !== undefined)
    throw new ConflictError(
      `the period from ${late.start} is late and not invoiced yet: change the plan after that`,
    );
  if (on !== null && on > today)
    throw new InvalidError(`on: must not be after ${today}; take at next_period, or ask again on the day`, {
      field: "on",
    });
  return on ?? today;
}

type Chosen = { readonly plan: Plan; readonly price: PlanVersion };

async function newPlan(
  tx: Tx,
  subscription: Subscription,
  { order, day }: { readonly order: PlanChangeOrder; readonly day: LocalDate },
): Promise<Chosen> {
  const plan = await planByCode(tx, order.planCode);
  const { terms, nextIndex, planVersionId, customerId, reference } = subscription;
  const from = order.at === "now" ? day : (billingPeriod(terms, nextIndex)?.start ?? day);
  const price = (await pricesOn(tx, [plan.id], from)).get(plan.id);
  if (price === undefined) throw new InvalidError(`plan: ${plan.code} has no price yet`, { field: "plan" });
  const sameDay = order.billingDay === undefined || order.billingDay === terms.billingDay;
  if (price.id === planVersionId && sameDay)
    throw new ConflictError(`plan: ${reference} is on ${plan.code} at that price already`, { field: "plan" });
  if (plan.id === subscription.planId) return { plan, price };
  demandOnOffer(plan);
  const [other] = await liveReferencesTo(tx, { customerId, planId: plan.id }, 1);
  if (other !== undefined && !order.allowSecond)
    throw new ConflictError(
      `plan: its customer already has the subscription ${other} to ${plan.code}; say allow_second if that is meant`,
      { field: "plan", subscription: other },
    );
  return { plan, price };
}

async function workOut(
  tx: Tx,
  subscription: Subscription,
  { order, day, to }: { readonly order: PlanChangeOrder; readonly day: LocalDate; readonly to: Chosen },
): Promise<PlanChange> {
  const { terms, nextIndex } = subscription;
  const { intervalUnit: unit, intervalCount: count } = to.plan;
  demandDayOfMonth({ unit, count }, order.billingDay ?? null);
  const asked = {
    terms,
    nextIndex,
    on: day,
    to: {
      interval: { unit, count },
      amount: to.price.amount,
      ...(order.billingDay === undefined ? {} : { billingDay: order.billingDay }),
    },
  };
  if (order.at === "next_period") return changeAtNextPeriod({ ...asked, paid: rupiah(0) });
  return changeNow({ ...asked, ...(await paidSoFar(tx, subscription, { day, told: order.paid })) });
}

async function paidSoFar(
  tx: Tx,
  { id: subscriptionId, terms, nextIndex }: Subscription,
  { day, told }: { readonly day: LocalDate; readonly told: Rupiah | null },
): Promise<PaidInHand | { readonly paid: Rupiah }> {
  const inHand = periodInHand({ terms, nextIndex });
  // Then nothing is given back, whatever was paid.
  if (inHand === null || day === inHand.end) return { paid: rupiah(0) };
  const of = { subscriptionId, index: inHand.index };
  const [charged, change] = [await chargedFor(tx, of), await lastChangeIn(tx, of)];
  return paidInHand({ inHand, charged, change, told });
}

/** Prices that were planned are those of the plan that is left. */
async function dropPriceChanges(
  tx: Tx,
  { id, zone }: Subscription,
  { actor, planCode }: PlanChangeOrder,
  now: Instant,
): Promise<void> {
  const planned = (await priceChangesOf(tx, [id])).get(id) ?? [];
  await dropPriceChangesOf(tx, id);
  const today = localDateAt(now, zone);
  const pending = planned.filter(({ effectiveOn }) => effectiveOn > today);
  await appendSubscriptionChanges(
    tx,
    pending.map(({ effectiveOn, amount, planVersionId }) => ({
      subscriptionId: id,
      kind: "price_change_withdrawn",
      at: now,
      actor: actor.name,
      reason: `the plan is changed to ${planCode}`,
      details: { effective_on: effectiveOn, amount, plan_version_id: planVersionId },
    })),
  );
}
