import { NotFoundError } from "../kernel/errors.ts";
import type { Tx } from "../platform/database.ts";
import type { RefundState } from "./refund.ts";

type Row = Readonly<Record<string, unknown>>;

/** A refund as the API shows it: snake_case, whole rupiah. */
const VIEW = `r.id, r.invoice_id as invoice, a.reference as payment_reference, r.attempt_number as attempt,
  r.refund_reference, r.amount, r.reason, r.requested_by, r.state, r.decline_reason, r.code, r.message,
  r.gateway_refund_reference, r.gateway_refunded_at, r.inquiries, r.resends, r.review_reason, r.next_action_at,
  r.created_at, r.last_sent_at, r.closed_at`;
const FROM = `from refunds r
  join payment_attempts a on a.invoice_id = r.invoice_id and a.number = r.attempt_number`;

export type RefundFilter = {
  readonly invoice?: string | undefined;
  readonly state?: RefundState | undefined;
  readonly limit: number;
  /** `created_at/refund_reference` of the last row seen; null: from the newest. */
  readonly after: string | null;
};

/** Refunds, newest first: one more than the limit, so that the caller sees whether there are more. */
export async function listRefunds(tx: Tx, filter: RefundFilter): Promise<Row[]> {
  const [createdAt, reference] = filter.after?.split("/") ?? [];
  const rows = await tx.query<Row>(
    `select ${VIEW}, r.created_at::text as created
       ${FROM}
      where ($1::uuid is null or r.invoice_id = $1)
        and ($2::text is null or r.state = $2)
        and ($3::timestamptz is null or (r.created_at, r.refund_reference) < ($3::timestamptz, $4))
      order by r.created_at desc, r.refund_reference desc
      limit $5`,
    [filter.invoice ?? null, filter.state ?? null, createdAt ?? null, reference ?? null, filter.limit + 1],
  );
  return rows.map(withNumbers);
}

/** One refund with what was sent and heard; throws `NotFoundError`. */
export async function viewRefund(tx: Tx, id: string): Promise<Row> {
  const [row] = await tx.query<Row>(
    `select ${VIEW},
            (select coalesce(json_agg(json_build_object('external_id', q.external_id, 'state', q.state,
                       'code', q.code, 'at', q.at, 'answered_at', q.answered_at) order by q.id), '[]')
               from refund_requests q where q.refund_id = r.id) as requests,
            (select coalesce(json_agg(json_build_object('source', e.source, 'status', e.status,
                       'verdict', e.verdict, 'amount', e.amount, 'at', e.at) order by e.id), '[]')
               from refund_evidence e where e.refund_id = r.id) as evidence
       ${FROM}
      where r.id = $1`,
    [id],
  );
  if (row === undefined) throw new NotFoundError(`there is no refund ${id}`);
  return withNumbers(row);
}

/** The driver hands bigint over as text; JSON carries whole rupiah as a number. */
function withNumbers(row: Row): Row {
  return { ...row, amount: Number(row["amount"]) };
}
