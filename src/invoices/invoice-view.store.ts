import { NotFoundError } from "../kernel/errors.ts";
import { rupiah } from "../kernel/money.ts";
import { taxLine } from "../plans/tax.ts";
import type { Tx } from "../platform/database.ts";

/** An invoice as the API and the console show it: snake_case, whole rupiah, dates and instants as text. */
const INVOICE_VIEW = `i.id, s.reference as subscription, c.reference as customer, p.code as plan, i.kind,
  i.period_index, i.period_start::text as period_start, i.period_end::text as period_end, i.bills_on::text as bills_on,
  i.amount, v.tax_basis_points, i.state, i.waiting_for, i.next_action_at, i.first_failed_at, i.dunning_step,
  i.end_reason, i.created_at, i.paid_at, i.closed_at, i.reissue_of,
  (select o.id from invoices o where o.reissue_of = i.id) as reissued_as,
  exists (select from manual_payments m where m.invoice_id = i.id and m.reversed_at is null) as paid_by_hand,
  (select coalesce(sum(r.amount), 0) from refunds r where r.invoice_id = i.id and r.state = 'refunded') as refunded`;
const INVOICE_FROM = `from invoices i join subscriptions s on s.id = i.subscription_id
  join customers c on c.id = i.customer_id join plan_versions v on v.id = i.plan_version_id
  join plans p on p.id = v.plan_id`;

type Row = Readonly<Record<string, unknown>>;

export type InvoiceFilter = {
  readonly state?: string | undefined;
  /** Open invoices that wait for this. */
  readonly waitingFor?: string | undefined;
  readonly from?: string | undefined;
  readonly to?: string | undefined;
  readonly plan?: string | undefined;
  readonly customer?: string | undefined;
  readonly subscription?: string | undefined;
  readonly limit: number;
  /** `bills_on/id` of the last row seen; null: from the newest. */
  readonly after: string | null;
};

/** Invoices, newest bill date first: one more than the limit, so that the caller sees whether there are more. */
export async function listInvoices(tx: Tx, filter: InvoiceFilter): Promise<Row[]> {
  const [cursorDate, cursorId] = filter.after?.split("/") ?? [];
  const rows = await tx.query<Row>(
    `select ${INVOICE_VIEW}
       ${INVOICE_FROM}
      where ($1::text is null or i.state = $1)
        and ($2::date is null or i.bills_on >= $2)
        and ($3::date is null or i.bills_on <= $3)
        and ($4::text is null or p.code = $4)
        and ($5::text is null or c.reference = $5)
        and ($6::text is null or s.reference = $6)
        and ($7::text is null or (i.state = 'open' and i.waiting_for = $7))
        and ($8::date is null or (i.bills_on, i.id) < ($8::date, $9::uuid))
      order by i.bills_on desc, i.id desc
      limit $10`,
    [
      filter.state ?? null,
      filter.from ?? null,
      filter.to ?? null,
      filter.plan ?? null,
      filter.customer ?? null,
      filter.subscription ?? null,
      filter.waitingFor ?? null,
      cursorDate ?? null,
      cursorId ?? null,
      filter.limit + 1,
    ],
  );
  return rows.map(withTax);
}

/** One invoice with its lines and what was paid by hand; throws `NotFoundError`. */
export async function viewInvoice(tx: Tx, id: string): Promise<Row> {
  const [row] = await tx.query<Row>(`select ${INVOICE_VIEW} ${INVOICE_FROM} where i.id = $1`, [id]);
  if (row === undefined) throw new NotFoundError(`there is no invoice ${id}`);
  const lines = await tx.query<Row>(
    `select number, kind, amount, note from invoice_lines where invoice_id = $1 order by number limit 1000`,
    [id],
  );
  const paid = await tx.query<Row>(
    `select amount, paid_on::text as paid_on, proof, reason, forced, recorded_by, recorded_at, reversed_at, reversed_by,
            reversal_reason
       from manual_payments
      where invoice_id = $1
      order by manual_payments.id
      limit 1000`,
    [id],
  );
  return { ...withTax(row), lines: lines.map(withNumbers), manual_payments: paid.map(withNumbers) };
}

/** The attempts of an invoice with their requests and the evidence about them. */
export async function viewAttempts(tx: Tx, id: string): Promise<Row[]> {
  const rows = await tx.query<Row>(
    `select a.number, a.reference, a.kind, a.amount, a.state, a.decline_class, a.code, a.message, a.gateway_reference,
            a.accepted, a.inquiries, a.not_found_count, a.resends, a.review_reason, a.inquire_at, a.created_at,
            a.last_sent_at, a.closed_at, a.refund_asked, w.redirect_url, w.ends_at as page_ends_at,
            (select coalesce(json_agg(json_build_object('external_id', r.external_id, 'state', r.state, 'code', r.code,
                       'at', r.at, 'written_at', r.written_at, 'answered_at', r.answered_at) order by r.id), '[]')
               from requests r where r.invoice_id = a.invoice_id and r.attempt_number = a.number) as requests,
            (select coalesce(json_agg(json_build_object('source', e.source, 'status', e.status, 'verdict', e.verdict,
                       'amount', e.amount, 'gateway_reference', e.gateway_reference, 'at', e.at) order by e.id), '[]')
               from evidence e where e.invoice_id = a.invoice_id and e.attempt_number = a.number) as evidence
       from payment_attempts a
       left join pay_pages w on w.invoice_id = a.invoice_id and w.attempt_number = a.number
      where a.invoice_id = $1
      order by a.number
      limit 1000`,
    [id],
  );
  return rows.map(withNumbers);
}

/** Every decision about an invoice, oldest first. */
export async function viewDecisions(tx: Tx, id: string): Promise<Row[]> {
  const rows = await tx.query<Row>(
    `select id::text as id, at, rule, says, attempt_number, facts, policy_version, next_action_at
       from decisions
      where invoice_id = $1
      order by id
      limit 1000`,
    [id],
  );
  return rows;
}

const MONEY = ["amount", "refunded", "refund_asked"];

/** The driver hands bigint over as text; JSON carries whole rupiah as a number. */
function withNumbers(row: Row): Row {
  const money = MONEY.filter((name) => name in row).map((name) => [name, Number(row[name])]);
  return { ...row, ...Object.fromEntries(money) };
}

/** The tax in the amount, at the rate of the price it was billed at; null when that names none. */
function withTax(row: Row): Row {
  const { tax_basis_points: rate, ...shown } = withNumbers(row);
  return { ...shown, tax: taxLine(rupiah(Number(shown["amount"])), rate === null ? null : Number(rate)) };
}
