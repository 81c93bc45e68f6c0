import type { CustomerId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { insertDecisions } from "./decision.store.ts";
import { bringForwardWithoutWallet } from "./invoice.store.ts";

/**
 * Brings the open invoices of a customer forward whose wallet is gone, with the reason in a decision: their next step
 * lets them wait for another wallet. What is on its way, and what waits for something else, is left alone.
 */
export async function noteWalletGone(
  tx: Tx,
  customerId: CustomerId,
  about: { readonly says: string; readonly policyVersion: number },
  now: Instant,
): Promise<void> {
  const ids = await bringForwardWithoutWallet(tx, customerId, now);
  await insertDecisions(
    tx,
    ids.map((invoiceId) => ({
      invoiceId,
      attemptNumber: null,
      rule: "binding.unlinked",
      says: `${about.says}: nothing is charged until a wallet is linked`,
      facts: {},
      nextActionAt: now,
      policyVersion: about.policyVersion,
    })),
    now,
  );
}
