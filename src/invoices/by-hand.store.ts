import type { CustomerId, InvoiceId, Reference } from "../kernel/ids.ts";
import { instantOrNull } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Resume } from "./by-hand.ts";
import type { WaitingFor } from "./invoice.ts";

/** Whose invoice it is; null when there is none of that id. Never changes, so nothing is locked for it. */
export async function customerOf(tx: Tx, id: InvoiceId): Promise<CustomerId | null> {
  const [row] = await tx.query<{ customer_id: CustomerId }>(
    `select customer_id from invoices where id = $1`,
    [id],
  );
  return row?.customer_id ?? null;
}

/** Keeps what collecting goes back to, for an invoice that was closed in this transaction. */
export async function saveResume(tx: Tx, id: InvoiceId, resume: Resume): Promise<void> {
  await tx.query(`update invoices set resume_at = $2, resume_waiting_for = $3 where id = $1`, [
    id,
    resume.at?.toJSDate() ?? null,
    resume.waitingFor,
  ]);
}

/** Takes out what was kept: the invoice is about to be opened again. */
export async function takeResume(tx: Tx, id: InvoiceId): Promise<Resume> {
  const [row] = await tx.query<{ at: Date | null; waiting_for: WaitingFor | null }>(
    `with kept as (select id, resume_at, resume_waiting_for from invoices where id = $1)
     update invoices i
        set resume_at = null, resume_waiting_for = null
       from kept
      where i.id = kept.id
     returning kept.resume_at as at, kept.resume_waiting_for as waiting_for`,
    [id],
  );
  return { at: instantOrNull(row?.at ?? null), waitingFor: row?.waiting_for ?? null };
}

/** What an invoice's lines took from the customer's credit, in whole rupiah. */
export async function creditUsedBy(tx: Tx, id: InvoiceId): Promise<number> {
  const [row] = await tx.query<{ used: string }>(
    `select coalesce(-sum(amount), 0)::text as used
       from invoice_lines
      where invoice_id = $1 and kind = 'credit' and amount < 0`,
    [id],
  );
  return Number(row?.used ?? 0);
}

/** A payment at the gateway that stands, so that charging again would take money twice. */
export type StandingPayment = {
  readonly number: number;
  readonly reference: Reference;
  /** A refund of it whose fate is not known yet. */
  readonly refundOnItsWay: string | null;
};

/**
 * The first payment of an invoice, whose row the caller holds, of which not all was given back. Asking for a refund is
 * not enough: it may still be refused. Of a void invoice the void ones before it count too: they are for the same period.
 */
export async function findStandingPayment(tx: Tx, id: InvoiceId): Promise<StandingPayment | null> {
  const [row] = await tx.query<StandingPayment>(
    `select a.number, a.reference,
            (select r.refund_reference from refunds r
              where r.invoice_id = a.invoice_id and r.attempt_number = a.number and r.closed_at is null
              limit 1) as "refundOnItsWay"
       from invoices i
       join invoices o
         on o.subscription_id = i.subscription_id and o.period_index = i.period_index
        and (o.id = i.id or (i.state = 'void' and i.kind = 'period' and o.state = 'void' and o.kind = 'period'))
       join payment_attempts a on a.invoice_id = o.id and a.state = 'succeeded'
      where i.id = $1
        and a.amount > (select coalesce(sum(r.amount), 0) from refunds r
                         where r.invoice_id = a.invoice_id and r.attempt_number = a.number and r.state = 'refunded')
      order by o.issue_number, o.id, a.number
      limit 1`,
    [id],
  );
  return row ?? null;
}
