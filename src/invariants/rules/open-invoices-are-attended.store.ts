import type { Broken, Rule } from "../rule.ts";

/** No debt is forgotten: what is open has a time, or says for whom it waits, and that can still come. */
export const openInvoicesAreAttended: Rule = {
  name: "open_invoices_are_attended",
  says: "an open invoice has a next action that is not overdue, or a stated wait that can end",
  find: (tx, { now, patienceMs }, limit) =>
    tx.query<Broken>(
      `with found as (
         select i.id, i.subscription_id,
                case when i.next_action_at is null and i.waiting_for is null
                       then 'open without a time and without a stated wait'
                     when i.next_action_at < $1::timestamptz - $2 * interval '1 millisecond'
                       then format('due since %s, and nobody looked at it', i.next_action_at)
                     when i.waiting_for = 'hold' and i.next_action_at is null
                          and s.state <> 'paused' and not s.collection_hold
                       then format('waits for the end of a hold, and its subscription is %s and not held', s.state)
                end as says
           from invoices i
           join subscriptions s on s.id = i.subscription_id
          where i.state = 'open' and (i.leased_until is null or i.leased_until <= clock_timestamp()))
       select id::text as subject, id as "invoiceId", subscription_id as "subscriptionId", says
         from found
        where says is not null
        order by id
        limit $3`,
      [now.toJSDate(), patienceMs, limit],
    ),
};
