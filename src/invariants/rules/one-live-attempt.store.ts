import type { Broken, Rule } from "../rule.ts";

/** Doubt first: while one attempt may take money, no other may begin. */
export const oneLiveAttempt: Rule = {
  name: "one_live_attempt",
  says: "an invoice has one live attempt at most",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with live as (
         select invoice_id, count(*) as n, string_agg(reference, ', ' order by number) as names
           from payment_attempts
          where closed_at is null or state not in ('succeeded', 'failed')
          group by invoice_id
         having count(*) > 1)
       select i.id::text as subject, i.id as "invoiceId", i.subscription_id as "subscriptionId",
              format('%s attempts may take money: %s', live.n, live.names) as says
         from live
         join invoices i on i.id = live.invoice_id
        order by i.id
        limit $1`,
      [limit],
    ),
};
