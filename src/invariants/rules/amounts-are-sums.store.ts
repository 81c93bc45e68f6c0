import type { Broken, Rule } from "../rule.ts";

/** Nobody is charged anything that no line explains. */
export const amountsAreSums: Rule = {
  name: "amounts_are_sums",
  says: "an invoice is the sum of its lines, and never negative",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with lines as (select invoice_id, sum(amount) as amount from invoice_lines group by invoice_id)
       select i.id::text as subject, i.id as "invoiceId", i.subscription_id as "subscriptionId",
              format('it asks %s, its lines add up to %s', i.amount, coalesce(l.amount::text, 'nothing: it has none'))
                as says
         from invoices i
         left join lines l on l.invoice_id = i.id
        where l.amount is distinct from i.amount or i.amount < 0
        order by i.id
        limit $1`,
      [limit],
    ),
};
