import { expect, it } from "vitest";
import { lockInvoices } from "../../src/invoices/facts.store.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { emptyDatabase, storeInvoice } from "./invoice-rows.ts";

const INVOICES = 12;
const ROUNDS = 40;

it("two writers of the same invoices never lock each other out: rows are taken in the order of their ids", async () => {
  const db = await emptyDatabase();
  const ids: InvoiceId[] = [];
  for (let n = 0; n < INVOICES; n += 1) ids.push(await storeInvoice(db, `s-${n}`));
  let runs = 0;
  const write = async (order: readonly InvoiceId[]) => {
    for (let round = 0; round < ROUNDS; round += 1) {
      await db.begin(async (tx) => {
        runs += 1;
        await lockInvoices(tx, order);
        await tx.query(`update invoices set dunning_step = dunning_step + 1 where id = any($1::uuid[])`, [
          order,
        ]);
      });
    }
  };
  await Promise.all([write(ids), write([...ids].reverse()), write(ids)]);
  const [row] = await db.query<{ steps: number }>(`select sum(dunning_step)::int as steps from invoices`);
  expect(row?.steps).toBe(3 * ROUNDS * INVOICES);
  // A deadlock is mended by running the loser again: then there are more runs than rounds.
  expect(runs).toBe(3 * ROUNDS);
});
