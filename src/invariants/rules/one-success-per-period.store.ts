import type { Broken, Rule } from "../rule.ts";

/**
 * A period is paid once: what came besides, or for an invoice that is void, is a surplus that a person was told of, or
 * was given back whole. Payments by hand that are in force count as well.
 */
export const oneSuccessPerPeriod: Rule = {
  name: "one_success_per_period",
  says: "a period is paid once, or the rest is a surplus that a person sees",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with given_back as (
         select invoice_id, attempt_number, sum(amount) as amount
           from refunds where state = 'refunded' group by invoice_id, attempt_number),
       paid as (
         select a.invoice_id, a.reference as by
           from payment_attempts a
           left join given_back g on g.invoice_id = a.invoice_id and g.attempt_number = a.number
          where a.state = 'succeeded' and a.amount > coalesce(g.amount, 0)
            and not exists (select from exceptions e where e.kind = 'surplus' and e.subject = a.reference)
         union all
         select invoice_id, proof from manual_payments where reversed_at is null),
       periods as (
         select i.subscription_id, i.kind, min(i.period_index) as index, min(i.id::text) as invoice_id,
                count(*) as times, bool_or(i.state = 'void') as void, string_agg(p.by, ', ' order by p.by) as by
           from paid p
           join invoices i on i.id = p.invoice_id
          -- Each invoice of a change is for days of its own.
          group by i.subscription_id, i.kind, case when i.kind = 'period' then i.period_index::text else i.id::text end)
       select format('%s/%s/%s', subscription_id, kind, case kind when 'period' then index::text else invoice_id end)
                as subject,
              invoice_id::uuid as "invoiceId", subscription_id as "subscriptionId",
              format('%s of period %s was paid %s times%s, by %s, and no surplus was opened', kind, index, times,
                     case when void then ', for an invoice that is void' else '' end, by) as says
         from periods
        where times > 1 or void
        order by subscription_id, index, invoice_id
        limit $1`,
      [limit],
    ),
};
