import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { lockItsCustomer, lockOwnRow } from "../subscriptions/lock-subscription.flow.ts";
import type { Subscription } from "../subscriptions/subscription.ts";
import { loadFacts, lockInvoices } from "./facts.store.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { openInvoicesOf } from "./invoice.store.ts";

/** A subscription and its open invoices, all held until the transaction ends. */
export type WithInvoices = { readonly subscription: Subscription; readonly open: readonly Facts[] };

/**
 * Holds what an event of a subscription may change: customer, open invoices, subscription. It is the order in which a
 * payment is recorded and a person closes an invoice, so that no two of them can lock each other out. Whoever was
 * about to write an intent is waited for: what has not been written down by now will not be.
 */
export async function lockWithInvoices(tx: Tx, reference: string, now: Instant): Promise<WithInvoices> {
  const named = await lockItsCustomer(tx, reference);
  await lockInvoices(tx, await openInvoicesOf(tx, named));
  const subscription = await lockOwnRow(tx, named.id);
  // One may have been opened while the subscription's row was waited for.
  const invoices = await lockInvoices(tx, await openInvoicesOf(tx, named));
  return { subscription, open: await loadFacts(tx, invoices, now) };
}

/** References of attempts that may still take money whatever is decided now. */
export function onTheirWay(open: readonly Facts[]): string[] {
  return open.flatMap((facts) => liveAttempt(facts)?.reference ?? []);
}
