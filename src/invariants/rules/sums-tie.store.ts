import type { LocalDate } from "../../kernel/time.ts";
import type { Tx } from "../../platform/database.ts";
import { sumByTerm, sumInvoiced, sumPaidByHand } from "../../reports/collection.store.ts";
import type { Broken, Rule } from "../rule.ts";

/** Every day there is: the report's own sums, over everything. */
const EVER = { from: "0001-01-01", to: "9999-12-31", plan: null };

/** The collection report counts every invoice once, in one term: the sums that people read add up to what was invoiced. */
export const sumsTie: Rule = {
  name: "sums_tie",
  says: "invoiced = paid + uncollectible + void + waiting + pending or unknown + in dunning + not yet tried",
  find: async (tx, _facts, limit) => {
    const rows = await sumByTerm(tx, EVER, "month");
    const invoiced = await sumInvoiced(tx, EVER);
    const byHand = await sumPaidByHand(tx, EVER);
    const counted = addUp(rows);
    const countedByHand = addUp(rows.filter((row) => row.term === "paid" && row.byHand));
    if (same(counted, invoiced) && same(countedByHand, byHand)) return [];
    const found = await findMiscounted(tx, limit);
    if (found.length > 0) return found;
    const says = `the terms add up to ${told(counted)}, invoiced are ${told(invoiced)}; paid by hand ${told(countedByHand)} and ${told(byHand)}`;
    return [{ subject: "collection", invoiceId: null, subscriptionId: null, says }];
  },
};

type Sum = { readonly n: number; readonly amount: number };

function addUp(sums: readonly Sum[]): Sum {
  return sums.reduce((total, { n, amount }) => ({ n: total.n + n, amount: total.amount + amount }), {
    n: 0,
    amount: 0,
  });
}

function same(a: Sum, b: Sum): boolean {
  return a.n === b.n && a.amount === b.amount;
}

function told({ n, amount }: Sum): string {
  return `${n} of Rp ${amount}`;
}

/** The invoices by which they differ: those that the report's joins lose, or meet more than once. */
async function findMiscounted(tx: Tx, limit: number): Promise<Broken[]> {
  return tx.query<Broken & { billsOn: LocalDate }>(
    `with counted as (
       select i.id, i.subscription_id, count(p.id) as times,
              bool_or(m.id is not null and i.state <> 'paid') as unpaid_by_hand
         from invoices i
         left join plan_versions v on v.id = i.plan_version_id
         left join plans p on p.id = v.plan_id
         left join payment_attempts a
           on a.invoice_id = i.id and a.state in ('requested', 'pending', 'unknown', 'unsent', 'review')
         left join manual_payments m on m.invoice_id = i.id and m.reversed_at is null
        group by i.id, i.subscription_id)
     select id::text as subject, id as "invoiceId", subscription_id as "subscriptionId",
            case when times <> 1 then format('the collection report counts it %s times', times)
                 else 'a payment by hand is in force, and it is not paid' end as says
       from counted
      where times <> 1 or unpaid_by_hand
      order by id
      limit $1`,
    [limit],
  );
}
