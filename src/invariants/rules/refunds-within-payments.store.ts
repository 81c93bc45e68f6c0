import type { Broken, Rule } from "../rule.ts";

/** Nothing is given back that did not come; a refusal that was none, or another amount, is before a person. */
export const refundsWithinPayments: Rule = {
  name: "refunds_within_payments",
  says: "refunds that are live or done are of a success, and never exceed it",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with asked as (
         select invoice_id, attempt_number, sum(amount) as amount
           from refunds where state <> 'declined' group by invoice_id, attempt_number)
       select a.reference as subject, a.invoice_id as "invoiceId", i.subscription_id as "subscriptionId",
              format('%s of %s is %s, and %s of it is given back', a.reference, a.amount, a.state, r.amount) as says
         from asked r
         join payment_attempts a on a.invoice_id = r.invoice_id and a.number = r.attempt_number
         join invoices i on i.id = a.invoice_id
        where (a.state <> 'succeeded' or r.amount > a.amount)
          and not exists (select from exceptions e
                           where e.invoice_id = a.invoice_id
                             and e.kind in ('refund_late', 'refund_amount', 'refund_contradiction'))
        order by a.reference
        limit $1`,
      [limit],
    ),
};
