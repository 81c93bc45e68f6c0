import { In, MoreThan } from "typeorm";
import { ConflictError, NotFoundError } from "../kernel/errors.ts";
import type { CustomerId } from "../kernel/ids.ts";
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
