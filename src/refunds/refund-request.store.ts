import type { RefundId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Queryable, Tx } from "../platform/database.ts";
import type { RefundNews } from "./apply-refund-verdict.ts";
import type { Refund, RefundRequestRow } from "./refund.ts";

/** Bodies are kept for disputes, cut so that a hostile answer cannot fill the disk. */
const RAW_LIMIT = 4_000;

/** Writes down what is about to be sent, before any byte leaves. Answers the row's id. */
export async function insertRefundRequest(
  tx: Tx,
  request: {
    readonly refundId: RefundId;
    readonly externalId: string;
    readonly leaseNo: number;
    readonly body: string;
  },
  now: Instant,
): Promise<string> {
  const [row] = await tx.query<{ id: string }>(
    `insert into refund_requests (refund_id, external_id, lease_no, body, at)
     values ($1, $2, $3, $4, $5)
     returning id::text as id`,
    [request.refundId, request.externalId, request.leaseNo, request.body, now.toJSDate()],
  );
  return row?.id ?? "";
}

/** Saves how requests ended. An answer that was once held is never forgotten. */
export async function saveRefundRequests(tx: Tx, requests: readonly RefundRequestRow[]): Promise<void> {
  if (requests.length === 0) return;
  await tx.query(
    `update refund_requests r
        set state = x.state, code = x.code,
            answered_at = case when x.state in ('answered', 'refused')
                          then coalesce(r.answered_at, clock_timestamp()) end
       from json_to_recordset($1::json) as x (id bigint, state text, code text)
      where r.id = x.id and r.state = 'written' and x.state <> 'written'`,
    [JSON.stringify(requests.map(({ id, state, code }) => ({ id, state, code })))],
  );
}

/** The bytes that were sent first: every re-send repeats them. Null when nothing was sent. */
export async function findRefundBody(tx: Tx, id: RefundId): Promise<string | null> {
  const [row] = await tx.query<{ body: string }>(
    `select body from refund_requests where refund_id = $1 order by id limit 1`,
    [id],
  );
  return row?.body ?? null;
}

/** Real milliseconds since the refund's last request was written, by the database's clock; 0 before the first. */
export async function findRefundAge(db: Queryable, id: RefundId): Promise<number> {
  const [row] = await db.query<{ ms: string | null }>(
    `select (extract(epoch from clock_timestamp() - max(written_at)) * 1000)::text as ms
       from refund_requests
      where refund_id = $1`,
    [id],
  );
  return Number(row?.ms ?? 0);
}

/** Appends what was heard about a refund. Never refused and never fenced. */
export async function insertRefundEvidence(
  tx: Tx,
  { id, refundReference }: Pick<Refund, "id" | "refundReference">,
  { source, verdict, raw }: RefundNews,
  now: Instant,
): Promise<void> {
  const status = "code" in verdict ? verdict.code : verdict.cause;
  await tx.query(
    `insert into refund_evidence (refund_id, refund_reference, gateway_refund_reference, source, status, verdict,
                                  amount, at, raw)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
    [
      id,
      refundReference,
      verdict.kind === "refunded" ? verdict.gatewayRefundReference : null,
      source,
      status.slice(0, 100),
      verdict.kind,
      verdict.kind === "refunded" ? verdict.amount : null,
      now.toJSDate(),
      // PostgreSQL text cannot hold U+0000; a gateway's garbage may.
      raw.body?.replaceAll("\u0000", "\uFFFD").slice(0, RAW_LIMIT) ?? null,
    ],
  );
}

/** Refunds that want attention at `now` and that nobody holds, oldest first. Locks nothing: a bell is only a bell. */
export async function findRefundsToRing(db: Queryable, now: Instant, limit: number): Promise<RefundId[]> {
  const rows = await db.query<{ id: RefundId }>(
    `select id from refunds
      where next_action_at <= $1
        and (leased_until is null or leased_until <= clock_timestamp())
      order by next_action_at, id
      limit $2`,
    [now.toJSDate(), limit],
  );
  return rows.map((row) => row.id);
}

/** Rings an inquiry about refunds of these payments that are not done: the gateway spoke of money gone back. */
export async function ringRefundsOf(
  tx: Tx,
  payments: readonly { readonly invoiceId: string; readonly attemptNumber: number }[],
  now: Instant,
): Promise<void> {
  if (payments.length === 0) return;
  await tx.query(
    `with rung as (
       select r.id
         from refunds r
         join unnest($1::uuid[], $2::int[]) as x (invoice_id, attempt_number)
           on r.invoice_id = x.invoice_id and r.attempt_number = x.attempt_number
        where r.state <> 'refunded' and r.last_sent_at is not null
        order by r.id
          for update of r)
     update refunds r
        set inquire_at = $3, next_action_at = least(r.next_action_at, $3)
       from rung
      where r.id = rung.id`,
    [
      payments.map((payment) => payment.invoiceId),
      payments.map((payment) => payment.attemptNumber),
      now.toJSDate(),
    ],
  );
}
