import { ConflictError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Actor } from "../platform/api-route.ts";
import { findStandingPayment, takeResume } from "./by-hand.store.ts";
import { demandReopenable, leftPaid, reopened } from "./by-hand.ts";
import { lockForPerson } from "./close-by-hand.flow.ts";
import type { DecideTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { saveInvoices } from "./invoice.store.ts";
import { findManualPayment, reverseManualPayment } from "./manual-payment.store.ts";
import { saveSubscriptionStates } from "./subscription-state.flow.ts";

/**
 * Undoes a write-off or a payment by hand: the invoice is open, and collecting goes back to what it had planned. Where
 * the gateway took the money as well, its payment stands and nothing is collected again. Throws `ConflictError`.
 */
export async function reopenInvoice(
  { db, clock, policy }: DecideTools,
  id: InvoiceId,
  reason: string,
  actor: Actor,
): Promise<InvoiceId> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const facts = await lockForPerson(tx, id, now);
    const payment = await findManualPayment(tx, id);
    demandReopenable(facts, payment !== null);
    if (payment !== null) await reverseManualPayment(tx, payment.id, { at: now, by: actor.name, reason });
    const stands = await findStandingPayment(tx, id);
    if (stands !== null && stands.refundOnItsWay !== null)
      throw new ConflictError(`refund ${stands.refundOnItsWay} is on its way: wait until its fate is known`);
    const after = stands === null ? reopened(facts, await takeResume(tx, id), now) : leftPaid(facts);
    await saveInvoices(tx, [{ invoice: after.invoice, lease: { kind: "keep" } }], now);
    const undid =
      payment === null
        ? `opened it again after ${formatRupiah(facts.invoice.amount)} was written off`
        : `took back that ${formatRupiah(payment.amount)} was paid by ${payment.proof}`;
    const stays = stands === null ? "" : `; it stays paid, by ${stands.reference}`;
    await insertDecisions(
      tx,
      [
        {
          invoiceId: id,
          attemptNumber: stands?.number ?? null,
          rule: "reopen",
          says: `${actor.name} ${undid}${stays}: ${reason}`,
          facts: { actor: actor.name, role: actor.role, before: facts.invoice.state },
          nextActionAt: after.invoice.nextActionAt,
          policyVersion: policy.version,
        },
      ],
      now,
    );
    await saveSubscriptionStates(tx, policy, [after], now);
    return id;
  });
}
