import { openExceptions } from "../exceptions/exception.store.ts";
import { InvalidError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { formatRupiah, type Rupiah, rupiah } from "../kernel/money.ts";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Tx } from "../platform/database.ts";
import { closeByHand, type Rehearsal } from "./close-by-hand.flow.ts";
import type { CollectTools } from "./collect-tools.ts";
import { liveAttempt } from "./facts.ts";
import type { Invoice } from "./invoice.ts";
import { insertManualPayment } from "./manual-payment.store.ts";

/** Money that came another way, as the person who saw it tells. */
export type PaidByHand = {
  readonly reason: string;
  readonly proof: string;
  /** Null: today in the billing zone. */
  readonly paidOn: LocalDate | null;
  /** Null: what the invoice asks. */
  readonly amount: number | null;
  /** Also while an attempt is on its way: should that succeed, its money is a surplus. */
  readonly force: boolean;
};

/**
 * Settles an invoice, open or given up, by money that did not come through the gateway. More than it asks is a surplus
 * that a person sees; less is refused, for an invoice is paid whole. Throws `InvalidError` by field, `ConflictError`.
 */
export async function markPaid(
  tools: CollectTools & Rehearsal,
  id: InvoiceId,
  paid: PaidByHand,
  actor: Actor,
): Promise<InvoiceId> {
  const { reason, proof, force } = paid;
  return closeByHand(
    tools,
    id,
    {
      closing: "mark_paid",
      reason,
      force,
      record: async (tx, facts, now) => {
        const amount = amountOf(paid, facts.invoice);
        const paidOn = dayOf(paid, localDateAt(now, tools.policy.zone));
        const forced = liveAttempt(facts) !== null;
        const payment = { invoiceId: id, amount, paidOn, proof, reason, forced, recordedBy: actor.name };
        await insertManualPayment(tx, payment, now);
        await noteSurplus(tx, facts.invoice, payment, now);
        const inSpite = forced ? ", in spite of an attempt on its way" : "";
        return {
          says: `recorded ${formatRupiah(amount)} paid on ${paidOn}, proof ${proof}${inSpite}`,
          facts: { amount, paid_on: paidOn, proof, forced },
        };
      },
    },
    actor,
  );
}

function amountOf({ amount }: PaidByHand, invoice: Invoice): Rupiah {
  if (amount !== null && amount < invoice.amount)
    throw new InvalidError(
      `amount: the invoice asks ${formatRupiah(invoice.amount)}, and is paid whole or not at all`,
      { field: "amount" },
    );
  return rupiah(amount ?? invoice.amount);
}

function dayOf({ paidOn }: PaidByHand, today: LocalDate): LocalDate {
  if (paidOn !== null && paidOn > today)
    throw new InvalidError(`paid_on: is in the future; today is ${today}`, { field: "paid_on" });
  return paidOn ?? today;
}

async function noteSurplus(
  tx: Tx,
  { id, amount: asked }: Invoice,
  { amount, proof }: { readonly amount: Rupiah; readonly proof: string },
  now: Instant,
): Promise<void> {
  if (amount === asked) return;
  const surplus = rupiah(amount - asked);
  const says = `${proof} paid ${formatRupiah(surplus)} more than the invoice asks: give it back`;
  await openExceptions(tx, [
    {
      kind: "surplus",
      subject: `${id}/${proof}`.slice(0, 200),
      invoiceId: id,
      amount: surplus,
      says,
      at: now,
    },
  ]);
}
