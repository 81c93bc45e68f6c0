import type { InvoiceId, SubscriptionId } from "../kernel/ids.ts";
import { rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { ChangeInHand, ChargedInHand } from "./paid-in-hand.ts";

/** More invoices than one period ever has: voided, issued again, and changed in the middle. */
const MOST_OF_PERIOD = 100;

/** Every invoice of period `index`, oldest first; the index invoices_of_subscription is expected. */
export async function chargedFor(
  tx: Tx,
  { subscriptionId, index }: { readonly subscriptionId: SubscriptionId; readonly index: number },
): Promise<ChargedInHand[]> {
  const rows = await tx.query<ChargedRow>(
    `select i.id, i.kind, i.state, i.period_start::text as from, i.period_end::text as to,
            (select coalesce(sum(l.amount), 0) from invoice_lines l
              where l.invoice_id = i.id and l.kind in ('period', 'proration', 'discount')) as worth,
            (select coalesce(-sum(l.amount), 0) from invoice_lines l
              where l.invoice_id = i.id and l.kind = 'credit' and l.amount < 0) as credit_used,
            (select coalesce(sum(r.amount), 0) from refunds r
              where r.invoice_id = i.id and r.state <> 'declined') as refunded,
            (select o.id from invoices o where o.reissue_of = i.id) as reissued_as
       from invoices i
      where i.subscription_id = $1 and i.period_index = $2
      order by i.created_at, i.kind, i.issue_number
      limit $3`,
    [subscriptionId, index, MOST_OF_PERIOD],
  );
  return rows.map(({ worth, credit_used, refunded, reissued_as, ...row }) => ({
    ...row,
    worth: rupiah(Math.max(0, Number(worth))),
    creditUsed: rupiah(Number(credit_used)),
    refunded: rupiah(Number(refunded)),
    reissuedAs: reissued_as,
  }));
}

type ChargedRow = Pick<ChargedInHand, "id" | "kind" | "state" | "from" | "to"> & {
  worth: string;
  credit_used: string;
  refunded: string;
  reissued_as: InvoiceId | null;
};

/** The last plan change that covers days of period `index`, or null; as its line in the timeline says. */
export async function lastChangeIn(
  tx: Tx,
  { subscriptionId, index }: { readonly subscriptionId: SubscriptionId; readonly index: number },
): Promise<ChangeInHand | null> {
  const [row] = await tx.query<{ from: LocalDate; worth: string; invoice: InvoiceId | null }>(
    `select details -> 'covers' ->> 'from' as from, details -> 'covers' ->> 'worth' as worth,
            (details -> 'covers' ->> 'invoice')::uuid as invoice
       from subscription_changes
      where subscription_id = $1 and kind = 'plan_changed' and (details -> 'covers' ->> 'index')::int = $2
      order by id desc
      limit 1`,
    [subscriptionId, index],
  );
  return row === undefined ? null : { ...row, worth: rupiah(Number(row.worth)) };
}

/**
 * Notes that days from `on` are given back: later periods bill them anew. For invoices of a subscription whose row the
 * caller holds; their amount and their period stay as they were issued.
 */
export async function cutBilledPeriods(tx: Tx, subscriptionId: SubscriptionId, on: LocalDate): Promise<void> {
  await tx.query(
    `update invoices i
        set cut_on = $2
      where i.id in (select id from invoices
                      where subscription_id = $1 and kind = 'period' and state <> 'void' and period_end > $2
                        and period_start <= $2 and (cut_on is null or cut_on > $2)
                      order by id limit $3 for update)`,
    [subscriptionId, on, MOST_OF_PERIOD],
  );
}
