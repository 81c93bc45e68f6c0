import type { InvoiceId } from "../kernel/ids.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Actor } from "../platform/api-route.ts";
import { type ClosingOrder, closeByHand, type Rehearsal } from "./close-by-hand.flow.ts";
import type { CollectTools } from "./collect-tools.ts";

/**
 * Withdraws an open invoice: nothing is owed for it, and its period is not billed again unless somebody issues it
 * again. Credit it used goes back. Throws `ConflictError` in words while an attempt may take money.
 */
export async function voidInvoice(
  tools: CollectTools & Rehearsal,
  id: InvoiceId,
  reason: string,
  actor: Actor,
): Promise<InvoiceId> {
  return closeByHand(tools, id, voiding(reason), actor);
}

/** The order to withdraw an invoice. */
export function voiding(reason: string): ClosingOrder {
  return {
    closing: "void",
    reason,
    force: false,
    record: async (_tx, { invoice }) => ({
      says: `withdrew ${formatRupiah(invoice.amount)}`,
      facts: { amount: invoice.amount },
    }),
  };
}
