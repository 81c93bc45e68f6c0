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

// Of one moment (a turned clock stands still, and a transaction has one time) what was written first comes first. An
// invoice has no such time: it was opened before the first decision about it, and closed after the last one, except that
// on what its payment revived. Where even these are equal, and for an invoice about which nothing was decided yet, `rank`
// says what causes what.

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
  const [at, written, rank, key] = after?.split("/") ?? [];
  return tx.query<TimelineRow>(
    `with own as (
       select i.id, i.state, i.created_at, i.closed_at, i.end_reason, ${INVOICE_FACTS} as facts
         from invoices i
        where i.subscription_id = $1),
     decided as (
       select d.id, d.at, d.recorded_at, d.rule, d.says, d.invoice_id, d.facts
         from own join decisions d on d.invoice_id = own.id),
     happened as (
       select c.at, coalesce(c.recorded_at, c.at) as written, 1 as rank, 'change' as what,
              lpad(c.id::text, ${KEY_WIDTH}, '0') as key, c.kind as event, c.actor, c.reason as says,
              null::uuid as invoice_id, c.details
         from subscription_changes c
        where c.subscription_id = $1
       union all
       select o.created_at, coalesce(min(d.recorded_at), 'infinity'), 2, 'invoice', o.id::text || '-opened', 'opened',
              null, null, o.id, o.facts
         from own o left join decided d on d.invoice_id = o.id and d.at = o.created_at
        group by o.id, o.created_at, o.facts
       union all
       select d.at, d.recorded_at, 3, 'decision', lpad(d.id::text, ${KEY_WIDTH}, '0'), d.rule, null, d.says,
              d.invoice_id, d.facts
         from decided d
       union all
       select o.closed_at, coalesce(max(d.recorded_at), 'infinity'), 4, 'invoice', o.id::text || '-' || o.state,
              o.state, null, o.end_reason, o.id, o.facts
         from own o left join decided d
                on d.invoice_id = o.id and d.at = o.closed_at and d.rule <> 'subscription.revived'
        where o.closed_at is not null
        group by o.id, o.closed_at, o.state, o.end_reason, o.facts)
     select at, what, event, actor, says, invoice_id, details,
            at::text || '/' || written::text || '/' || rank || '/' || key as cursor
       from happened
      where $2::timestamptz is null or (at, written, rank, key) < ($2::timestamptz, $3::timestamptz, $4::int, $5::text)
      order by at desc, written desc, rank desc, key desc
      limit $6`,
    [id, at ?? null, written ?? null, rank ?? null, key ?? null, limit],
  );
}

const INVOICE_FACTS = `jsonb_build_object('kind', i.kind, 'amount', i.amount, 'period_start', i.period_start,
                           'period_end', i.period_end, 'bills_on', i.bills_on)`;

/** A cursor of `timelineOf`: what PostgreSQL could not read must not reach it. */
export function isTimelineKey(text: string): boolean {
  const [at = "", written = "", rank = "", key = "", ...more] = text.split("/");
  return (
    isTimedKey(`${at}/${rank}`) &&
    (written === "infinity" || isTimedKey(`${written}/${rank}`)) &&
    /^[1-4]$/.test(rank) &&
    /^[0-9a-z-]{1,60}$/.test(key) &&
    more.length === 0
  );
}
