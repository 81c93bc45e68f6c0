import type { Logger } from "pino";
import { expirePendingBindings } from "../customers/binding.store.ts";
import type { DecideTools } from "../invoices/collect-tools.ts";
import { findInvoicesToRing, type RingCursor } from "../invoices/invoice.store.ts";
import { openDueInvoices } from "../invoices/open-invoices.flow.ts";
import type { DeliveryId, InvoiceId } from "../kernel/ids.ts";
import { findDeliveriesToRing } from "../notifications/inbox.store.ts";
import { failpoint } from "../platform/failpoint.ts";
import { saveBeat } from "./scheduler.store.ts";

/** How many rows one page of a beat claims or rings: row locks are held for well under a second. */
const PAGE = 500;
/** How many ids one bell carries. */
const BELL = 250;
/** A beat opens at most this many pages before it rings what it has: first bells must not wait for a backlog. */
const PAGES_BEFORE_RINGING = 20;

export type TickTools = {
  readonly decide: DecideTools;
  /** Rings for invoices: one bell of at most 250 ids each. Ringing twice is harmless. */
  readonly ringInvoices: (pages: readonly (readonly InvoiceId[])[]) => Promise<void>;
  readonly ringDeliveries: (ids: readonly DeliveryId[]) => Promise<void>;
  /** How many bells wait to be answered; null when the queue does not say. */
  readonly countWaiting: () => Promise<number>;
  /** A beat stops ringing at this many waiting bells: the rest is found by a later beat. */
  readonly backlogLimit: number;
  readonly log: Logger;
};

/** What a beat did. */
export type Beat = { readonly opened: number; readonly rung: number; readonly deliveries: number };

/**
 * One beat of the house: open what is due, ring for what wants attention, ring for deliveries left behind.
 * First collection, retry and reconciliation are the same query. Any number of beats may run at once.
 */
export async function tick(tools: TickTools): Promise<Beat> {
  const { db, clock } = tools.decide;
  let opened = 0;
  for (let page = 0; page < PAGES_BEFORE_RINGING; page += 1) {
    const claimed = await openDueInvoices(tools.decide, PAGE);
    opened += claimed;
    if (claimed > 0) failpoint("opening.after-commit");
    if (claimed < PAGE) break;
  }
  await db.begin(async (tx) => expirePendingBindings(tx, await clock.now(tx), PAGE));
  const rung = await ringDue(tools);
  const deliveries = await db.begin((tx) => findDeliveriesToRing(tx, PAGE));
  if (deliveries.length > 0) await tools.ringDeliveries(deliveries);
  await db.begin(async (tx) => saveBeat(tx, await clock.now(tx)));
  if (opened + rung + deliveries.length > 0)
    tools.log.info({ event: "tick", opened, rung, deliveries: deliveries.length });
  return { opened, rung, deliveries: deliveries.length };
}

async function ringDue(tools: TickTools): Promise<number> {
  const { db, clock } = tools.decide;
  let rung = 0;
  for (let cursor: RingCursor | null = null; ; ) {
    if ((await tools.countWaiting()) >= tools.backlogLimit) return rung;
    const after: RingCursor | null = cursor;
    const page: RingCursor[] = await db.begin(async (tx) =>
      findInvoicesToRing(tx, await clock.now(tx), PAGE, after),
    );
    const ids = page.map((row) => row.id);
    if (page.length > 0) failpoint("bells.before-ring");
    await tools.ringInvoices([ids.slice(0, BELL), ids.slice(BELL)].filter((bell) => bell.length > 0));
    if (page.length > 0) failpoint("bells.after-ring");
    rung += ids.length;
    cursor = page.at(-1) ?? null;
    if (page.length < PAGE) return rung;
  }
}
