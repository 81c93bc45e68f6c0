import type { Logger } from "pino";
import { expirePendingBindings } from "../customers/binding.store.ts";
import type { DecideTools } from "../invoices/collect-tools.ts";
import { endInterruptions } from "../invoices/end-interruptions.flow.ts";
import { findInvoicesToRing, type RingCursor } from "../invoices/invoice.store.ts";
import { openDueInvoices } from "../invoices/open-invoices.flow.ts";
import type { DeliveryId, InvoiceId, RefundId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import { findDeliveriesToRing } from "../notifications/inbox.store.ts";
import { failpoint } from "../platform/failpoint.ts";
import { findRefundsToRing } from "../refunds/refund-request.store.ts";
import { isAnyDue } from "../subscriptions/subscription.store.ts";
import { saveBeat } from "./scheduler.store.ts";

/** How many rows one page of a beat claims or rings: row locks are held for well under a second. */
const PAGE = 500;
/** How many ids one bell carries. */
const BELL = 250;
/** A beat opens at most this many pages: what was due before them must not wait for a backlog. */
const PAGES_TO_OPEN = 20;

export type TickTools = {
  readonly decide: DecideTools;
  /** Rings for invoices: one bell of at most 250 ids each. Ringing twice is harmless. */
  readonly ringInvoices: (pages: readonly (readonly InvoiceId[])[]) => Promise<void>;
  readonly ringRefunds: (ids: readonly RefundId[]) => Promise<void>;
  readonly ringDeliveries: (ids: readonly DeliveryId[]) => Promise<void>;
  /** How many bells wait to be answered; null when the queue does not say. */
  readonly countWaiting: () => Promise<number>;
  /** A beat stops ringing at this many waiting bells: the rest is found by a later beat. */
  readonly backlogLimit: number;
  readonly log: Logger;
};

/** What a beat did. */
export type Beat = {
  /** Pauses and holds whose last day had gone by. */
  readonly ended: number;
  readonly opened: number;
  readonly rung: number;
  readonly refunds: number;
  readonly deliveries: number;
};

/**
 * One beat of the house: end the pauses and holds that are over, open what is due, ring for what wants attention, ring for deliveries left behind.
 * First collection, retry and reconciliation are the same query. Any number of beats may run at once.
 */
export async function tick(tools: TickTools): Promise<Beat> {
  const { db, clock } = tools.decide;
  // First, so that what goes on is opened by the same beat; invoices that are due by it are found with all others.
  const ended = await endInterruptions(tools.decide, PAGE);
  const opened = await openDue(tools);
  const now = await clock.now(db);
  const [rung, refunds, deliveries] = await Promise.all([
    ringDue(tools, opened),
    ringRefunds(tools, now),
    ringDeliveries(tools),
    expirePendingBindings(db, now, PAGE),
  ]);
  await saveBeat(db, await clock.now(db));
  const beat = { ended, opened: opened.claimed, rung: opened.rung.size + rung, refunds, deliveries };
  if (beat.ended + beat.opened + beat.rung + beat.refunds + beat.deliveries > 0)
    tools.log.info({ event: "tick", ...beat });
  return beat;
}

type OpenedAndRung = { readonly claimed: number; readonly rung: ReadonlySet<InvoiceId> };

/** Opens page after page, and rings for each at once: the workers are busy while the next one is opened. */
async function openDue(tools: TickTools): Promise<OpenedAndRung> {
  const { db, clock } = tools.decide;
  const rung = new Set<InvoiceId>();
  let claimed = 0;
  // Most beats find nothing to open: then one statement is enough to know it.
  if (!(await isAnyDue(db, await clock.now(db)))) return { claimed, rung };
  for (let page = 0; page < PAGES_TO_OPEN; page += 1) {
    const opened = await openDueInvoices(tools.decide, PAGE);
    claimed += opened.claimed;
    if (opened.claimed > 0) failpoint("opening.after-commit");
    if (opened.invoiceIds.length > 0 && (await tools.countWaiting()) < tools.backlogLimit) {
      await ring(tools, opened.invoiceIds);
      for (const id of opened.invoiceIds) rung.add(id);
    }
    if (opened.claimed < PAGE) break;
  }
  return { claimed, rung };
}

async function ringDue(tools: TickTools, opened: OpenedAndRung): Promise<number> {
  const { db, clock } = tools.decide;
  let rung = 0;
  for (let cursor: RingCursor | null = null; ; ) {
    if ((await tools.countWaiting()) >= tools.backlogLimit) return rung;
    const after: RingCursor | null = cursor;
    const page: RingCursor[] = await findInvoicesToRing(db, await clock.now(db), PAGE, after);
    const ids = page.map((row) => row.id).filter((id) => !opened.rung.has(id));
    await ring(tools, ids);
    rung += ids.length;
    cursor = page.at(-1) ?? null;
    if (page.length < PAGE) return rung;
  }
}

async function ringRefunds(tools: TickTools, now: Instant): Promise<number> {
  const refunds = await findRefundsToRing(tools.decide.db, now, PAGE);
  if (refunds.length > 0 && (await tools.countWaiting()) < tools.backlogLimit)
    await tools.ringRefunds(refunds);
  return refunds.length;
}

async function ringDeliveries(tools: TickTools): Promise<number> {
  const deliveries = await findDeliveriesToRing(tools.decide.db, PAGE);
  if (deliveries.length > 0) await tools.ringDeliveries(deliveries);
  return deliveries.length;
}

async function ring(tools: TickTools, ids: readonly InvoiceId[]): Promise<void> {
  if (ids.length === 0) return;
  failpoint("bells.before-ring");
  await tools.ringInvoices([ids.slice(0, BELL), ids.slice(BELL)].filter((bell) => bell.length > 0));
  failpoint("bells.after-ring");
}
