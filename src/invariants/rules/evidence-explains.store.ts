import type { Broken, Rule } from "../rule.ts";

/**
 * Only evidence closes an attempt: a success says so itself, a failure was refused or never left. And success wins:
 * no attempt stays unpaid that somebody proved to be paid with our amount and our payee.
 */
export const evidenceExplains: Rule = {
  name: "evidence_explains",
  says: "every final state of an attempt has evidence, and no evidence of money is left without effect",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with heard as (
         select v.invoice_id, v.attempt_number,
                bool_or(v.verdict in ('paid', 'refunded') and (v.amount is null or v.amount = a.amount)) as paid,
                bool_or(v.verdict = 'refunded') as refunded,
                bool_or(v.verdict = 'declined') as refused,
                bool_or(v.verdict = 'not_found' and v.source = 'inquiry') as not_found,
                bool_or(v.source = 'person') as by_person,
                bool_or(a.reference is null) as of_nobody,
                min(v.reference) as reference
           from evidence v
           left join payment_attempts a
             on a.invoice_id = v.invoice_id and a.number = v.attempt_number and a.reference = v.reference
          group by v.invoice_id, v.attempt_number),
       found as (
         select coalesce(a.invoice_id, h.invoice_id) as invoice_id, coalesce(a.number, h.attempt_number) as number,
                coalesce(a.reference, h.reference) as reference,
                case when a.reference is null or h.of_nobody then 'evidence names an attempt that there is not'
                     when a.state = 'succeeded' and not coalesce(h.paid or h.refunded or h.by_person, false)
                       then 'succeeded, and nobody said so'
                     when a.state = 'failed'
                          and not coalesce(h.refused or h.by_person, false)
                          and not (coalesce(h.not_found, false) and a.message = 'never left'
                                   and not exists (select from requests r
                                                    where r.invoice_id = a.invoice_id and r.attempt_number = a.number
                                                      and r.state <> 'unsent'))
                       then 'failed, and nobody refused it, nor did it never leave'
                     when a.state <> 'succeeded' and h.paid
                          and not exists (select from exceptions e
                                           where e.invoice_id = a.invoice_id and e.reference = a.reference
                                             and e.kind in ('amount_mismatch', 'payee_mismatch'))
                       then format('%s, although it was proved to be paid', a.state)
                end as says
           from payment_attempts a
           full join heard h on h.invoice_id = a.invoice_id and h.attempt_number = a.number)
       select f.reference as subject, f.invoice_id as "invoiceId", i.subscription_id as "subscriptionId", f.says
         from found f
         left join invoices i on i.id = f.invoice_id
        where f.says is not null
        order by f.invoice_id, f.number
        limit $1`,
      [limit],
    ),
};
