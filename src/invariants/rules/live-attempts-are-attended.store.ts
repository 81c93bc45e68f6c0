import type { Broken, Rule } from "../rule.ts";

/** Doubt is never left alone: somebody holds the lease, an inquiry has a time, or a person was asked. */
export const liveAttemptsAreAttended: Rule = {
  name: "live_attempts_are_attended",
  says: "a live attempt has a lease or a time for its next inquiry, or is before a person",
  find: (tx, { now, patienceMs }, limit) =>
    tx.query<Broken>(
      `with found as (
         select a.reference, i.id, i.subscription_id, a.number,
                case when a.state = 'review' then
                       case when a.review_reason is null then 'in review without a reason'
                            when i.state = 'open' and i.waiting_for is distinct from 'person'
                              then format('in review, and its invoice waits for %s', coalesce(i.waiting_for, 'nobody'))
                       end
                     when i.next_action_at is null then format('%s, and nobody will ask about it', a.state)
                     when i.next_action_at < $1::timestamptz - $2 * interval '1 millisecond'
                       then format('%s, and nobody asked about it since %s', a.state, i.next_action_at)
                end as says
           from payment_attempts a
           join invoices i on i.id = a.invoice_id
          where a.closed_at is null
            and (i.leased_until is null or i.leased_until <= clock_timestamp()))
       select reference as subject, id as "invoiceId", subscription_id as "subscriptionId", says
         from found
        where says is not null
        order by id, number
        limit $3`,
      [now.toJSDate(), patienceMs, limit],
    ),
};
