import { ConflictError } from "../kernel/errors.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
import type { Sealer } from "../platform/secrets.ts";
import { liveBindingOf, supersedePendingBindings } from "./binding.store.ts";
import { customerByReference, lockCustomers, saveCustomer } from "./customer.store.ts";
import { type Customer, isErased, phoneContext } from "./customer.ts";
import { parsePhone } from "./phone.ts";

type UpdateCustomerTools = { readonly db: Database; readonly clock: Clock; readonly sealer: Sealer };

/** What is undefined stays as it is. */
export type CustomerChange = {
  readonly name?: string | undefined;
  readonly phone?: string | undefined;
  readonly email?: string | null | undefined;
};

/**
 * Changes a customer. Another number is another wallet: it is refused with `ConflictError` while one is linked, and
 * ends a linking that has only begun.
 */
export async function updateCustomer(
  { db, clock, sealer }: UpdateCustomerTools,
  reference: string,
  change: CustomerChange,
): Promise<Customer> {
  const phone = change.phone === undefined ? null : parsePhone(change.phone);
  return db.begin(async (tx) => {
    const { id } = await customerByReference(tx, reference);
    await lockCustomers(tx, [id]);
    const customer = await customerByReference(tx, reference);
    if (isErased(customer)) throw new ConflictError("this customer was erased: make a new one");
    const phoneIndex = phone === null ? customer.phoneIndex : sealer.blindIndex(phone);
    if (phoneIndex !== customer.phoneIndex) {
      if ((await liveBindingOf(tx, id)) !== null)
        throw new ConflictError("phone: a wallet is linked under the old number; unbind it first", {
          field: "phone",
        });
      await supersedePendingBindings(tx, id, await clock.now(tx));
    }
    const changed: Customer = {
      ...customer,
      name: change.name ?? customer.name,
      phone: phone === null ? customer.phone : sealer.seal(phone, phoneContext(id)),
      phoneIndex,
      email: change.email === undefined ? customer.email : change.email,
    };
    await saveCustomer(tx, changed);
    return changed;
  });
}
