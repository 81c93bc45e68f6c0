import type { RefundDecline } from "../gateway/gateway.ts";
import type { BindingId, InvoiceId, Reference, RefundId } from "../kernel/ids.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import { type Instant, instantOrNull } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Refund, RefundFacts, RefundRequestRow, RefundState } from "./refund.ts";

/** Writes down that money is to go back. The unique index refuses a second live refund of one payment. */
export async function insertRefund(
  tx: Tx,
  refund: Pick<
    Refund,
    "id" | "invoiceId" | "attemptNumber" | "refundReference" | "amount" | "reason" | "requestedBy"
  > & { readonly number: number },
  now: Instant,
): Promise<void> {
  await tx.query(
    `insert into refunds (id, invoice_id, attempt_number, number, refund_reference, amount, reason, requested_by,
                          next_action_at, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)`,
    [
      refund.id,
      refund.invoiceId,
      refund.attemptNumber,
      refund.number,
      refund.refundReference,
      refund.amount,
      refund.reason,
      refund.requestedBy,
      now.toJSDate(),
    ],
  );
}

/** What was asked back of each payment of an invoice so far. */
export type RefundSums = {
  readonly attemptNumber: number;
  /** Refunds ever asked for, refused ones included: the last number used. */
  readonly lastNumber: number;
  /** Given back, or on its way. */
  readonly asked: Rupiah;
  /** The reference of the refund that is not settled yet, or null. */
  readonly live: string | null;
};

export async function findRefundSums(tx: Tx, invoiceId: InvoiceId): Promise<RefundSums[]> {
  const rows = await tx.query<{ attempt_number: number; last: number; asked: string; live: string | null }>(
    `select attempt_number, max(number)::int as last,
            coalesce(sum(amount) filter (where state <> 'declined'), 0)::text as asked,
            max(refund_reference) filter (where closed_at is null) as live
       from refunds
      where invoice_id = $1
      group by attempt_number
      order by attempt_number
      limit 1000`,
    [invoiceId],
  );
  return rows.map(({ attempt_number, last, asked, live }) => ({
    attemptNumber: attempt_number,
    lastNumber: last,
    asked: rupiah(Number(asked)),
    live,
  }));
}

type Row = {
  id: RefundId;
  invoice_id: InvoiceId;
  attempt_number: number;
  refund_reference: string;
  amount: string;
  reason: string;
  requested_by: string;
  state: RefundState;
  decline_reason: RefundDecline | null;
  code: string | null;
  message: string | null;
  gateway_refund_reference: string | null;
  gateway_refunded_at: string | null;
  without_token: boolean;
  accepted: boolean;
  certain: boolean;
  inquire_at: Date | null;
  inquiries: number;
  not_found_count: number;
  first_not_found_at: Date | null;
  not_found_proved: boolean;
  not_sent_count: number;
  resends: number;
  review_reason: string | null;
  next_action_at: Date | null;
  lease_no: number;
  last_sent_at: Date | null;
  closed_at: Date | null;
};

const COLUMNS = `id, invoice_id, attempt_number, refund_reference, amount, reason, requested_by, state, decline_reason,
  code, message, gateway_refund_reference, gateway_refunded_at, without_token, accepted, certain, inquire_at, inquiries,
  not_found_count, first_not_found_at, not_found_proved, not_sent_count, resends, review_reason, next_action_at,
  lease_no, last_sent_at, closed_at`;

/** Locks those of `ids` that are due and that nobody holds, in id order; rows that another worker has are skipped. */
export async function lockDueRefunds(tx: Tx, ids: readonly RefundId[], now: Instant): Promise<Refund[]> {
  const rows = await tx.query<Row>(
    `select ${COLUMNS}
       from refunds
      where id = any($1::uuid[])
        and next_action_at <= $2
        and (leased_until is null or leased_until <= clock_timestamp())
      order by id
        for update skip locked`,
    [ids, now.toJSDate()],
  );
  return withRequests(tx, rows);
}

/** Locks one refund, waiting for whoever has it; null when there is none. */
export async function lockRefund(tx: Tx, id: RefundId): Promise<Refund | null> {
  const rows = await tx.query<Row>(`select ${COLUMNS} from refunds where id = $1 for update`, [id]);
  return (await withRequests(tx, rows))[0] ?? null;
}

async function withRequests(tx: Tx, rows: readonly Row[]): Promise<Refund[]> {
  if (rows.length === 0) return [];
  const requests = await tx.query<RefundRequestRow & { refundId: RefundId }>(
    `select id::text as id, refund_id as "refundId", external_id as "externalId", state, code
       from refund_requests
      where refund_id = any($1::uuid[])
      order by id
      limit 10000`,
    [rows.map((row) => row.id)],
  );
  return rows.map((row) =>
    fromRow(
      row,
      requests.filter((request) => request.refundId === row.id),
    ),
  );
}

