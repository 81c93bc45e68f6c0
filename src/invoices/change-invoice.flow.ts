import { openExceptions } from "../exceptions/exception.store.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { formatRupiah, type Rupiah } from "../kernel/money.ts";
import { type Instant, localDateAt } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { SubscriptionOrder } from "../subscriptions/lock-subscription.flow.ts";
import type { Subscription } from "../subscriptions/subscription.ts";
import type { ChangeBill, Covered } from "./change-bill.ts";
import type { DecideTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { chargedFor } from "./in-hand.store.ts";
import { insertInvoices } from "./new-invoice.store.ts";
import { invoiceId } from "./reference.ts";

export type ChangeToInvoice = {
  /** As it is after the change; its row is held. */
  readonly after: Subscription;
  readonly covers: Covered;
  readonly bill: Pick<ChangeBill, "lines" | "needsPerson"> & { readonly amount: Rupiah };
  readonly order: SubscriptionOrder;
};

/** Opens the invoice of a plan change, due now; one of nothing is paid by that. Answers its id. */
export async function openChangeInvoice(
  tx: Tx,
  { policy }: Pick<DecideTools, "policy">,
  { after, covers, bill, order }: ChangeToInvoice,
  now: Instant,
): Promise<InvoiceId> {
  const { id: subscriptionId, customerId, planVersionId } = after;
  const { index: periodIndex, from, to } = covers;
  const made = await chargedFor(tx, { subscriptionId, index: periodIndex });
  const issueNumber = made.filter(({ kind }) => kind === "change").length;
  const id = invoiceId(subscriptionId, "change", periodIndex, issueNumber);
  const { amount, lines, needsPerson } = bill;
  const names = { id, subscriptionId, customerId, planVersionId, periodIndex, issueNumber };
  await insertInvoices(
    tx,
    [
      {
        ...names,
        kind: "change",
        periodStart: from,
        periodEnd: to,
        billsOn: localDateAt(now, after.zone),
        amount,
        lines,
        nextActionAt: now,
        waitingFor: needsPerson ? "person" : null,
      },
    ],
    now,
  );
  const why = order.reason === null ? "" : `: ${order.reason}`;
  const decision = {
    invoiceId: id,
    attemptNumber: null,
    rule: "plan.changed",
    says: `${order.actor.name} changed the plan${why}; ${formatRupiah(amount)} is due for ${from} to ${to}`,
    facts: { actor: order.actor.name, lines },
    nextActionAt: amount > 0 && !needsPerson ? now : null,
    policyVersion: policy.version,
  };
  await insertDecisions(tx, [decision], now);
  if (needsPerson) {
    const says = `${after.reference}: ${formatRupiah(amount)} of a plan change is less than the least we charge, and no later invoice takes it: mark it as paid, or write it off`;
    await openExceptions(tx, [{ kind: "below_minimum", subject: id, invoiceId: id, amount, says, at: now }]);
  }
  return id;
}
