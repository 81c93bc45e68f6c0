import type { Broken, Rule } from "../rule.ts";

/**
 * What the gateway told us had its effect: a payment notice that is handled is evidence, or says why it is not. Its 200
 * is given and it is never sent again, so that none may stay in between either.
 */
export const deliveriesHaveEvidence: Rule = {
  name: "deliveries_have_evidence",
  says: "a payment notice that was handled is evidence, and none is left lying",
  find: (tx, { patienceMs }, limit) =>
    tx.query<Broken>(
      `with found as (
         select n.id, n.reference,
                case when n.state = 'handled' and n.problem is null
                          and not exists (select from evidence v
                                           where v.source = 'notification' and v.reference = n.reference)
                       then format('handled, and there is no evidence for %s', coalesce(n.reference, 'it'))
                     when n.state = 'received' and n.kind = 'payment'
                          and n.received_at < clock_timestamp() - $1 * interval '1 millisecond'
                       then format('received at %s, and not handled', n.received_at)
                     when (n.state = 'handled') <> (n.handled_at is not null)
                       then format('%s, and handled_at says otherwise', n.state)
                end as says
           from inbox n
          where n.kind = 'payment')
       select 'delivery ' || f.id as subject, a.invoice_id as "invoiceId", i.subscription_id as "subscriptionId", f.says
         from found f
         left join payment_attempts a on a.reference = f.reference
         left join invoices i on i.id = a.invoice_id
        where f.says is not null
        order by f.id
        limit $2`,
      [patienceMs, limit],
    ),
};
