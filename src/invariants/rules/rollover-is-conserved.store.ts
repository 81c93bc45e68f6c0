import type { Broken, Rule } from "../rule.ts";

/** What was too small to charge is carried to one later invoice: never lost, never charged twice. */
export const rolloverIsConserved: Rule = {
  name: "rollover_is_conserved",
  says: "what a subscription carries over is what its invoices put off less what later ones took",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with moves as (
         select subscription_id, coalesce((details ->> 'rollover')::bigint, 0) as amount
           from subscription_changes where kind in ('created', 'imported')
         union all
         -- One that is issued again has the lines of the first, which moved it already.
         select i.subscription_id, -l.amount
           from invoice_lines l
           join invoices i on i.id = l.invoice_id
          where l.kind = 'rollover' and i.reissue_of is null),
       balance as (select subscription_id, sum(amount) as amount from moves group by subscription_id)
       select s.id::text as subject, null as "invoiceId", s.id as "subscriptionId",
              format('%s carries %s over, its invoices put off %s', s.reference, s.rollover, coalesce(b.amount, 0))
                as says
         from subscriptions s
         left join balance b on b.subscription_id = s.id
        where s.rollover <> coalesce(b.amount, 0)
        order by s.id
        limit $1`,
      [limit],
    ),
};
