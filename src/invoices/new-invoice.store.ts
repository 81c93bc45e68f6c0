import { DEFAULT_POLICY_CODE } from "../dunning/default-policy.ts";
import { InvariantError } from "../kernel/errors.ts";
import type { CustomerId, InvoiceId, PlanVersionId, SubscriptionId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { InvoiceLine } from "../subscriptions/invoice-lines.ts";
import type { WaitingFor } from "./invoice.ts";

export type NewInvoice = {
  readonly id: InvoiceId;
  readonly kind: "period" | "change";
  readonly subscriptionId: SubscriptionId;
  readonly customerId: CustomerId;
  readonly planVersionId: PlanVersionId;
  readonly periodIndex: number;
  readonly issueNumber: number;
  readonly periodStart: LocalDate;
  readonly periodEnd: LocalDate;
  readonly billsOn: LocalDate;
  readonly amount: Rupiah;
  /** In the order in which they are read; their sum is the amount. */
  readonly lines: readonly InvoiceLine[];
  readonly nextActionAt: Instant;
  /** Set: nothing is tried, however due it is. */
  readonly waitingFor: WaitingFor | null;
};

/**
 * Opens invoices with their lines. The same invoice again is a no-op; another invoice for the same period, or an
 * overlapping one, is an error: silently doing nothing would lose a charge. Zero rupiah is paid without an attempt.
 * Each keeps the newest version of its plan's dunning policy.
 * Throws `InvariantError` when lines do not add up to the amount.
 */
export async function insertInvoices(tx: Tx, invoices: readonly NewInvoice[], now: Instant): Promise<void> {
  if (invoices.length === 0) return;
  for (const { id, amount, lines } of invoices) demandSum(id, amount, lines);
  await Promise.all([insertHeads(tx, invoices, now), insertLines(tx, invoices)]);
}

async function insertHeads(tx: Tx, invoices: readonly NewInvoice[], now: Instant): Promise<void> {
  await tx.query(
    `insert into invoices (id, kind, subscription_id, customer_id, plan_version_id, period_index, issue_number,
            period_start, period_end, bills_on, amount, state, waiting_for, next_action_at, created_at, paid_at,
            closed_at, planned_try_at, policy_code, policy_version)
     select x.id, kind, subscription_id, customer_id, plan_version_id, period_index, issue_number, period_start,
            period_end, bills_on, x.amount, case when x.amount = 0 then 'paid' else 'open' end,
            case when x.amount > 0 then waiting_for end,
            case when x.amount > 0 and waiting_for is null then next_action_at end, $2,
            case when x.amount = 0 then $2::timestamptz end, case when x.amount = 0 then $2::timestamptz end,
            case when x.amount > 0 and waiting_for is null then next_action_at end, d.code, coalesce(d.version, 1)
       from json_to_recordset($1::json) as x (id uuid, kind text, subscription_id uuid, customer_id uuid,
              plan_version_id uuid, period_index int, issue_number int, period_start date, period_end date,
              bills_on date, amount bigint, waiting_for text, next_action_at timestamptz)
       join plan_versions v on v.id = x.plan_version_id
       join plans p on p.id = v.plan_id
       left join lateral (select code, version from dunning_policies
                           where code = coalesce(p.dunning_policy, $3)
                           order by version desc limit 1) d on true
      order by x.id
     on conflict (id) do nothing`,
    [JSON.stringify(invoices.map(toRecord)), now.toJSDate(), DEFAULT_POLICY_CODE],
  );
}

async function insertLines(tx: Tx, invoices: readonly NewInvoice[]): Promise<void> {
  const records = invoices.flatMap(({ id, lines }) =>
    lines.map(({ kind, amount, note }, at) => ({ invoice_id: id, number: at + 1, kind, amount, note })),
  );
  await tx.query(
    `insert into invoice_lines (invoice_id, number, kind, amount, note)
     select invoice_id, number, kind, amount, note
       from json_to_recordset($1::json) as x (invoice_id uuid, number int, kind text, amount bigint, note text)
      order by invoice_id, number
     on conflict (invoice_id, number) do nothing`,
    [JSON.stringify(records)],
  );
}

function demandSum(id: InvoiceId, amount: Rupiah, lines: readonly InvoiceLine[]): void {
  const sum = lines.reduce((total, line) => total + line.amount, 0);
  if (sum !== amount) throw new InvariantError("an invoice is the sum of its lines", { id, amount, sum });
}

function toRecord(invoice: NewInvoice) {
  return {
    id: invoice.id,
    kind: invoice.kind,
    subscription_id: invoice.subscriptionId,
    customer_id: invoice.customerId,
    plan_version_id: invoice.planVersionId,
    period_index: invoice.periodIndex,
    issue_number: invoice.issueNumber,
    period_start: invoice.periodStart,
    period_end: invoice.periodEnd,
    bills_on: invoice.billsOn,
    amount: invoice.amount,
    waiting_for: invoice.waitingFor,
    next_action_at: invoice.nextActionAt.toJSDate(),
  };
}

/** How many invoices of each of these periods were voided; in the order given. */
export async function countVoidedPeriods(
  tx: Tx,
  periods: readonly { readonly id: SubscriptionId; readonly index: number }[],
): Promise<number[]> {
  if (periods.length === 0) return [];
  const rows = await tx.query<{ voided: number }>(
    `select (select count(*)::int from invoices i
              where i.subscription_id = x.id and i.period_index = x.period_index
                and i.kind = 'period' and i.state = 'void') as voided
       from unnest($1::uuid[], $2::int[]) with ordinality as x (id, period_index, position)
      order by x.position`,
    [periods.map(({ id }) => id), periods.map(({ index }) => index)],
  );
  return rows.map((row) => row.voided);
}
