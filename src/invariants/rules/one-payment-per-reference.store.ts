import type { Broken, Rule } from "../rule.ts";

/** The gateway takes a reference once: two payments of its under one of ours are a charge too many. */
export const onePaymentPerReference: Rule = {
  name: "one_payment_per_reference",
  says: "a reference was paid under one gateway reference, or a person sees the second",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with twice as (
         select v.invoice_id, v.reference, array_agg(distinct v.gateway_reference order by v.gateway_reference) as paid
           from evidence v
           join payment_attempts a on a.invoice_id = v.invoice_id and a.number = v.attempt_number
          where v.verdict = 'paid' and v.gateway_reference is not null
            and (v.amount is null or v.amount = a.amount)
          group by v.invoice_id, v.reference
         having count(distinct v.gateway_reference) > 1)
       select t.reference as subject, t.invoice_id as "invoiceId", i.subscription_id as "subscriptionId",
              format('paid as %s, and no exception was opened', array_to_string(t.paid, ' and as ')) as says
         from twice t
         left join invoices i on i.id = t.invoice_id
        where not exists (select from exceptions e
                           where e.invoice_id = t.invoice_id and e.reference = t.reference
                             and e.kind in ('second_gateway_reference', 'payee_mismatch', 'amount_mismatch'))
        order by t.reference
        limit $1`,
      [limit],
    ),
};
