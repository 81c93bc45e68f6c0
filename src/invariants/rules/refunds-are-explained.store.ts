import type { Broken, Rule } from "../rule.ts";

/** A refund moves like a payment: it ends by evidence alone, and until then somebody sees to it. */
export const refundsAreExplained: Rule = {
  name: "refunds_are_explained",
  says: "a refund that is over has evidence; a live one has a lease or a time, or is before a person",
  find: (tx, { now, patienceMs }, limit) =>
    tx.query<Broken>(
      `with heard as (
         select refund_id, bool_or(verdict = 'refunded') as refunded, bool_or(verdict = 'already_done') as done_before,
                bool_or(verdict = 'declined') as declined, bool_or(source = 'person') as by_person
           from refund_evidence group by refund_id),
       found as (
         select r.id, r.refund_reference, r.invoice_id,
                case when (r.state in ('refunded', 'declined')) <> (r.closed_at is not null)
                       then format('%s, and closed_at says otherwise', r.state)
                     when r.state = 'refunded'
                          and not coalesce(h.refunded or (h.done_before and r.certain) or h.by_person, false)
                       then 'refunded, and nobody said so'
                     when r.state = 'declined' and not coalesce(h.declined or h.by_person, false)
                       then 'declined, and nobody said so'
                     when r.state = 'review' and r.review_reason is null then 'in review without a reason'
                     when r.closed_at is null and r.state <> 'review'
                          and (r.leased_until is null or r.leased_until <= clock_timestamp())
                          and (r.next_action_at is null
                               or r.next_action_at < $1::timestamptz - $2 * interval '1 millisecond')
                       then format('%s, and nobody asked since %s', r.state, coalesce(r.next_action_at::text, 'ever'))
                end as says
           from refunds r
           left join heard h on h.refund_id = r.id)
       select f.refund_reference as subject, f.invoice_id as "invoiceId", i.subscription_id as "subscriptionId", f.says
         from found f
         left join invoices i on i.id = f.invoice_id
        where f.says is not null
        order by f.id
        limit $3`,
      [now.toJSDate(), patienceMs, limit],
    ),
};
