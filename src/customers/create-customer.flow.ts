import type { CustomerId } from "../kernel/ids.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
import { randomUuid } from "../platform/random.ts";
import type { Sealer } from "../platform/secrets.ts";
import { insertCustomer } from "./customer.store.ts";
import { type Customer, phoneContext } from "./customer.ts";
import { parsePhone } from "./phone.ts";

type CreateCustomerTools = { readonly db: Database; readonly clock: Clock; readonly sealer: Sealer };

export type NewCustomer = {
  readonly reference: string;
  readonly name: string;
  readonly phone: string;
  readonly email: string | null;
};

/** Stores a customer with the phone sealed; throws on a phone that is none and on a taken reference. */
export async function createCustomer(tools: CreateCustomerTools, given: NewCustomer): Promise<Customer> {
  const { db, clock, sealer } = tools;
  const phone = parsePhone(given.phone);
  const id = randomUuid() as CustomerId;
  return db.begin(async (tx) => {
    const customer: Customer = {
      id,
      reference: given.reference,
      name: given.name,
      phone: sealer.seal(phone, phoneContext(id)),
      phoneIndex: sealer.blindIndex(phone),
      email: given.email,
      createdAt: await clock.now(tx),
    };
    await insertCustomer(tx, customer);
    return customer;
  });
}
