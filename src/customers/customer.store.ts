import { In, MoreThan } from "typeorm";
import { ConflictError, NotFoundError } from "../kernel/errors.ts";
import type { CustomerId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { customerTable } from "./customer.table.ts";
import type { Customer } from "./customer.ts";

/** Stores a new customer; throws `ConflictError` when the reference is taken. */
export async function insertCustomer(tx: Tx, customer: Customer): Promise<void> {
  const inserted = await tx.query(
    `insert into customers (id, reference, name, phone, phone_index, email, created_at)
     values ($1, $2, $3, $4, $5, $6, $7)
     on conflict on constraint customers_reference_unique do nothing
     returning id`,
    [
      customer.id,
      customer.reference,
      customer.name,
      customer.phone,
      customer.phoneIndex,
      customer.email,
      customer.createdAt.toJSDate(),
    ],
  );
  if (inserted.length === 0) {
    throw new ConflictError(`reference: there is already a customer ${customer.reference}`, {
      field: "reference",
    });
  }
}

/** Changes what may change of a customer; hold its row first. */
export async function saveCustomer(tx: Tx, customer: Customer): Promise<void> {
  await tx.query(`update customers set name = $2, phone = $3, phone_index = $4, email = $5 where id = $1`, [
    customer.id,
    customer.name,
    customer.phone,
    customer.phoneIndex,
    customer.email,
  ]);
}

/** Takes everything personal out of a customer's row and the rows of its bindings, none of which may be live. */
export async function eraseCustomerRow(
  tx: Tx,
  id: CustomerId,
  { at, by, reason }: { readonly at: Instant; readonly by: string; readonly reason: string },
): Promise<void> {
  await tx.query(
    `update customers
        set name = 'erased', phone = '', phone_index = '', email = null,
            erased_at = $2, erased_by = $3, erase_reason = $4
      where id = $1`,
    [id, at.toJSDate(), by, reason],
  );
  await tx.query(
    `update bindings
        set phone_index = '', auth_code = null, auth_code_index = null, redirect_url = null, customer_token = null,
            customer_token_at = null, customer_token_expires_at = null, refresh_token = null, refresh_expires_at = null
      where customer_id = $1`,
    [id],
  );
}

/** The customer called `reference`, or `NotFoundError`. */
export async function customerByReference(tx: Tx, reference: string): Promise<Customer> {
  const customer = await tx.manager.getRepository(customerTable).findOneBy({ reference });
  if (customer === null) throw new NotFoundError(`there is no customer ${reference}`);
  return customer;
}

/** Customers by id; those that do not exist are missing from the map. */
export async function customersById(tx: Tx, ids: readonly CustomerId[]): Promise<Map<CustomerId, Customer>> {
  const customers = await tx.manager.getRepository(customerTable).findBy({ id: In([...ids]) });
  return new Map(customers.map((customer) => [customer.id, customer]));
}

/**
 * Holds customers' rows until the transaction ends, in id order. Whoever links a wallet and whoever makes a
 * subscription takes this first: otherwise each could miss the other's row, and the subscription would never start.
 */
export async function lockCustomers(tx: Tx, ids: readonly CustomerId[]): Promise<void> {
  await tx.query(`select id from customers where id = any($1) order by id limit $2 for no key update`, [
    ids,
    ids.length,
  ]);
}

/** Customers by reference, beginning behind `after`. */
export async function listCustomers(tx: Tx, after: string | null, limit: number): Promise<Customer[]> {
  return tx.manager.getRepository(customerTable).find({
    where: after === null ? {} : { reference: MoreThan(after) },
    order: { reference: "ASC" },
    take: limit,
  });
}
