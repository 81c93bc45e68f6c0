import { groupBy } from "../kernel/group.ts";
import type { SubscriptionId } from "../kernel/ids.ts";
import { type Instant, instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Subscription } from "../subscriptions/subscription.ts";

/** Nobody's bound on a day is higher, so more invoices of one subscription need not be counted. */
const NEWEST = 4;

/**
 * How many invoices were opened today for each of these customers (lists of all their subscriptions), by the local day
 * of the subscription; in the order given. Reads only where `lastOpenedOn` says that there is one.
 */
export async function countOpenedToday(
  tx: Tx,
  customers: readonly (readonly Subscription[])[],
  now: Instant,
): Promise<Map<LocalDate, number>[]> {
  const asked = customers
    .flat()
    .filter(({ lastOpenedOn, zone }) => lastOpenedOn !== null && lastOpenedOn === localDateAt(now, zone));
  const opened = await newestOpened(tx, asked);
  return customers.map((subscriptions) => {
    const days = new Map<LocalDate, number>();
    for (const { id, zone } of subscriptions) {
      for (const at of opened.get(id) ?? []) {
        const day = localDateAt(at, zone);
        days.set(day, (days.get(day) ?? 0) + 1);
      }
    }
    return days;
  });
}

/** When the newest periods were first billed, whatever became of those invoices. */
async function newestOpened(
  tx: Tx,
  subscriptions: readonly Subscription[],
): Promise<Map<SubscriptionId, Instant[]>> {
  if (subscriptions.length === 0) return new Map();
  const rows = await tx.query<{ id: SubscriptionId; at: Date }>(
    `select x.id, min(i.created_at) as at
       from unnest($1::uuid[], $2::int[]) as x (id, next_index)
       join invoices i on i.subscription_id = x.id and i.kind = 'period'
        and i.period_index between x.next_index - $3 and x.next_index - 1
      group by x.id, i.period_index
      order by x.id, i.period_index`,
    [subscriptions.map(({ id }) => id), subscriptions.map(({ nextIndex }) => nextIndex), NEWEST],
  );
  const grouped = groupBy(rows, ({ id }) => id);
  return new Map([...grouped].map(([id, all]) => [id, all.map(({ at }) => instant(at))]));
}
