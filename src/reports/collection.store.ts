import { type Rupiah, rupiah } from "../kernel/money.ts";
import type { Tx } from "../platform/database.ts";
import type { Grouping, TermRow } from "./collection.ts";
import type { ReportScope, Sum } from "./report.ts";

/** Far above periods × terms of the longest report; a sum that is cut off would no longer tie, and say so. */
const ROW_LIMIT = 20_000;

/** The invoices of a scope, each in the first term that fits, summed by term and by day, week or month. */
export async function sumByTerm(tx: Tx, scope: ReportScope, grouping: Grouping): Promise<TermRow[]> {
  const rows = await tx.query<Omit<TermRow, "amount"> & { readonly amount: string }>(
    `with termed as (
       select date_trunc($4, invoices.bills_on::timestamp)::date as period,
              invoices.amount,
              invoices.first_failed_at is not null as failed,
              by_hand.id is not null as by_hand,
              case when invoices.state in ('paid', 'uncollectible', 'void') then invoices.state
                   when invoices.waiting_for = 'method' then 'waiting_method'
                   when invoices.waiting_for = 'person' or live.state = 'review' then 'waiting_person'
                   when invoices.waiting_for = 'hold' then 'waiting_hold'
                   when invoices.waiting_for = 'customer' then 'waiting_customer'
                   when live.state is not null then 'pending_or_unknown'
                   when invoices.first_failed_at is not null then 'in_dunning'
                   else 'not_yet_tried'
               end as term
         from invoices
         join plan_versions on plan_versions.id = invoices.plan_version_id
         join plans on plans.id = plan_versions.plan_id
         left join payment_attempts live
           on live.invoice_id = invoices.id
          and live.state in ('requested', 'pending', 'unknown', 'unsent', 'review')
         left join manual_payments by_hand on by_hand.invoice_id = invoices.id and by_hand.reversed_at is null
        where invoices.bills_on between $1 and $2
          and ($3::text is null or plans.code = $3)
     )
     select period::text, term, failed, by_hand as "byHand", count(*)::int as n, sum(amount)::text as amount
       from termed
      group by period, term, failed, by_hand
      order by period, term, failed, by_hand
      limit $5`,
    [scope.from, scope.to, scope.plan, grouping, ROW_LIMIT],
  );
  return rows.map(({ amount, ...row }) => ({ ...row, amount: rupiah(Number(amount)) }));
}

/** The invoices of a scope counted plainly, without terms: what the terms must add up to. */
export async function sumInvoiced(tx: Tx, { from, to, plan }: ReportScope): Promise<Sum> {
  const [row] = await tx.query<{ n: number; amount: string }>(
    `select count(*)::int as n, coalesce(sum(amount), 0)::text as amount
       from invoices
      where bills_on between $1 and $2
        and ($3::text is null or plan_version_id in
              (select plan_versions.id from plan_versions join plans on plans.id = plan_id where plans.code = $3))
      limit 1`,
    [from, to, plan],
  );
  return row === undefined ? { n: 0, amount: 0 as Rupiah } : { n: row.n, amount: rupiah(Number(row.amount)) };
}

/** Payments by hand that are in force, counted from their own rows, at what their invoices asked. */
export async function sumPaidByHand(tx: Tx, { from, to, plan }: ReportScope): Promise<Sum> {
  const [row] = await tx.query<{ n: number; amount: string }>(
    `select count(*)::int as n, coalesce(sum(invoices.amount), 0)::text as amount
       from manual_payments
       join invoices on invoices.id = manual_payments.invoice_id
      where manual_payments.reversed_at is null
        and invoices.bills_on between $1 and $2
        and ($3::text is null or invoices.plan_version_id in
              (select plan_versions.id from plan_versions join plans on plans.id = plan_id where plans.code = $3))
      limit 1`,
    [from, to, plan],
  );
  return row === undefined ? { n: 0, amount: 0 as Rupiah } : { n: row.n, amount: rupiah(Number(row.amount)) };
}
