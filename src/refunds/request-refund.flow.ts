import type { DecideTools } from "../invoices/collect-tools.ts";
import { insertDecisions } from "../invoices/decision.store.ts";
import { loadFacts, lockInvoices } from "../invoices/facts.store.ts";
import { NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId, RefundId } from "../kernel/ids.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Actor } from "../platform/api-route.ts";
import { choosePayment, type RefundTerms } from "./choose-payment.ts";
import { noteAsked } from "./give-back.flow.ts";
import { findRefundSums, insertRefund } from "./refund.store.ts";
import { refundId, refundReference } from "./refund-reference.ts";

export type RequestRefundTools = Pick<DecideTools, "db" | "clock" | "policy"> & {
  readonly terms: RefundTerms;
};

type Wanted = {
  readonly amount: number | null;
  readonly attemptNumber: number | null;
  readonly reason: string;
};

/**
 * Writes down that money of an invoice is to go back; a worker sends it. The invoice's lock makes the sum of what is
 * given back and what is on its way at most what was paid. The invoice stays what it is.
 */
export async function requestRefund(
  tools: RequestRefundTools,
  id: InvoiceId,
  wanted: Wanted,
  actor: Actor,
): Promise<RefundId> {
  return tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const invoices = await lockInvoices(tx, [id]);
    const [facts] = await loadFacts(tx, invoices, now);
    if (facts === undefined) throw new NotFoundError(`there is no invoice ${id}`);
    const sums = new Map((await findRefundSums(tx, id)).map((sum) => [sum.attemptNumber, sum]));
    const { attempt, amount } = choosePayment({ ...facts, ...wanted, asked: sums, terms: tools.terms, now });
    const number = (sums.get(attempt.number)?.lastNumber ?? 0) + 1;
    const reference = refundReference(attempt.reference, number);
    const refund = {
      id: refundId(reference),
      invoiceId: id,
      attemptNumber: attempt.number,
      number,
      refundReference: reference,
      amount,
      reason: wanted.reason,
      requestedBy: actor.name,
    };
    await insertRefund(tx, refund, now);
    await noteAsked(tx, refund);
    await insertDecisions(
      tx,
      [
        {
          invoiceId: id,
          attemptNumber: attempt.number,
          rule: "refund.asked",
          says: `${actor.name} asked to give back ${formatRupiah(amount)} as ${reference}: ${wanted.reason}`,
          facts: { actor: actor.name, role: actor.role, amount },
          nextActionAt: null,
          policyVersion: tools.policy.version,
        },
      ],
      now,
    );
    return refund.id;
  });
}
