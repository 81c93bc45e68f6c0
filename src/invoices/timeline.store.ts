import type { SubscriptionId } from "../kernel/ids.ts";
import { isTimedKey } from "../platform/api-fields.ts";
import type { Tx } from "../platform/database.ts";

/** One thing that happened to a subscription or to one of its invoices. */
export type TimelineRow = {
  readonly at: Date;
  readonly what: "change" | "invoice" | "decision";
  /** A kind of change, `opened` or an invoice's state, or the rule of a decision. */
  readonly event: string;
  readonly actor: string | null;
  readonly says: string | null;
  readonly invoice_id: string | null;
  readonly details: Readonly<Record<string, unknown>>;
  /** Where a page that ends with this row goes on. */
  readonly cursor: string;
};

// Of one moment a change comes before the invoice it made, and that before what was decided about it: `rank`.

/** Wide enough for a bigint, so that numbers as text have the order of numbers. */
const KEY_WIDTH = 19;

/**
 * What people and the house did to a subscription, its invoices and every decision about them, newest first; `after` is
 * the cursor of the last row seen. The indexes of each table by subscription or invoice are expected.
 */
export async function timelineOf(
  tx: Tx,
  { id, after }: { readonly id: SubscriptionId; readonly after: string | null },
  limit: number,
): Promise<TimelineRow[]> {
  const [at, rank, key] = after?.split("/") ?? [];
  return tx.query<TimelineRow>(
    `select at, what, event, actor, says, invoice_id, details, at::text || '/' || rank || '/' || key as cursor
       from (select c.at, 1 as rank, 'change' as what, lpad(c.id::text, ${KEY_WIDTH}, '0') as key, c.kind as event,
                    c.actor, c.reason as says, null::uuid as invoice_id, c.details
               from subscription_changes c
              where c.subscription_id = $1
             union all
             select i.created_at, 2, 'invoice', i.id::text || '-opened', 'opened', null, null, i.id, ${INVOICE_FACTS}
               from invoices i
              where i.subscription_id = $1
             union all
             select i.closed_at, 2, 'invoice', i.id::text || '-' || i.state, i.state, null, i.end_reason, i.id,
                    ${INVOICE_FACTS}
               from invoices i
              where i.subscription_id = $1 and i.closed_at is not null
             union all
             select d.at, 3, 'decision', lpad(d.id::text, ${KEY_WIDTH}, '0'), d.rule, null, d.says, d.invoice_id,
                    d.facts
               from invoices i join decisions d on d.invoice_id = i.id
              where i.subscription_id = $1) as happened
      where $2::timestamptz is null or (at, rank, key) < ($2::timestamptz, $3::int, $4::text)
      order by at desc, rank desc, key desc
      limit $5`,
    [id, at ?? null, rank ?? null, key ?? null, limit],
  );
}

const INVOICE_FACTS = `jsonb_build_object('kind', i.kind, 'amount', i.amount, 'period_start', i.period_start,
                           'period_end', i.period_end, 'bills_on', i.bills_on)`;

/** A cursor of `timelineOf`: what PostgreSQL could not read must not reach it. */
export function isTimelineKey(text: string): boolean {
  const [at = "", rank = "", key = "", ...more] = text.split("/");
  return (
    isTimedKey(`${at}/${rank}`) && /^[1-3]$/.test(rank) && /^[0-9a-z-]{1,60}$/.test(key) && more.length === 0
  );
}
