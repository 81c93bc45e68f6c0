import type { InvoiceId, Reference } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Attempt } from "./attempt.ts";
import { FIRST_INQUIRY_AFTER_MS } from "./inquiry-ladder.ts";

export type NewAttempt = {
  readonly invoiceId: InvoiceId;
  readonly number: number;
  readonly reference: Reference;
  readonly kind: "recurring" | "sale";
  readonly amount: number;
  readonly decisionId: string;
};

/** Begins attempts. The unique index on live attempts refuses a second one, whatever the code believes. */
export async function insertAttempts(tx: Tx, attempts: readonly NewAttempt[], now: Instant): Promise<void> {
  if (attempts.length === 0) return;
  await tx.query(
    `insert into payment_attempts (invoice_id, number, reference, kind, amount, decision_id, created_at, last_sent_at)
     select x.invoice_id, x.number, x.reference, x.kind, x.amount, x.decision_id, $2, $2
       from json_to_recordset($1::json) as x (invoice_id uuid, number int, reference text, kind text, amount bigint,
              decision_id bigint)`,
    [
      JSON.stringify(
        attempts.map((attempt) => ({
          invoice_id: attempt.invoiceId,
          number: attempt.number,
          reference: attempt.reference,
          kind: attempt.kind,
          amount: attempt.amount,
          decision_id: attempt.decisionId,
        })),
      ),
      now.toJSDate(),
    ],
  );
}

/** Saves what news may change about attempts whose invoices the caller has locked. */
export async function saveAttempts(
  tx: Tx,
  changes: readonly { readonly invoiceId: InvoiceId; readonly attempt: Attempt }[],
): Promise<void> {
  if (changes.length === 0) return;
  await tx.query(
    `update payment_attempts a
        set state = x.state, decline_class = x.decline_class, code = x.code, message = x.message,
            gateway_reference = x.gateway_reference, accepted = x.accepted, inquire_at = x.inquire_at,
            inquiries = x.inquiries, not_found_count = x.not_found_count, first_not_found_at = x.first_not_found_at,
            not_found_proved = x.not_found_proved, refusal_noticed_at = x.refusal_noticed_at, resends = x.resends,
            review_reason = x.review_reason, last_sent_at = x.last_sent_at, closed_at = x.closed_at
       from json_to_recordset($1::json) as x (invoice_id uuid, number int, state text, decline_class text, code text,
              message text, gateway_reference text, accepted boolean, inquire_at timestamptz, inquiries int,
              not_found_count int, first_not_found_at timestamptz, not_found_proved boolean,
              refusal_noticed_at timestamptz, resends int, review_reason text, last_sent_at timestamptz,
              closed_at timestamptz)
      where a.invoice_id = x.invoice_id and a.number = x.number`,
    [JSON.stringify(changes.map(({ invoiceId, attempt }) => toRecord(invoiceId, attempt)))],
  );
}

function toRecord(invoiceId: InvoiceId, attempt: Attempt) {
  return {
    invoice_id: invoiceId,
    number: attempt.number,
    state: attempt.state,
    decline_class: attempt.declineClass,
    code: attempt.code,
    message: attempt.message,
    gateway_reference: attempt.gatewayReference,
    accepted: attempt.accepted,
    inquire_at: attempt.inquireAt?.toJSDate() ?? null,
    inquiries: attempt.inquiries,
    not_found_count: attempt.notFoundCount,
    first_not_found_at: attempt.firstNotFoundAt?.toJSDate() ?? null,
    not_found_proved: attempt.notFoundProved,
    refusal_noticed_at: attempt.refusalNoticedAt?.toJSDate() ?? null,
    resends: attempt.resends,
    review_reason: attempt.reviewReason,
    last_sent_at: attempt.lastSentAt.toJSDate(),
    closed_at: attempt.closedAt?.toJSDate() ?? null,
  };
}

/** Notes how much of a payment we have asked back: the gateway's word that it was refunded is then no surprise. */
export async function noteRefundAsked(
  tx: Tx,
  { invoiceId, attemptNumber }: { readonly invoiceId: InvoiceId; readonly attemptNumber: number },
  asked: number,
): Promise<void> {
  await tx.query(`update payment_attempts set refund_asked = $3 where invoice_id = $1 and number = $2`, [
    invoiceId,
    attemptNumber,
    asked,
  ]);
}

/** Which attempt a reference of ours belongs to; unknown references are left out. */
export async function findAttemptsByReference(
  tx: Tx,
  references: readonly string[],
): Promise<{ reference: Reference; invoiceId: InvoiceId; attemptNumber: number }[]> {
  const rows = await tx.query<{ reference: Reference; invoice_id: InvoiceId; number: number }>(
    `select reference, invoice_id, number from payment_attempts where reference = any($1::text[])`,
    [references],
  );
  return rows.map((row) => ({
    reference: row.reference,
    invoiceId: row.invoice_id,
    attemptNumber: row.number,
  }));
}

/** Asks for an inquiry about an attempt, whatever its state, no sooner than the gateway can answer it. */
export async function ringInquiries(
  tx: Tx,
  { invoiceId, attemptNumber }: { readonly invoiceId: InvoiceId; readonly attemptNumber: number },
  now: Instant,
): Promise<void> {
  await tx.query(
    `with locked as (select id from invoices where id = $1 for update),
     rung as (
       update payment_attempts a
          set inquire_at = greatest($3::timestamptz, a.last_sent_at + $4 * interval '1 millisecond')
         from locked
        where a.invoice_id = locked.id and a.number = $2
       returning a.invoice_id, a.inquire_at)
     update invoices i
        set next_action_at = least(i.next_action_at, rung.inquire_at)
       from rung
      where i.id = rung.invoice_id`,
    [invoiceId, attemptNumber, now.toJSDate(), FIRST_INQUIRY_AFTER_MS],
  );
}
