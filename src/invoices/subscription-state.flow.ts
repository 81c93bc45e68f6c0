import type { DunningPolicy } from "../dunning/policy.ts";
import type { InvoiceId, SubscriptionId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { type Revived, reviveUnpaid } from "../subscriptions/revive-unpaid.flow.ts";
import { markActive, markPastDue } from "../subscriptions/subscription.store.ts";
import type { Consequences } from "./consequences.ts";
import { insertDecisions } from "./decision.store.ts";
import { withoutArrears } from "./invoice.store.ts";
import type { Invoice } from "./invoice.ts";

type Change = { readonly invoice: Invoice; readonly subscription: Consequences["subscription"] };

/** Moves subscriptions as their invoices fail or are settled; in id order, so that two writers cannot lock each other. */
export async function saveSubscriptionStates(
  tx: Tx,
  policy: DunningPolicy,
  changes: readonly Change[],
  now: Instant,
): Promise<void> {
  const becoming = (state: Consequences["subscription"]): SubscriptionId[] => {
    const ids = changes.flatMap(({ invoice, subscription }) =>
      subscription === state ? [invoice.subscriptionId] : [],
    );
    return [...new Set(ids)].sort();
  };
  await markPastDue(tx, becoming("past_due"));
  const settled = await withoutArrears(tx, becoming("active"));
  await markActive(tx, settled);
  const revived = await reviveUnpaid(tx, settled, now, policy.window?.from ?? null);
  await insertDecisions(
    tx,
    revived.flatMap((each) => {
      const { invoice } = changes.find((change) => change.invoice.subscriptionId === each.id) ?? {};
      return invoice === undefined ? [] : [decisionOn(invoice.id, each, policy.version)];
    }),
    now,
  );
}

/** What was unpaid is billed again: the reader of the invoice that brought it about sees with what, and what is late. */
function decisionOn(invoiceId: InvoiceId, { from, late, catchUpPolicy }: Revived, policyVersion: number) {
  const periods = `${late} late ${late === 1 ? "period is" : "periods are"}`;
  const policy = catchUpPolicy ?? "of the house";
  const goesOn =
    late === 0
      ? `on ${from}`
      : `with the period of ${from}; ${periods} left to the catch-up policy (${policy})`;
  return {
    invoiceId,
    attemptNumber: null,
    rule: "subscription.revived",
    says:
      from === null
        ? "nothing is in arrears any more: the unpaid subscription is completed, no period is left"
        : `nothing is in arrears any more: the unpaid subscription is active, billing goes on ${goesOn}`,
    facts: { from, late, catch_up_policy: catchUpPolicy },
    nextActionAt: null,
    policyVersion,
  };
}
