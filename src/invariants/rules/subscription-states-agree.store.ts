import type { Broken, Rule } from "../rule.ts";

/** A subscription's columns tell one story, and its open invoices the same. */
export const subscriptionStatesAgree: Rule = {
  name: "subscription_states_agree",
  says: "a subscription's state agrees with its other columns and with its unpaid invoices",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with owed as (
         select subscription_id, count(*) filter (where state = 'open') as open,
                count(*) filter (where state = 'open' and first_failed_at is not null) as in_arrears
           from invoices where state in ('open', 'uncollectible') group by subscription_id),
       found as (
         select s.id, s.reference,
                case when (s.state = 'paused') <> (s.paused_at is not null)
                       then format('%s, and paused_at says otherwise', s.state)
                     when (s.state in ('canceled', 'completed')) <> (s.ended_at is not null)
                       then format('%s, and ended_at says otherwise', s.state)
                     when s.next_invoice_at is not null and s.state not in ('trialing', 'active', 'past_due')
                       then format('%s, and still has a next invoice', s.state)
                     when s.next_invoice_at is null and s.state in ('trialing', 'active')
                       then format('%s, and no next invoice is planned', s.state)
                     when s.collection_hold <> (s.hold_owner is not null) or s.collection_hold <> (s.hold_reason is not null)
                       then 'its hold and the owner and reason of it disagree'
                     when s.activated_at is null and s.state not in ('incomplete', 'canceled')
                       then format('%s, and was never activated', s.state)
                     when s.state = 'incomplete' and (s.activated_at is not null or o.subscription_id is not null)
                       then 'incomplete, although it began'
                     when s.state = 'past_due' and coalesce(o.open, 0) = 0 then 'past due, and nothing of it is open'
                     when s.state = 'unpaid' and o.subscription_id is null then 'unpaid, and nothing of it is owed'
                     when s.state = 'active' and o.in_arrears > 0
                       then format('active, and %s of its invoices are in dunning', o.in_arrears)
                end as says
           from subscriptions s
           left join owed o on o.subscription_id = s.id)
       select id::text as subject, null as "invoiceId", id as "subscriptionId", format('%s is %s', reference, says) as says
         from found
        where says is not null
        order by id
        limit $1`,
      [limit],
    ),
};
