import type { Broken, Rule } from "../rule.ts";

/**
 * Credit is the customer's money. It comes from plan changes, from people, and from invoices of a change that were
 * withdrawn (their first line gave days back); it goes into the lines of invoices that stand.
 */
export const creditIsConserved: Rule = {
  name: "credit_is_conserved",
  says: "a subscription's credit is what was given less what its invoices used",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with moves as (
         select subscription_id, coalesce((details ->> 'credit')::bigint, 0) as amount
           from subscription_changes where kind in ('plan_changed', 'created', 'imported')
         union all
         select subscription_id, coalesce((details ->> 'amount')::bigint, 0)
           from subscription_changes where kind = 'credit_given'
         union all
         -- A change gives the days back that were not used; that line spends no credit. Withdrawn, it becomes some.
         select i.subscription_id,
                case when i.kind = 'change' and i.reissue_of is null and l.number = 1
                     then case when i.state = 'void' then -l.amount else 0 end
                     else case when i.state = 'void' then 0 else l.amount end end
           from invoice_lines l
           join invoices i on i.id = l.invoice_id
          where l.kind = 'credit' and l.amount < 0),
       balance as (select subscription_id, sum(amount) as amount from moves group by subscription_id)
       select s.id::text as subject, null as "invoiceId", s.id as "subscriptionId",
              format('%s has a credit of %s, given less used is %s', s.reference, s.credit, coalesce(b.amount, 0))
                as says
         from subscriptions s
         left join balance b on b.subscription_id = s.id
        where s.credit <> coalesce(b.amount, 0)
        order by s.id
        limit $1`,
      [limit],
    ),
};
