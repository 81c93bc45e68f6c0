import type { InvoiceId } from "../kernel/ids.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";

/** What stands in the way of issuing a void invoice again, and what its next name depends on. */
export type Reissuable = {
  readonly kind: "period" | "change";
  readonly periodIndex: number;
  readonly periodStart: LocalDate;
  readonly periodEnd: LocalDate;
  /** The number of the next invoice of this kind and period. */
  readonly issueNumber: number;
  /** The invoice that was issued in its place already. */
  readonly reissuedAs: InvoiceId | null;
  /** Another invoice, not void, that bills some day of the same period. */
  readonly billedBy: InvoiceId | null;
};

/** Read under the lock of its subscription's row, so that nobody makes an invoice of that period meanwhile. */
export async function findReissuable(tx: Tx, id: InvoiceId): Promise<Reissuable | null> {
  await tx.query(
    `select id from subscriptions where id = (select subscription_id from invoices where id = $1) for no key update`,
    [id],
  );
  const [row] = await tx.query<Reissuable>(
    `select i.kind, i.period_index as "periodIndex", i.period_start::text as "periodStart",
            i.period_end::text as "periodEnd",
            (select count(*)::int from invoices o
              where o.subscription_id = i.subscription_id and o.period_index = i.period_index and o.kind = i.kind
                and (o.kind = 'change' or o.state = 'void')) as "issueNumber",
            (select o.id from invoices o where o.reissue_of = i.id) as "reissuedAs",
            (select o.id from invoices o
              where i.kind = 'period' and o.subscription_id = i.subscription_id and o.kind = 'period'
                and o.state <> 'void' and o.period_start < i.period_end and o.period_end > i.period_start
              order by o.period_index, o.id
              limit 1) as "billedBy"
       from invoices i
      where i.id = $1`,
    [id],
  );
  return row ?? null;
}

export type Reissue = {
  readonly of: InvoiceId;
  readonly id: InvoiceId;
  readonly issueNumber: number;
  /** What it uses of the customer's credit; the void one gave back what it had used. */
  readonly credit: number;
};

/** Opens an invoice with the lines of the void one, due now; only its credit is what there is now. */
export async function insertReissue(
  tx: Tx,
  { of, id, issueNumber, credit }: Reissue,
  now: Instant,
): Promise<void> {
  await tx.query(
    `insert into invoices (id, subscription_id, customer_id, plan_version_id, kind, period_index, issue_number,
            period_start, period_end, bills_on, amount, state, next_action_at, created_at, reissue_of)
     select $2, subscription_id, customer_id, plan_version_id, kind, period_index, $3, period_start, period_end,
            bills_on,
            (select sum(l.amount) from invoice_lines l
              where l.invoice_id = i.id and not (l.kind = 'credit' and l.amount < 0)) - $4,
            'open', $5, $5, id
       from invoices i
      where id = $1`,
    [of, id, issueNumber, credit, now.toJSDate()],
  );
  await tx.query(
    `insert into invoice_lines (invoice_id, number, kind, amount, note)
     select $2::uuid, row_number() over (order by number), kind, amount, note
       from invoice_lines
      where invoice_id = $1 and not (kind = 'credit' and amount < 0)`,
    [of, id],
  );
  if (credit === 0) return;
  await tx.query(
    `insert into invoice_lines (invoice_id, number, kind, amount, note)
     select $1::uuid, max(number) + 1, 'credit', -$2::bigint, 'credit used'
       from invoice_lines
      where invoice_id = $1`,
    [id, credit],
  );
}
