import { expect, it } from "vitest";
import { lockInvoices } from "../../src/invoices/facts.store.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { until } from "../../src/platform/timer.ts";
import type { RoomsDatabase } from "../support/rooms.ts";
import { emptyDatabase, storeInvoice } from "./invoice-rows.ts";

const INVOICES = 12;
const ROUNDS = 12;

it("two writers of the same invoices never lock each other out: rows are taken in the order of their ids", async () => {
  const db = await emptyDatabase();
  const ids: InvoiceId[] = [];
  for (let n = 0; n < INVOICES; n += 1) ids.push(await storeInvoice(db, `s-${n}`));
  let runs = 0;
  const write = (order: readonly InvoiceId[]) =>
    db.begin(async (tx) => {
      runs += 1;
      await lockInvoices(tx, order);
      await tx.query(`update invoices set dunning_step = dunning_step + 1 where id = any($1::uuid[])`, [
        order,
      ]);
    });
  for (let round = 0; round < ROUNDS; round += 1) {
    // Both are stopped in the middle of their locking: what each holds by then shows the order it takes.
    const middle = [...ids].sort()[INVOICES / 2];
    let writers: Promise<unknown> = Promise.resolve();
    await db.begin(async (tx) => {
      await tx.query(`select id from invoices where id = $1 for update`, [middle]);
      writers = Promise.all([write(ids), write([...ids].reverse())]);
      await until("both writers wait", 10_000, async () => (await waiters(db)) === 2);
    });
    await writers;
  }
  const [row] = await db.query<{ steps: number }>(`select sum(dunning_step)::int as steps from invoices`);
  expect(row?.steps).toBe(2 * ROUNDS * INVOICES);
  // A deadlock is mended by running the loser again: then there are more runs than rounds.
  expect(runs).toBe(2 * ROUNDS);
});

async function waiters(db: RoomsDatabase): Promise<number> {
  const [row] = await db.query<{ waiting: number }>(
    `select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return row?.waiting ?? 0;
}
