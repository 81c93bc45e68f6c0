import type { CustomerId, InvoiceId, PlanVersionId, SubscriptionId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";

export type NewInvoice = {
  readonly id: InvoiceId;
  readonly subscriptionId: SubscriptionId;
  readonly customerId: CustomerId;
  readonly planVersionId: PlanVersionId;
  readonly periodIndex: number;
  readonly issueNumber: number;
  readonly periodStart: LocalDate;
  readonly periodEnd: LocalDate;
  readonly billsOn: LocalDate;
  readonly amount: Rupiah;
  readonly nextActionAt: Instant;
  readonly line: { readonly kind: "period" | "proration"; readonly amount: Rupiah; readonly note: string };
};

/**
 * Opens invoices with their line. The same invoice again is a no-op; another invoice for the same period, or an
 * overlapping one, is an error: silently doing nothing would lose a charge. Zero rupiah is paid without an attempt.
 */
export async function insertInvoices(tx: Tx, invoices: readonly NewInvoice[], now: Instant): Promise<void> {
  if (invoices.length === 0) return;
  const records = JSON.stringify(invoices.map(toRecord));
  await Promise.all([
    tx.query(
      `insert into invoices (id, subscription_id, customer_id, plan_version_id, period_index, issue_number,
              period_start, period_end, bills_on, amount, state, next_action_at, created_at, paid_at, closed_at)
       select id, subscription_id, customer_id, plan_version_id, period_index, issue_number, period_start,
              period_end, bills_on, amount, case when amount = 0 then 'paid' else 'open' end,
              case when amount > 0 then next_action_at end, $2, case when amount = 0 then $2::timestamptz end,
              case when amount = 0 then $2::timestamptz end
         from json_to_recordset($1::json) as x (id uuid, subscription_id uuid, customer_id uuid,
                plan_version_id uuid, period_index int, issue_number int, period_start date, period_end date,
                bills_on date, amount bigint, next_action_at timestamptz)
        order by id
       on conflict (id) do nothing`,
      [records, now.toJSDate()],
    ),
    tx.query(
      `insert into invoice_lines (invoice_id, number, kind, amount, note)
       select id, 1, line_kind, amount, line_note
         from json_to_recordset($1::json) as x (id uuid, amount bigint, line_kind text, line_note text)
        order by id
       on conflict (invoice_id, number) do nothing`,
      [records],
    ),
  ]);
}

function toRecord(invoice: NewInvoice) {
  return {
    id: invoice.id,
    subscription_id: invoice.subscriptionId,
    customer_id: invoice.customerId,
    plan_version_id: invoice.planVersionId,
    period_index: invoice.periodIndex,
    issue_number: invoice.issueNumber,
    period_start: invoice.periodStart,
    period_end: invoice.periodEnd,
    bills_on: invoice.billsOn,
    amount: invoice.amount,
    next_action_at: invoice.nextActionAt.toJSDate(),
    line_kind: invoice.line.kind,
    line_note: invoice.line.note,
  };
}

/** How many invoices of each subscription's next period were voided; in the order given. */
export async function countVoidedPeriods(
  tx: Tx,
  periods: readonly { readonly id: SubscriptionId; readonly nextIndex: number }[],
): Promise<number[]> {
  const rows = await tx.query<{ voided: number }>(
    `select (select count(*)::int from invoices i
              where i.subscription_id = x.id and i.period_index = x.period_index
                and i.kind = 'period' and i.state = 'void') as voided
       from unnest($1::uuid[], $2::int[]) with ordinality as x (id, period_index, position)
      order by x.position`,
    [periods.map((period) => period.id), periods.map((period) => period.nextIndex)],
  );
  return rows.map((row) => row.voided);
}
