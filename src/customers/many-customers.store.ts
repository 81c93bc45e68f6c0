import type { CustomerId } from "../kernel/ids.ts";
import { instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Customer } from "./customer.ts";

/** Customers by reference; those that do not exist are missing from the map. */
export async function customersByReferences(
  tx: Tx,
  references: readonly string[],
): Promise<Map<string, Customer>> {
  const rows = await tx.query<{
    id: CustomerId;
    reference: string;
    name: string;
    phone: string;
    phone_index: string;
    email: string | null;
    created_at: Date;
  }>(
    `select id, reference, name, phone, phone_index, email, created_at
       from customers
      where reference = any($1)
      order by reference
      limit $2`,
    [references, references.length],
  );
  return new Map(
    rows.map(({ phone_index: phoneIndex, created_at: createdAt, ...row }) => [
      row.reference,
      { ...row, phoneIndex, createdAt: instant(createdAt) },
    ]),
  );
}

/** Stores new customers and answers the ids of those stored: one whose reference is taken is left out. */
export async function insertCustomers(tx: Tx, customers: readonly Customer[]): Promise<Set<CustomerId>> {
  if (customers.length === 0) return new Set();
  const rows = await tx.query<{ id: CustomerId }>(
    `insert into customers (id, reference, name, phone, phone_index, email, created_at)
     select id, reference, name, phone, phone_index, email, created_at
       from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
            as n (id, reference, name, phone, phone_index, email, created_at)
      order by reference
     on conflict on constraint customers_reference_unique do nothing
     returning id`,
    [
      customers.map(({ id }) => id),
      customers.map(({ reference }) => reference),
      customers.map(({ name }) => name),
      customers.map(({ phone }) => phone),
      customers.map(({ phoneIndex }) => phoneIndex),
      customers.map(({ email }) => email),
      customers.map(({ createdAt }) => createdAt.toJSDate()),
    ],
  );
  return new Set(rows.map(({ id }) => id));
}
