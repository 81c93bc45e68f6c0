import { type Rupiah, rupiah } from "../kernel/money.ts";
import type { Tx } from "../platform/database.ts";
import type { FailureRow } from "./failures.ts";
import type { ReportScope, Sum } from "./report.ts";

/** Classes × codes × places × plans stay far below; sums of a list that is cut off would no longer tie, and say so. */
const ROW_LIMIT = 5_000;

const BILLED = `select invoices.id, invoices.amount, plans.code as plan
         from invoices
         join plan_versions on plan_versions.id = invoices.plan_version_id
         join plans on plans.id = plan_versions.plan_id
        where invoices.bills_on between $1 and $2
          and ($3::text is null or plans.code = $3)`;

/**
 * Tries that failed, by reason and place. A try is an attempt, or a balance check after which nothing was asked;
 * both hang on a decision, and the ids of decisions are their order (business time may stand still).
 */
export async function sumFailures(tx: Tx, scope: ReportScope): Promise<FailureRow[]> {
  const rows = await tx.query<Omit<FailureRow, "amount"> & { amount: string }>(
    `with billed as (${BILLED}),
     tries as (
       select billed.plan, attempts.invoice_id, attempts.decision_id, attempts.amount,
              true as asked, attempts.state = 'failed' as failed,
              coalesce(attempts.decline_class, 'none') as class,
              coalesce(attempts.code, attempts.message, 'unsaid') as code
         from billed
         join payment_attempts attempts on attempts.invoice_id = billed.id
       union all
       select billed.plan, decisions.invoice_id, decisions.id, billed.amount,
              false, true,
              case when decisions.rule = 'balance.short' then 'funds'
                   else coalesce(decisions.facts ->> 'declineClass', 'none') end,
              case when decisions.rule = 'balance.short' then 'balance short'
                   else coalesce(decisions.facts ->> 'code', 'unsaid') end
         from billed
         join decisions on decisions.invoice_id = billed.id
        where decisions.rule in ('balance.short', 'balance.refused')
     ),
     placed as (
       select plan, amount, asked, failed, class, code,
              lag(decision_id) over by_invoice is null as is_first,
              lead(decision_id) over by_invoice is null as is_last
         from tries
       window by_invoice as (partition by invoice_id order by decision_id)
     )
     select asked, class, code, plan,
            case when is_first and is_last then 'only' when is_first then 'first'
                 when is_last then 'last' else 'between' end as place,
            count(*)::int as n, sum(amount)::text as amount
       from placed
      where failed
      group by 1, 2, 3, 4, 5
      order by count(*) desc, asked desc, class, code, plan, place
      limit $4`,
    [scope.from, scope.to, scope.plan, ROW_LIMIT],
  );
  return rows.map(({ amount, ...row }) => ({ ...row, amount: rupiah(Number(amount)) }));
}

/** Failed attempts, counted from their own table alone. */
export function sumFailedAttempts(tx: Tx, scope: ReportScope): Promise<Sum> {
  return sumOf(
    tx,
    scope,
    `select count(*)::int as n, coalesce(sum(payment_attempts.amount), 0)::text as amount
       from payment_attempts
      where state = 'failed' and invoice_id in (select id from (${BILLED}) billed)
      limit 1`,
  );
}

/** Balance checks after which nothing was asked, counted from the decisions alone. */
export function sumNotAsked(tx: Tx, scope: ReportScope): Promise<Sum> {
  return sumOf(
    tx,
    scope,
    `select count(*)::int as n, coalesce(sum(billed.amount), 0)::text as amount
       from decisions
       join (${BILLED}) billed on billed.id = decisions.invoice_id
      where decisions.rule in ('balance.short', 'balance.refused')
      limit 1`,
  );
}

async function sumOf(tx: Tx, { from, to, plan }: ReportScope, sql: string): Promise<Sum> {
  const [row] = await tx.query<{ n: number; amount: string }>(sql, [from, to, plan]);
  return row === undefined ? { n: 0, amount: 0 as Rupiah } : { n: row.n, amount: rupiah(Number(row.amount)) };
}
