import type { InvoiceId } from "../kernel/ids.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Actor } from "../platform/api-route.ts";
import { closeByHand, type Rehearsal } from "./close-by-hand.flow.ts";
import type { CollectTools } from "./collect-tools.ts";

/**
 * Gives an open invoice up: nothing more is tried, and it may still be paid, by a pay link or another way. Throws
 * `ConflictError` in words while an attempt may take money.
 */
export async function writeOff(
  tools: CollectTools & Rehearsal,
  id: InvoiceId,
  reason: string,
  actor: Actor,
): Promise<InvoiceId> {
  const order = { closing: "write_off", reason, force: false } as const;
  return closeByHand(
    tools,
    id,
    {
      ...order,
      record: async (_tx, { invoice }) => ({
        says: `gave ${formatRupiah(invoice.amount)} up`,
        facts: { amount: invoice.amount },
      }),
    },
    actor,
  );
}
