import type { CustomerId } from "../kernel/ids.ts";
import type { Tx } from "../platform/database.ts";

/** Why a customer is still needed, in words: something is owed, or will be billed. Null when nothing is. */
export async function whyCustomerIsNeeded(tx: Tx, id: CustomerId): Promise<string | null> {
  const [open] = await tx.query<{ id: string }>(
    `select id from invoices where customer_id = $1 and state = 'open' order by id limit 1`,
    [id],
  );
  if (open !== undefined) return `invoice ${open.id} is open: collect it, void it or write it off first`;
  const [running] = await tx.query<{ reference: string; state: string }>(
    `select reference, state from subscriptions
      where customer_id = $1 and state not in ('canceled', 'completed') order by reference limit 1`,
    [id],
  );
  if (running === undefined) return null;
  return `subscription ${running.reference} is ${running.state}: cancel it first`;
}
