import type { DunningPolicy } from "../dunning/policy.ts";
import { firstTryAt } from "../dunning/spread.ts";
import { openingOn } from "../dunning/window.ts";
import { openExceptions } from "../exceptions/exception.store.ts";
import type { InvoiceId, SubscriptionId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import { isOutage, type Tx } from "../platform/database.ts";
import { failpoint } from "../platform/failpoint.ts";
import { claimDueCustomers } from "../subscriptions/claim-customers.store.ts";
import { discountsOf } from "../subscriptions/discount.store.ts";
import { priceChangesOf } from "../subscriptions/price-change.store.ts";
import { claimDueSubscriptions, saveSchedules } from "../subscriptions/subscription.store.ts";
import { appendSubscriptionChanges } from "../subscriptions/subscription-change.store.ts";
import { type BilledTurns, billTurns, scheduleOf, type TurnToBill } from "./bill-turns.ts";
import type { DecideTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { countVoidedPeriods, insertInvoices, type NewInvoice } from "./new-invoice.store.ts";
import { countOpenedToday } from "./opened-today.store.ts";
import { type Turn, turnsOf } from "./turns.ts";

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
    return await tools.db.begin(async (tx) =>
      openSet(tx, tools, await tools.clock.now(tx), { limit, onlyFirst: false }),
    );
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
    const next = await tools.db.begin(async (tx) =>
      openSet(tx, tools, await tools.clock.now(tx), { limit: 1, onlyFirst: true }),
    );
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

type Page = {
  readonly limit: number;
  /** Only the first thing that the first one does: with others it may share the blame for a failure. */
  readonly onlyFirst: boolean;
};

async function openSet(tx: Tx, tools: DecideTools, now: Instant, page: Page): Promise<Opened> {
  const { due, customers } = await claimDueCustomers(tx, now, page.limit);
  if (customers.length === 0) return { claimed: 0, invoiceIds: [] };
  const opened = await countOpenedToday(tx, customers, now);
  const windowFrom = tools.policy.window?.from ?? null;
  const all = customers.flatMap((subscriptions, at) =>
    turnsOf({ subscriptions, opened: opened[at] ?? new Map() }, { now, windowFrom }),
  );
  const turns = page.onlyFirst ? firstOf(all, due[0]?.id) : all;
  const rules = { now, windowFrom, policyVersion: tools.policy.version };
  const billed = billTurns(await withFacts(tx, turns, tools.minCharge), rules);
  const invoices = billed.invoices.map((invoice) => spread(tools.policy, invoice));
  await save(tx, { ...billed, invoices }, now);
  failpoint("opening.before-commit");
  return {
    claimed: due.length,
    invoiceIds: invoices.filter(({ nextActionAt }) => nextActionAt <= now).map(({ id }) => id),
  };
}

/** What opens together in the morning is not asked together; who subscribes later in the day is asked at once. */
function spread(policy: DunningPolicy, invoice: NewInvoice): NewInvoice {
  const { id, billsOn, nextActionAt } = invoice;
  if (policy.spread === null || nextActionAt > openingOn(policy, billsOn)) return invoice;
  return { ...invoice, nextActionAt: firstTryAt(policy, id, billsOn) };
}

function firstOf(turns: readonly Turn[], id: SubscriptionId | undefined): Turn[] {
  return turns
    .filter(({ subscription }) => subscription.id === id)
    .map((turn) => ({ ...turn, openings: turn.openings.slice(0, 1) }));
}

/** Reads what the bills of these turns depend on; a statement a table. */
async function withFacts(tx: Tx, turns: readonly Turn[], minCharge: number): Promise<TurnToBill[]> {
  const periods = turns.flatMap(({ subscription: { id }, openings }) =>
    openings.flatMap((opening) => (opening.kind === "opens" ? [{ id, index: opening.period.index }] : [])),
  );
  const ids = [...new Set(periods.map(({ id }) => id))];
  const [counts, discounts, priceChanges] = await Promise.all([
    countVoidedPeriods(tx, periods),
    discountsOf(tx, ids),
    priceChangesOf(tx, ids),
  ]);
  const voided = new Map(periods.map(({ id, index }, at) => [`${id}/${index}`, counts[at] ?? 0]));
  return turns.map((turn) => {
    const { id } = turn.subscription;
    return {
      ...turn,
      facts: { discounts: discounts.get(id) ?? [], priceChanges: priceChanges.get(id) ?? [], minCharge },
      voidedOf: (index) => voided.get(`${id}/${index}`) ?? 0,
    };
  });
}

async function save(tx: Tx, billed: BilledTurns, now: Instant): Promise<void> {
  await Promise.all([
    insertInvoices(tx, billed.invoices, now),
    saveSchedules(tx, billed.schedules),
    appendSubscriptionChanges(tx, billed.changes),
    insertDecisions(tx, billed.decisions, now),
    openExceptions(tx, billed.exceptions),
  ]);
}
