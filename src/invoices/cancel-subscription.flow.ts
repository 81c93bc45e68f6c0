import type { DunningPolicy } from "../dunning/policy.ts";
import { openExceptions } from "../exceptions/exception.store.ts";
import { ConflictError } from "../kernel/errors.ts";
import type { InvoiceId, SubscriptionId } from "../kernel/ids.ts";
import { formatRupiah } from "../kernel/money.ts";
import { type Instant, localDateAt } from "../kernel/time.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Tx } from "../platform/database.ts";
import { canceledNow, cancelPlanned, unbilledFrom } from "../subscriptions/ending.ts";
import { latePeriods } from "../subscriptions/interruption.ts";
import { lockOwnRow, saveEvent } from "../subscriptions/lock-subscription.flow.ts";
import type { Subscription } from "../subscriptions/subscription.ts";
import { leftOver } from "./bill-turns.ts";
import { closeLocked } from "./close-by-hand.flow.ts";
import type { DecideTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { loadFacts, lockInvoices } from "./facts.store.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { saveInvoices } from "./invoice.store.ts";
import { lockWithInvoices } from "./lock-with-invoices.flow.ts";
import { nextRung } from "./next-step.ts";
import { voiding } from "./void.flow.ts";

export type CancelOrder = {
  readonly reference: string;
  readonly at: "now" | "period_end";
  /** Also withdraw what is open and nothing is on its way for. */
  readonly voidOpen: boolean;
  readonly reason: string;
  readonly actor: Actor;
};

/** What became of an open invoice. */
export type LeftBehind = {
  readonly id: InvoiceId;
  readonly amount: number;
  /** An attempt that may still take money ends by itself; what it takes is recorded. */
  readonly outcome: "voided" | "waits_for_person" | "on_its_way";
};

/**
 * Cancels a subscription. Now: nothing is invoiced and nothing sent any more, unless an attempt is on its way already;
 * what is owed stays owed in a person's hands, or is withdrawn. At the period's end: the next period is not billed.
 */
export async function cancelSubscription(
  { db, clock, policy }: DecideTools,
  order: CancelOrder,
): Promise<LeftBehind[]> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const { subscription, open } = await lockWithInvoices(tx, order.reference, now);
    if (order.at === "period_end") {
      demandNothingLate(subscription, now);
      const after = cancelPlanned(subscription);
      await saveEvent(
        tx,
        order,
        { after, kind: "cancel_planned", details: { ends_on: unbilledFrom(after) } },
        now,
      );
      return [];
    }
    const after = canceledNow(subscription, order.reason, now);
    const invoices = open.map((facts) => leftBehind(facts, order.voidOpen));
    const details = { was: subscription.state, invoices, ...unsettled(subscription, now) };
    await saveEvent(tx, order, { after, kind: "canceled", details }, now);
    await leave(tx, policy, { order, open }, now);
    await noteLeftOver(tx, after.id, now);
    return invoices;
  });
}

/** Late periods are owed: a cancel at the period's end would pass over them without a word. */
function demandNothingLate(subscription: Subscription, now: Instant): void {
  const [late] = latePeriods(subscription, localDateAt(now, subscription.zone));
  if (late !== undefined)
    throw new ConflictError(
      `the period from ${late.start} is late and not invoiced yet: cancel at the period's end after that, or now`,
    );
}

function leftBehind(facts: Facts, voidOpen: boolean): LeftBehind {
  const { id, amount } = facts.invoice;
  const live = liveAttempt(facts) !== null;
  return { id, amount, outcome: live ? "on_its_way" : voidOpen ? "voided" : "waits_for_person" };
}

/** What is never billed now although it was due, so that nobody has to work it out later. */
function unsettled(subscription: Subscription, now: Instant) {
  const { credit, rollover, zone } = subscription;
  const late = latePeriods(subscription, localDateAt(now, zone));
  return {
    credit,
    carried_over: rollover,
    never_billed: late.map(({ start, end }) => ({ from: start, to: end })),
  };
}

type Leaving = { readonly order: CancelOrder; readonly open: readonly Facts[] };

async function leave(tx: Tx, policy: DunningPolicy, { order, open }: Leaving, now: Instant): Promise<void> {
  const quiet = open.filter((facts) => liveAttempt(facts) === null);
  if (!order.voidOpen) return restWithPerson(tx, policy, { order, open: quiet }, now);
  // Read again: their subscription is canceled by now, so that withdrawing them revives nothing.
  const ids = quiet.map(({ invoice }) => invoice.id);
  const after = await loadFacts(tx, await lockInvoices(tx, ids), now);
  const { actor, reason } = order;
  for (const facts of after)
    await closeLocked(tx, policy, { facts, order: voiding(`canceled: ${reason}`), actor }, now);
}

async function restWithPerson(
  tx: Tx,
  policy: DunningPolicy,
  { order, open }: Leaving,
  now: Instant,
): Promise<void> {
  const resting = open.map((facts) => ({
    ...facts.invoice,
    nextActionAt: nextRung(facts),
    retryAt: null,
    askedAt: null,
    waitingFor: "person" as const,
  }));
  await saveInvoices(
    tx,
    resting.map((invoice) => ({ invoice, lease: { kind: "keep" } })),
    now,
  );
  await insertDecisions(
    tx,
    resting.map(({ id, amount, nextActionAt }) => ({
      invoiceId: id,
      attemptNumber: null,
      rule: "subscription.canceled",
      says:
        `${order.actor.name} canceled the subscription: ${formatRupiah(amount)} stays owed and is not collected; ` +
        "void it, write it off or send a pay link",
      facts: { actor: order.actor.name, role: order.actor.role, reason: order.reason },
      nextActionAt,
      policyVersion: policy.version,
    })),
    now,
  );
}

/** Credit is the customer's money, and what was carried over is ours; no invoice will take them any more. */
async function noteLeftOver(tx: Tx, id: SubscriptionId, now: Instant): Promise<void> {
  // Read again: an invoice that was withdrawn gave back what it had used.
  const subscription = await lockOwnRow(tx, id);
  if (subscription.credit + subscription.rollover > 0)
    await openExceptions(tx, [leftOver(subscription, now)]);
}
