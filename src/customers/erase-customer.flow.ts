import { ConflictError } from "../kernel/errors.ts";
import type { CustomerId } from "../kernel/ids.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database, Tx } from "../platform/database.ts";
import { liveBindingOf, supersedePendingBindings } from "./binding.store.ts";
import { customerByReference, eraseCustomerRow, lockCustomers } from "./customer.store.ts";
import { type Customer, isErased } from "./customer.ts";

export type EraseCustomerTools = {
  readonly db: Database;
  readonly clock: Clock;
  /** Why the customer is still needed, in words, or null; runs while the customer's row is held. */
  readonly whyNeeded: (tx: Tx, customerId: CustomerId) => Promise<string | null>;
};

/**
 * Forgets who a customer is: name, phone, e-mail and everything that opened the wallet. The reference and all that
 * was billed, paid and decided stay. Again is harmless; throws `ConflictError` while the customer is still needed.
 */
export async function eraseCustomer(
  { db, clock, whyNeeded }: EraseCustomerTools,
  reference: string,
  reason: string,
  actor: Actor,
): Promise<Customer> {
  return db.begin(async (tx) => {
    const { id } = await customerByReference(tx, reference);
    await lockCustomers(tx, [id]);
    const customer = await customerByReference(tx, reference);
    if (isErased(customer)) return customer;
    if ((await liveBindingOf(tx, id)) !== null)
      throw new ConflictError("a wallet is linked to this customer: unbind it first");
    const needed = await whyNeeded(tx, id);
    if (needed !== null) throw new ConflictError(needed);
    const now = await clock.now(tx);
    await supersedePendingBindings(tx, id, now);
    await eraseCustomerRow(tx, id, { at: now, by: actor.name, reason });
    return customerByReference(tx, reference);
  });
}
