import { expect, test } from "vitest";
import { loadFacts, lockInvoices } from "../../src/invoices/facts.store.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { NOON, type RoomsDatabase } from "../support/rooms.ts";
import { emptyDatabase, storeInvoice } from "./invoice-rows.ts";

const OTHERS = 2_000;
const PAGE = 30;

/** Customers who have nothing to do with the invoices; PostgreSQL counts them while few of their wallets are linked. */
async function linkOthers(db: RoomsDatabase): Promise<void> {
  await db.query(
    `insert into customers (id, reference, name, phone, phone_index, created_at)
     select gen_random_uuid(), 'other-' || n, 'Other', 'sealed', 'other-' || n, now() from generate_series(1, $1) n`,
    [OTHERS],
  );
  await db.query(
    `insert into bindings (id, customer_id, phone_index, state, external_id, success_url, failed_url, created_at,
                           expires_at, ended_at, reason, auth_code, auth_code_index)
     select gen_random_uuid(), id, phone_index, 'failed', reference, 'https://m.example', 'https://m.example', now(),
            now(), now(), 'given up', 'sealed', reference
       from customers where reference like 'other-%'`,
  );
  await db.query(`analyze bindings`);
  await db.query(
    `update bindings set state = 'active', activated_at = now(), ended_at = null, reason = null`,
  );
}

/** Rows of bindings that statements have read so far. */
async function rowsRead(db: RoomsDatabase): Promise<number> {
  const [row] = await db.query<{ read: number }>(
    `select (seq_tup_read + idx_tup_fetch)::int as read from pg_stat_xact_user_tables where relname = $1`,
    ["bindings"],
  );
  return row?.read ?? 0;
}

test("a page reads the wallets of its own customers, however many others there are", async () => {
  const db = await emptyDatabase();
  const ids: InvoiceId[] = [];
  for (let number = 1; number <= PAGE; number += 1) ids.push(await storeInvoice(db, `s-${number}`));
  await linkOthers(db);
  const read = await db.begin(async (tx) => {
    const invoices = await lockInvoices(tx, ids);
    const before = await rowsRead({ ...db, query: tx.query });
    expect(await loadFacts(tx, invoices, NOON)).toHaveLength(PAGE);
    return (await rowsRead({ ...db, query: tx.query })) - before;
  });
  expect(read).toBeLessThanOrEqual(PAGE);
});
