import { openExceptions } from "../exceptions/exception.store.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import { isOutage, type Tx } from "../platform/database.ts";
import { failpoint } from "../platform/failpoint.ts";
import { type BillingPeriod, billingPeriod } from "../subscriptions/billing-period.ts";
import { claimDueSubscriptions, saveSchedules } from "../subscriptions/subscription.store.ts";
import type { DueSubscription, Schedule } from "../subscriptions/subscription.ts";
import { wakeAt } from "../subscriptions/wake-at.ts";
import type { DecideTools } from "./collect-tools.ts";
import { countVoidedPeriods, insertInvoices, type NewInvoice } from "./new-invoice.store.ts";
import { invoiceId } from "./reference.ts";

/** A subscription whose invoice cannot be opened is looked at again after this. */
const POISON_RECHECK = { hours: 1 };

/** How many subscriptions were claimed, and the invoices that this opened. */
export type Opened = { readonly claimed: number; readonly invoiceIds: readonly InvoiceId[] };

/**
 * Opens the invoices of up to `limit` subscriptions whose next period has begun, and moves their schedules on. One
 * that fails does not stop its neighbours: it is parked with an exception.
 */
export async function openDueInvoices(tools: DecideTools, limit: number): Promise<Opened> {
  try {
    return await tools.db.begin(async (tx) => openSet(tx, tools, await tools.clock.now(tx), limit));
  } catch (error) {
    tools.log.warn({ event: "invoices.open_failed", err: error });
    return openOneByOne(tools, limit);
  }
}

async function openOneByOne(tools: DecideTools, limit: number): Promise<Opened> {
  const invoiceIds: InvoiceId[] = [];
  for (let claimed = 0; claimed < limit; claimed += 1) {
    const next = await openNext(tools);
    if (next === null) return { claimed, invoiceIds };
    invoiceIds.push(...next);
  }
  return { claimed: limit, invoiceIds };
}

/** What the next subscription opened, which may be nothing; null when none is due. */
async function openNext(tools: DecideTools): Promise<readonly InvoiceId[] | null> {
  try {
    const next = await tools.db.begin(async (tx) => openSet(tx, tools, await tools.clock.now(tx), 1));
    return next.claimed === 0 ? null : next.invoiceIds;
  } catch (error) {
    // With PostgreSQL away nobody is to blame: the next beat begins anew.
    if (isOutage(error)) throw error;
    await parkNext(tools, error);
    return [];
  }
}

/** The order of claims is total, so the one that just failed is the first again. */
async function parkNext(tools: DecideTools, error: unknown): Promise<void> {
  await tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const [poison] = await claimDueSubscriptions(tx, now, 1);
    if (poison === undefined) return;
    tools.log.error({ event: "subscription.parked", subscriptionId: poison.id, err: error });
    await saveSchedules(tx, [{ ...scheduleOf(poison), nextInvoiceAt: now.plus(POISON_RECHECK) as Instant }]);
    const says = `its next invoice cannot be opened: ${error instanceof Error ? error.message : "unknown"}`;
    const subject = `${poison.id}/${poison.nextIndex}`;
    await openExceptions(tx, [{ kind: "parked", subject, says: says.slice(0, 300), at: now }]);
  });
}

async function openSet(tx: Tx, tools: DecideTools, now: Instant, limit: number): Promise<Opened> {
  const due = await claimDueSubscriptions(tx, now, limit);
  if (due.length === 0) return { claimed: 0, invoiceIds: [] };
  const voided = await countVoidedPeriods(tx, due);
  const windowFrom = tools.policy.window?.from ?? null;
  const plans = due.map((subscription, index) => plan(subscription, voided[index] ?? 0, now, windowFrom));
  const invoices = plans.flatMap(({ invoice }) => (invoice === null ? [] : [invoice]));
  await Promise.all([
    insertInvoices(tx, invoices, now),
    saveSchedules(
      tx,
      plans.map((each) => each.schedule),
    ),
  ]);
  failpoint("opening.before-commit");
  return { claimed: due.length, invoiceIds: invoices.map(({ id }) => id) };
}

type Planned = { readonly invoice: NewInvoice | null; readonly schedule: Schedule };

/** The next period's invoice and when to look again; no period left means that the subscription is completed. */
function plan(
  subscription: DueSubscription,
  voided: number,
  now: Instant,
  windowFrom: string | null,
): Planned {
  const period = billingPeriod(subscription.terms, subscription.nextIndex);
  if (period === null) return { invoice: null, schedule: over(subscription, now) };
  const today = localDateAt(now, subscription.zone);
  const following = wakeAt(period.end, subscription.zone, windowFrom);
  return {
    invoice: newInvoice(subscription, period, voided, now),
    schedule: {
      ...scheduleOf(subscription),
      state: subscription.state === "trialing" ? "active" : subscription.state,
      nextIndex: subscription.nextIndex + 1,
      nextInvoiceAt: following > now ? following : catchUpAt(subscription, today, now, windowFrom),
      lastOpenedOn: today,
    },
  };
}

/** Nothing is left to bill. With an invoice in dunning it is completed when that is paid. */
function over(subscription: DueSubscription, now: Instant): Schedule {
  const ended = { ...scheduleOf(subscription), nextInvoiceAt: null };
  if (subscription.state === "past_due") return ended;
  return { ...ended, state: "completed", endedAt: now, endReason: "its last period is over" };
}

/**
 * Behind schedule, the oldest period comes first and one period a local day, so that nobody is charged for a
 * quarter at once; a plan of one day may open two a day, or it would never draw level.
 */
function catchUpAt(
  subscription: DueSubscription,
  today: LocalDate,
  now: Instant,
  windowFrom: string | null,
): Instant {
  const { interval } = subscription.terms;
  const daily = interval.unit === "day" && interval.count === 1;
  if (daily && subscription.lastOpenedOn !== today) return now;
  const tomorrow = now.setZone(subscription.zone).plus({ days: 1 }).toISODate() as LocalDate;
  return wakeAt(tomorrow, subscription.zone, windowFrom);
}

function newInvoice(
  { id, customerId, planVersionId, terms }: DueSubscription,
  period: BillingPeriod,
  voided: number,
  now: Instant,
): NewInvoice {
  return {
    id: invoiceId(id, "period", period.index, voided),
    subscriptionId: id,
    customerId,
    planVersionId,
    periodIndex: period.index,
    issueNumber: voided,
    periodStart: period.start,
    periodEnd: period.end,
    billsOn: period.billsOn,
    amount: period.amount,
    nextActionAt: now,
    line: {
      kind: period.proration === null ? "period" : "proration",
      amount: period.amount,
      note:
        period.proration === null
          ? period.note
          : `${period.proration.days} of ${period.proration.of} days of ${terms.amount}`,
    },
  };
}

function scheduleOf(subscription: DueSubscription): Schedule {
  const { id, state, nextIndex, nextInvoiceAt, lastOpenedOn, credit } = subscription;
  return { id, state, nextIndex, nextInvoiceAt, lastOpenedOn, credit, endedAt: null, endReason: null };
}
