import type { SubscriptionId } from "../kernel/ids.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import type { Tx } from "../platform/database.ts";

/** Adds to what the customer is owed; the next invoices use it up. */
export async function addCredit(tx: Tx, id: SubscriptionId, amount: number): Promise<void> {
  if (amount === 0) return;
  await tx.query(`update subscriptions set credit = credit + $2 where id = $1`, [id, amount]);
}

/** Takes up to `most` of what the customer is owed; answers how much there was to take. */
export async function takeCredit(tx: Tx, id: SubscriptionId, most: number): Promise<Rupiah> {
  if (most === 0) return rupiah(0);
  const [row] = await tx.query<{ taken: string }>(
    `with held as (select id, credit from subscriptions where id = $1 for no key update)
     update subscriptions s
        set credit = held.credit - least(held.credit, $2)
       from held
      where s.id = held.id
     returning least(held.credit, $2)::text as taken`,
    [id, most],
  );
  return rupiah(Number(row?.taken ?? 0));
}