function fromRow(row: Row, requests: readonly RefundRequestRow[]): Refund {
  return {
    id: row.id,
    invoiceId: row.invoice_id,
    attemptNumber: row.attempt_number,
    refundReference: row.refund_reference,
    amount: rupiah(Number(row.amount)),
    reason: row.reason,
    requestedBy: row.requested_by,
    state: row.state,
    declineReason: row.decline_reason,
    code: row.code,
    message: row.message,
    gatewayRefundReference: row.gateway_refund_reference,
    gatewayRefundedAt: row.gateway_refunded_at,
    withoutToken: row.without_token,
    accepted: row.accepted,
    certain: row.certain,
    inquireAt: instantOrNull(row.inquire_at),
    inquiries: row.inquiries,
    notFoundCount: row.not_found_count,
    firstNotFoundAt: instantOrNull(row.first_not_found_at),
    notFoundProved: row.not_found_proved,
    notSentCount: row.not_sent_count,
    resends: row.resends,
    reviewReason: row.review_reason,
    nextActionAt: instantOrNull(row.next_action_at),
    leaseNo: row.lease_no,
    lastSentAt: instantOrNull(row.last_sent_at),
    closedAt: instantOrNull(row.closed_at),
    requests,
  };
}

/** What surrounds these refunds: their payments, the wallets they came from, and stops in force. */
export async function findRefundFacts(
  tx: Tx,
  refunds: readonly Refund[],
  now: Instant,
): Promise<RefundFacts[]> {
  if (refunds.length === 0) return [];
  const rows = await tx.query<{
    id: RefundId;
    reference: Reference;
    gateway_reference: string | null;
    external_id: string | null;
    amount: string;
    binding_id: BindingId | null;
    stop_reason: string | null;
    stop_ends_at: Date | null;
  }>(
    `select r.id, a.reference, a.gateway_reference, a.amount, b.id as binding_id,
            (select q.external_id from requests q
              where q.invoice_id = a.invoice_id and q.attempt_number = a.number order by q.id desc limit 1) as external_id,
            s.reason as stop_reason, s.ends_at as stop_ends_at
       from refunds r
       join payment_attempts a on a.invoice_id = r.invoice_id and a.number = r.attempt_number
       join invoices i on i.id = r.invoice_id
       join customers c on c.id = i.customer_id
       join plan_versions v on v.id = i.plan_version_id
       join plans p on p.id = v.plan_id
       left join bindings b on b.customer_id = i.customer_id and b.state = 'active' and b.activated_at <= a.created_at
       left join lateral (
         select reason, ends_at from stops
          where lifted_at is null and (ends_at is null or ends_at > $2)
            and (scope, target) in (('all', ''), ('plan', p.code), ('customer', c.reference), ('invoice', i.id::text))
          order by id
          limit 1) s on true
      where r.id = any($1::uuid[])
      order by r.id
      limit $3`,
    [refunds.map((refund) => refund.id), now.toJSDate(), refunds.length],
  );
  const rowOf = new Map(rows.map((row) => [row.id, row]));
  return refunds.flatMap((refund) => {
    const row = rowOf.get(refund.id);
    if (row === undefined) return [];
    const payment = {
      reference: row.reference,
      gatewayReference: row.gateway_reference,
      externalId: row.external_id,
      amount: rupiah(Number(row.amount)),
    };
    const stop =
      row.stop_reason === null ? null : { reason: row.stop_reason, endsAt: instantOrNull(row.stop_ends_at) };
    return [{ refund, payment, bindingId: row.binding_id, stop }];
  });
}

/** What happens to the lease when a refund is saved; as with invoices. */
export type RefundLease =
  | { readonly kind: "take"; readonly leaseMs: number }
  | { readonly kind: "release"; readonly leaseNo: number };

/** Saves a refund that the caller has locked. */
export async function saveRefund(tx: Tx, refund: Refund, lease: RefundLease | null): Promise<void> {
  await tx.query(
    `update refunds
        set state = $2, decline_reason = $3, code = $4, message = $5, gateway_refund_reference = $6,
            gateway_refunded_at = $7, without_token = $8, accepted = $9, certain = $10, inquire_at = $11,
            inquiries = $12, not_found_count = $13, first_not_found_at = $14, not_found_proved = $15,
            not_sent_count = $16, resends = $17, review_reason = $18, next_action_at = $19, last_sent_at = $20,
            closed_at = $21,
            leased_until = case
              when $22::int is not null then clock_timestamp() + $22 * interval '1 millisecond'
              when $23::int = lease_no then null
              else leased_until end,
            lease_no = lease_no + ($22::int is not null)::int
      where id = $1`,
    [
      refund.id,
      refund.state,
      refund.declineReason,
      refund.code,
      refund.message,
      refund.gatewayRefundReference,
      refund.gatewayRefundedAt,
      refund.withoutToken,
      refund.accepted,
      refund.certain,
      refund.inquireAt?.toJSDate() ?? null,
      refund.inquiries,
      refund.notFoundCount,
      refund.firstNotFoundAt?.toJSDate() ?? null,
      refund.notFoundProved,
      refund.notSentCount,
      refund.resends,
      refund.reviewReason,
      refund.nextActionAt?.toJSDate() ?? null,
      refund.lastSentAt?.toJSDate() ?? null,
      refund.closedAt?.toJSDate() ?? null,
      lease?.kind === "take" ? lease.leaseMs : null,
      lease?.kind === "release" ? lease.leaseNo : null,
    ],
  );
}

/** Where money of a payment stands: what we have asked back of it, refused refunds left out. */
export async function sumAsked(tx: Tx, invoiceId: InvoiceId, attemptNumber: number): Promise<Rupiah> {
  const [row] = await tx.query<{ asked: string }>(
    `select coalesce(sum(amount), 0)::text as asked
       from refunds
      where invoice_id = $1 and attempt_number = $2 and state <> 'declined'`,
    [invoiceId, attemptNumber],
  );
  return rupiah(Number(row?.asked ?? 0));
}
