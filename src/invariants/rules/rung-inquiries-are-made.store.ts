import type { Broken, Rule } from "../rule.ts";

/** An inquiry that was asked for may tell of money: it stays planned until it is made. */
export const rungInquiriesAreMade: Rule = {
  name: "rung_inquiries_are_made",
  says: "an inquiry that was asked for has a time, or somebody is making it",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `select a.reference as subject, i.id as "invoiceId", i.subscription_id as "subscriptionId",
              format('an inquiry was asked for at %s, and nobody will make it', a.inquire_at) as says
         from payment_attempts a
         join invoices i on i.id = a.invoice_id
        where a.inquire_at is not null and i.next_action_at is null
          and (i.leased_until is null or i.leased_until <= clock_timestamp())
        order by i.id, a.number
        limit $1`,
      [limit],
    ),
};
