import type { Broken, Rule } from "../rule.ts";

/** Write before you ask: an attempt has its decision and its requests, and its state says what became of these. */
export const attemptStatesAgree: Rule = {
  name: "attempt_states_agree",
  says: "an attempt has its decision and its requests, under leases that were given, and its state agrees with them",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with written as (
         select invoice_id, attempt_number, count(*) as n, count(*) filter (where state <> 'unsent') as may_have_left,
                max(lease_no) as last_lease
           from requests group by invoice_id, attempt_number),
       found as (
         select a.invoice_id, a.number, a.reference, i.subscription_id,
                case when (a.state in ('succeeded', 'failed')) <> (a.closed_at is not null)
                       then format('%s, and closed_at says otherwise', a.state)
                     when r.n is null then 'no request of it was written down'
                     when r.last_lease > i.lease_no
                       then format('sent under lease %s, and only %s were given', r.last_lease, i.lease_no)
                     when a.state = 'unsent' and r.may_have_left > 0
                       then format('unsent, and %s of its requests may have left', r.may_have_left)
                     when a.state = 'review' and a.review_reason is null then 'in review without a reason'
                     when a.state = 'succeeded' and (a.decline_class is not null or a.review_reason is not null)
                       then 'succeeded, and still says why it did not'
                     when not exists (select from decisions d where d.id = a.decision_id and d.invoice_id = a.invoice_id)
                       then 'nobody decided to make it'
                end as says
           from payment_attempts a
           left join invoices i on i.id = a.invoice_id
           left join written r on r.invoice_id = a.invoice_id and r.attempt_number = a.number)
       select reference as subject, invoice_id as "invoiceId", subscription_id as "subscriptionId", says
         from found
        where says is not null
        order by invoice_id, number
        limit $1`,
      [limit],
    ),
};
