import { type Instant, instantOrNull } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";

/** Work that must end before a turned clock may move: it would otherwise happen at a time it never saw. */
export async function findInFlight(tx: Tx): Promise<string[]> {
  const rows = await tx.query<{ what: string }>(
    `(select 'lease of invoice ' || id || ' until ' || leased_until as what
        from invoices where leased_until > clock_timestamp() limit 5)
     union all
     (select 'lease of refund ' || refund_reference || ' until ' || leased_until
        from refunds where leased_until > clock_timestamp() limit 5)
     union all
     (select 'delivery ' || id || ' is not handled' from inbox where state = 'received' limit 5)
     union all
     (select what || ' is on the wire' from wire_calls where ends_by > clock_timestamp() limit 5)`,
  );
  return rows.map((row) => row.what);
}

/** The next business moment at which something of ours is due, or null when nothing is planned. */
export async function findNextDue(tx: Tx): Promise<Instant | null> {
  const [row] = await tx.query<{ at: Date | null }>(
    `select least((select min(next_action_at) from invoices where next_action_at is not null),
                  (select min(next_action_at) from refunds where next_action_at is not null),
                  (select min(next_invoice_at) from subscriptions where next_invoice_at is not null),
                  (select min(expires_at) from bindings where state = 'pending')) as at`,
  );
  return instantOrNull(row?.at ?? null);
}
