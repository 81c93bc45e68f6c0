import type { InvoiceId } from "../kernel/ids.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";

/** Money that came another way than through the gateway, as a person recorded it. */
export type NewManualPayment = {
  readonly invoiceId: InvoiceId;
  readonly amount: Rupiah;
  /** The day on which it was paid. */
  readonly paidOn: LocalDate;
  /** Where it can be looked up: a transfer's number, a receipt. */
  readonly proof: string;
  readonly reason: string;
  /** True when it was recorded although an attempt was on its way. */
  readonly forced: boolean;
  readonly recordedBy: string;
};

/** Stores a payment by hand; an invoice has one in force at most, which the database holds. */
export async function insertManualPayment(tx: Tx, payment: NewManualPayment, now: Instant): Promise<void> {
  await tx.query(
    `insert into manual_payments (invoice_id, amount, paid_on, proof, reason, forced, recorded_by, recorded_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8)`,
    [
      payment.invoiceId,
      payment.amount,
      payment.paidOn,
      payment.proof,
      payment.reason,
      payment.forced,
      payment.recordedBy,
      now.toJSDate(),
    ],
  );
}

/** The payment by hand that is in force, of an invoice whose row the caller holds; null when there is none. */
export async function findManualPayment(
  tx: Tx,
  id: InvoiceId,
): Promise<{ readonly id: string; readonly amount: Rupiah; readonly proof: string } | null> {
  const [row] = await tx.query<{ id: string; amount: string; proof: string }>(
    `select id::text as id, amount, proof from manual_payments where invoice_id = $1 and reversed_at is null`,
    [id],
  );
  return row === undefined ? null : { ...row, amount: rupiah(Number(row.amount)) };
}

/** Takes a payment by hand back; the row stays. */
export async function reverseManualPayment(
  tx: Tx,
  id: string,
  reversal: { readonly at: Instant; readonly by: string; readonly reason: string },
): Promise<void> {
  await tx.query(
    `update manual_payments set reversed_at = $2, reversed_by = $3, reversal_reason = $4
      where id = $1 and reversed_at is null`,
    [id, reversal.at.toJSDate(), reversal.by, reversal.reason],
  );
}
