import type { Broken, Rule } from "../rule.ts";

/** Paid means money, at least what was asked; and money that stands means paid. */
export const paidInvoicesHaveMoney: Rule = {
  name: "paid_invoices_have_money",
  says: "a paid invoice has a success, a payment by hand or nothing to charge; one with money that stands is paid",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with given_back as (
         select invoice_id, attempt_number, sum(amount) as amount
           from refunds where state = 'refunded' group by invoice_id, attempt_number),
       taken as (
         select a.invoice_id, max(a.amount) as most, bool_or(a.amount > coalesce(g.amount, 0)) as stands
           from payment_attempts a
           left join given_back g on g.invoice_id = a.invoice_id and g.attempt_number = a.number
          where a.state = 'succeeded'
          group by a.invoice_id),
       found as (
         select i.id, i.subscription_id,
                case when i.state = 'paid' and i.amount > greatest(t.most, m.amount, 0)
                       then format('paid, and %s came of %s', coalesce(greatest(t.most, m.amount)::text, 'nothing'),
                                   i.amount)
                     when i.state in ('open', 'uncollectible') and t.stands
                       then format('%s, although its money came and stands', i.state)
                     when i.state <> 'paid' and m.id is not null
                       then format('%s, although a payment by hand is in force', i.state)
                end as says
           from invoices i
           left join taken t on t.invoice_id = i.id
           left join manual_payments m on m.invoice_id = i.id and m.reversed_at is null)
       select id::text as subject, id as "invoiceId", subscription_id as "subscriptionId", says
         from found
        where says is not null
        order by id
        limit $1`,
      [limit],
    ),
};
