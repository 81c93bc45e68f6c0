import type { DunningPolicy } from "../dunning/policy.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import { localDateAt } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { unbilledFrom } from "../subscriptions/ending.ts";
import {
  held,
  latePeriods,
  type PauseAsked,
  paused,
  type ResumeAsked,
  released,
  resumed,
} from "../subscriptions/interruption.ts";
import { type SubscriptionOrder, saveEvent } from "../subscriptions/lock-subscription.flow.ts";
import type { Hold, Subscription } from "../subscriptions/subscription.ts";
import type { DecideTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { saveInvoices } from "./invoice.store.ts";
import type { Invoice } from "./invoice.ts";
import { lockWithInvoices, onTheirWay } from "./lock-with-invoices.flow.ts";

/** Attempts that had left, or were about to, when a pause or hold began; what they take is recorded as always. */
export type Interrupted = { readonly onTheirWay: readonly string[] };
/** Whether it was ended, and the open invoices that are due by that: they waited for it. */
export type Woken = { readonly done: boolean; readonly wokenIds: readonly InvoiceId[] };

type Tools = Pick<DecideTools, "db" | "clock" | "policy">;

/** Pauses a subscription: nothing is invoiced, and nothing that has not been written down by now is sent. */
export async function pauseSubscription(
  { db, clock }: Tools,
  order: SubscriptionOrder & PauseAsked,
): Promise<Interrupted> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const { subscription, open } = await lockWithInvoices(tx, order.reference, now);
    const after = paused(subscription, order, now);
    const references = onTheirWay(open);
    const late = latePeriods(subscription, localDateAt(now, subscription.zone));
    const details = {
      was: subscription.state,
      unbilled_from: unbilledFrom(subscription),
      resumes_on: order.resumesOn,
      passed_over: late.map(({ start, end }) => ({ from: start, to: end })),
      on_their_way: references,
    };
    await saveEvent(tx, order, { after, kind: "paused", details }, now);
    return { onTheirWay: references };
  });
}

/** Puts collection on hold: invoices are made as usual, and nothing that has not been written down by now is sent. */
export async function holdSubscription(
  { db, clock }: Tools,
  order: SubscriptionOrder & { readonly hold: Hold },
): Promise<Interrupted> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const { subscription, open } = await lockWithInvoices(tx, order.reference, now);
    const { owner, endsOn } = order.hold;
    const after = held(subscription, order.hold, now);
    const references = onTheirWay(open);
    const details = { owner, ends_on: endsOn, on_their_way: references };
    await saveEvent(tx, order, { after, kind: "held", details }, now);
    return { onTheirWay: references };
  });
}

/** Ends a pause; `if` is asked under the lock, and false leaves everything as it is. */
export async function resumeSubscription(
  { db, clock, policy }: Tools,
  order: SubscriptionOrder &
    Pick<ResumeAsked, "anchor" | "on"> & { readonly if?: (paused: Subscription, now: Instant) => boolean },
): Promise<Woken> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const { subscription, open } = await lockWithInvoices(tx, order.reference, now);
    if (order.if?.(subscription, now) === false) return { done: false, wokenIds: [] };
    const inArrears = open.some(({ invoice }) => invoice.firstFailedAt !== null);
    const { anchor, on } = order;
    const asked = { anchor, on, inArrears, windowFrom: policy.window?.from ?? null };
    const after = resumed(subscription, asked, now);
    const details = {
      anchor,
      paused_at: subscription.pausedAt?.toISO() ?? null,
      not_billed: freeTime(subscription, after),
      next_on: after.nextInvoiceAt === null ? null : unbilledFrom(after),
    };
    await saveEvent(tx, order, { after, kind: "resumed", details }, now);
    return wake(tx, policy, { order, open, over: "the pause" }, now);
  });
}

function freeTime(before: Subscription, after: Subscription) {
  const [from, to] = [unbilledFrom(before), unbilledFrom(after)];
  return after.nextInvoiceAt !== null && to > from ? { from, to } : null;
}

/** Ends a hold; what is open is due now. `if` is asked under the lock, and false leaves everything as it is. */
export async function releaseSubscription(
  { db, clock, policy }: Tools,
  order: SubscriptionOrder & { readonly if?: (held: Subscription, now: Instant) => boolean },
): Promise<Woken> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const { subscription, open } = await lockWithInvoices(tx, order.reference, now);
    if (order.if?.(subscription, now) === false) return { done: false, wokenIds: [] };
    const after = released(subscription);
    const details = { owner: subscription.hold?.owner ?? null, held_for: subscription.hold?.reason ?? null };
    await saveEvent(tx, order, { after, kind: "released", details }, now);
    return wake(tx, policy, { order, open, over: "the hold" }, now);
  });
}

type Waking = { readonly order: SubscriptionOrder; readonly open: readonly Facts[]; readonly over: string };

/** What waited for this is due now, as when a wallet is linked again: the plan's own time for it went by meanwhile. */
async function wake(
  tx: Tx,
  policy: DunningPolicy,
  { order, open, over }: Waking,
  now: Instant,
): Promise<Woken> {
  const woken = open.filter(({ invoice }) => invoice.waitingFor === "hold").map((facts) => awake(facts, now));
  await saveInvoices(
    tx,
    woken.map((invoice) => ({ invoice, lease: { kind: "keep" } })),
    now,
  );
  const why = order.reason === null ? "" : `: ${order.reason}`;
  await insertDecisions(
    tx,
    woken.map(({ id }) => ({
      invoiceId: id,
      attemptNumber: null,
      rule: "subscription.goes_on",
      says: `${order.actor.name} ended ${over}, this is due again${why}`,
      facts: { actor: order.actor.name },
      nextActionAt: now,
      policyVersion: policy.version,
    })),
    now,
  );
  return { done: true, wokenIds: woken.map(({ id }) => id) };
}

function awake(facts: Facts, now: Instant): Invoice {
  const due = { ...facts.invoice, nextActionAt: now, waitingFor: null };
  // An attempt in doubt has a plan of its own.
  return liveAttempt(facts) === null ? { ...due, retryAt: now, askedAt: now } : due;
}
