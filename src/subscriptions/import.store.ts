import type { CustomerId, PlanId } from "../kernel/ids.ts";
import type { Tx } from "../platform/database.ts";
import type { ImportedAgreement } from "./import-terms.ts";

/** A subscription that is there already; `agreed` is null when it did not come from an import. */
export type Imported = { readonly reference: string; readonly agreed: ImportedAgreement | null };

/** What is there under these references, with what its import agreed on; the others are missing from the map. */
export async function importedByReferences(
  tx: Tx,
  references: readonly string[],
): Promise<Map<string, Imported>> {
  const rows = await tx.query<Imported>(
    `select s.reference, i.details -> 'agreed' as agreed
       from subscriptions s
       left join lateral (select c.details from subscription_changes c
                           where c.subscription_id = s.id and c.kind = 'imported'
                           order by c.id limit 1) i on true
      where s.reference = any($1)
      order by s.reference
      limit $2`,
    [references, references.length],
  );
  return new Map(rows.map((row) => [row.reference, row]));
}

/** Of customers' subscriptions to these plans that are neither canceled nor completed one each: `pairKey` → reference. */
export async function liveSubscriptionsBetween(
  tx: Tx,
  customerIds: readonly CustomerId[],
  planIds: readonly PlanId[],
): Promise<Map<string, string>> {
  const rows = await tx.query<{ customer_id: CustomerId; plan_id: PlanId; reference: string }>(
    `select customer_id, plan_id, min(reference) as reference
       from subscriptions
      where customer_id = any($1) and plan_id = any($2) and state not in ('canceled', 'completed')
      group by customer_id, plan_id
      order by customer_id, plan_id
      limit $3`,
    [customerIds, planIds, customerIds.length * planIds.length],
  );
  return new Map(rows.map((row) => [pairKey(row.customer_id, row.plan_id), row.reference]));
}

/** A customer and a plan as one key. */
export function pairKey(customerId: CustomerId, planId: PlanId): string {
  return `${customerId} ${planId}`;
}
