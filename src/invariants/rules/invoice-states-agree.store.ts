import type { Broken, Rule } from "../rule.ts";

/** An invoice's columns tell one story, and its subscription the same. */
export const invoiceStatesAgree: Rule = {
  name: "invoice_states_agree",
  says: "an invoice's state agrees with its other columns and with its subscription",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with found as (
         select i.id, i.subscription_id,
                case when s.id is null then 'its subscription is not there'
                     when s.customer_id <> i.customer_id then 'its customer is not that of its subscription'
                     when (i.state = 'paid') <> (i.paid_at is not null) then format('%s, and paid_at says otherwise', i.state)
                     when (i.state = 'open') <> (i.closed_at is null) then format('%s, and closed_at says otherwise', i.state)
                     when i.state = 'open' and i.amount = 0 then 'open, and nothing is to be charged'
                     when i.state <> 'open' and i.waiting_for is not null
                       then format('%s, and still waits for %s', i.state, i.waiting_for)
                     when i.state in ('void', 'uncollectible') and i.end_reason is null
                       then format('%s, and nobody said why', i.state)
                     when i.state = 'open' and (i.resume_at is not null or i.resume_waiting_for is not null)
                       then 'open, and still keeps what it is to go back to'
                     when (i.first_failed_at is not null) <> (i.dunning_step > 0)
                       then format('on step %s of dunning, first failed at %s', i.dunning_step,
                                   coalesce(i.first_failed_at::text, 'no time'))
                     when i.cut_on is not null and i.cut_on not between i.period_start and i.period_end
                       then 'its period was cut outside of it'
                     when i.period_end <= i.period_start then 'its period has no day'
                     when i.reissue_of is not null
                          and (select o.state from invoices o where o.id = i.reissue_of) is distinct from 'void'
                       then 'it was issued again, and the first one is not void'
                end as says
           from invoices i
           left join subscriptions s on s.id = i.subscription_id)
       select id::text as subject, id as "invoiceId", subscription_id as "subscriptionId", says
         from found
        where says is not null
        order by id
        limit $1`,
      [limit],
    ),
};
