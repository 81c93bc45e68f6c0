import { lockCustomers } from "../customers/customer.store.ts";
import { InvariantError } from "../kernel/errors.ts";
import type { CustomerId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { activation } from "./activation.ts";
import { postponeDiscounts } from "./discount.store.ts";
import { type Begun, lockSubscriptionsOf, saveBegun } from "./subscription.store.ts";
import type { Subscription } from "./subscription.ts";

/** Far more subscriptions than the customers of one call ever have waiting; beyond it something else is wrong. */
const WAITING_LIMIT = 5_000;

/**
 * Starts what waited for these customers' wallets, in the transaction that makes their bindings active. `windowFrom`:
 * the charge window's start, `HH:MM`; null: always open. May run twice.
 */
export async function activateSubscriptionsOf(
  tx: Tx,
  customerIds: readonly CustomerId[],
  now: Instant,
  windowFrom: string | null,
): Promise<void> {
  await lockCustomers(tx, customerIds);
  const waiting = await lockSubscriptionsOf(tx, customerIds, ["incomplete"], WAITING_LIMIT + 1);
  if (waiting.length > WAITING_LIMIT)
    throw new InvariantError("too many subscriptions wait for these wallets");
  const begun = waiting.map((subscription) => begin(subscription, now, windowFrom));
  await saveBegun(tx, begun, now);
  await postponeDiscounts(tx, begun);
}

function begin(subscription: Subscription, now: Instant, windowFrom: string | null): Begun {
  const { id, terms, nextIndex } = subscription;
  const begun = activation(subscription, now, windowFrom);
  if (begun.kind === "running") return { id, ...begun, endReason: null };
  return {
    id,
    state: "completed",
    startOn: terms.startOn,
    trialEndsOn: terms.trialEndsOn,
    nextIndex,
    nextInvoiceAt: null,
    endReason: "it had ended before the wallet was linked",
  };
}
