import type { Rule } from "./rule.ts";

/** A movement of money that the gateway knows of, by our reference for it. */
export type LedgerPayment = {
  readonly reference: string;
  /** Whole rupiah. */
  readonly amount: number;
};

/**
 * The rule that what the gateway took is what we know. For simulation and tests, which can see the gateway's own ledger:
 * `payments` is all that it took, once for each movement. Doubt is no difference, as long as somebody is seeing to it.
 */
export function ledgerAgrees(payments: readonly LedgerPayment[]): Rule {
  return {
    name: "ledger_agrees",
    says: "what the gateway took is what our attempts say, no more and no less",
    find: (tx, _facts, limit) =>
      tx.query(
        `with taken as (
           select reference, count(*) as times, min(amount) as amount
             from json_to_recordset($1::json) as x (reference text, amount bigint) group by reference),
         found as (
           select coalesce(a.reference, t.reference) as reference, a.invoice_id, a.number,
                  case when a.reference is null
                         then format('the gateway took %s under a reference that is none of ours', t.amount)
                       when t.times > 1 then format('the gateway took it %s times', t.times)
                       when t.amount <> a.amount then format('the gateway took %s, ordered was %s', t.amount, a.amount)
                       when t.reference is null and a.state = 'succeeded'
                         then 'succeeded, and the gateway took nothing'
                       when t.reference is not null and a.state = 'failed' then 'failed, and the gateway took its money'
                  end as says
             from payment_attempts a
             full join taken t on t.reference = a.reference)
         select f.reference as subject, f.invoice_id as "invoiceId", i.subscription_id as "subscriptionId", f.says
           from found f
           left join invoices i on i.id = f.invoice_id
          where f.says is not null
          order by f.reference
          limit $2`,
        [JSON.stringify(payments), limit],
      ),
  };
}
