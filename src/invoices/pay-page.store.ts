import type { InvoiceId } from "../kernel/ids.ts";
import { type Instant, instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";

/** The gateway's page on which a customer pays an invoice once. */
export type PayPage = {
  readonly attemptNumber: number;
  /** Null until the gateway told it, and for ever when it never did. */
  readonly redirectUrl: string | null;
  readonly endsAt: Instant;
};

/** Notes that a page is about to be asked for. */
export async function insertPayPage(
  tx: Tx,
  page: {
    readonly invoiceId: InvoiceId;
    readonly attemptNumber: number;
    readonly askedBy: string;
    readonly openedAt: Instant;
    readonly endsAt: Instant;
  },
): Promise<void> {
  await tx.query(
    `insert into pay_pages (invoice_id, attempt_number, asked_by, opened_at, ends_at) values ($1, $2, $3, $4, $5)`,
    [page.invoiceId, page.attemptNumber, page.askedBy, page.openedAt.toJSDate(), page.endsAt.toJSDate()],
  );
}

/** Keeps where the page is found. */
export async function savePayPage(
  tx: Tx,
  invoiceId: InvoiceId,
  attemptNumber: number,
  redirectUrl: string,
): Promise<void> {
  await tx.query(`update pay_pages set redirect_url = $3 where invoice_id = $1 and attempt_number = $2`, [
    invoiceId,
    attemptNumber,
    redirectUrl,
  ]);
}

/** The page of an attempt, or null. */
export async function findPayPage(
  tx: Tx,
  invoiceId: InvoiceId,
  attemptNumber: number,
): Promise<PayPage | null> {
  const [row] = await tx.query<{ redirect_url: string | null; ends_at: Date }>(
    `select redirect_url, ends_at from pay_pages where invoice_id = $1 and attempt_number = $2`,
    [invoiceId, attemptNumber],
  );
  return row === undefined
    ? null
    : { attemptNumber, redirectUrl: row.redirect_url, endsAt: instant(row.ends_at) };
}
