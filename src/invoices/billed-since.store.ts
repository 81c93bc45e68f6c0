import type { SubscriptionId } from "../kernel/ids.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";

/** Those of these subscriptions that have an invoice, not a void one, for a period beginning on their date or later. */
export async function billedSince(
  tx: Tx,
  since: readonly { readonly subscriptionId: SubscriptionId; readonly on: LocalDate }[],
): Promise<Set<SubscriptionId>> {
  if (since.length === 0) return new Set();
  const rows = await tx.query<{ subscription_id: SubscriptionId }>(
    `select distinct n.subscription_id
       from unnest($1::uuid[], $2::date[]) as n (subscription_id, since)
       join invoices i on i.subscription_id = n.subscription_id
      where i.kind = 'period' and i.state <> 'void' and i.period_start >= n.since
      order by n.subscription_id
      limit $3`,
    [since.map(({ subscriptionId }) => subscriptionId), since.map(({ on }) => on), since.length],
  );
  return new Set(rows.map((row) => row.subscription_id));
}
