import type { SubscriptionId } from "../kernel/ids.ts";
import type { Tx } from "../platform/database.ts";
import { markActive, markPastDue, markUnpaid } from "../subscriptions/subscription.store.ts";
import type { Consequences } from "./consequences.ts";
import { withoutArrears } from "./invoice.store.ts";
import type { Invoice } from "./invoice.ts";

type Change = { readonly invoice: Invoice; readonly subscription: Consequences["subscription"] };

/** Moves subscriptions as their invoices fail or are paid; in id order, so that two writers cannot lock each other. */
export async function saveSubscriptionStates(tx: Tx, changes: readonly Change[]): Promise<void> {
  const becoming = (state: Consequences["subscription"]): SubscriptionId[] => {
    const ids = changes.flatMap(({ invoice, subscription }) =>
      subscription === state ? [invoice.subscriptionId] : [],
    );
    return [...new Set(ids)].sort();
  };
  await markPastDue(tx, becoming("past_due"));
  await markUnpaid(tx, becoming("unpaid"));
  await markActive(tx, await withoutArrears(tx, becoming("active")));
}
