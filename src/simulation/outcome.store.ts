import { type Instant, instantOrNull } from "../kernel/time.ts";
import type { Queryable } from "../platform/database.ts";
import type { MonthOutcome } from "./outcome.ts";

/** When something of ours may next go on, leases and waits counted; null when nothing is planned. */
export async function findNextMoment(db: Queryable): Promise<Instant | null> {
  const [row] = await db.query<{ at: Date | null }>(
    `select least(
       (select min(greatest(next_action_at, leased_until)) from invoices where next_action_at is not null),
       (select min(greatest(next_action_at, leased_until)) from refunds where next_action_at is not null),
       (select min(next_invoice_at) from subscriptions where next_invoice_at is not null),
       (select min(expires_at) from bindings where state = 'pending'),
       (select min(received_at + make_interval(secs => 5 * power(2, least(tries, 17)))) from inbox
         where state = $1)) as at`,
    ["received"],
  );
  return instantOrNull(row?.at ?? null);
}

/** How many wallets are linked. */
export async function countLinked(db: Queryable): Promise<number> {
  const [row] = await db.query<{ count: number }>(
    `select count(*)::int as count from bindings where state = $1`,
    ["active"],
  );
  return row?.count ?? 0;
}

/** The request row behind a payment call that is about to leave, or null; `leased`: its lease is the invoice's own, and runs. */
export async function findSend(
  db: Queryable,
  externalId: string,
): Promise<{ readonly kind: string; readonly leased: boolean } | null> {
  const [row] = await db.query<{ kind: string; leased: boolean }>(
    `select a.kind, (r.lease_no = i.lease_no and i.leased_until > clock_timestamp()) is true as leased
       from requests r
       join invoices i on i.id = r.invoice_id
       join payment_attempts a on a.invoice_id = r.invoice_id and a.number = r.attempt_number
      where r.external_id = $1
      order by r.id desc limit 1`,
    [externalId],
  );
  return row ?? null;
}

/** The months so far, oldest first. */
export function findMonths(db: Queryable): Promise<MonthOutcome[]> {
  return db.query<MonthOutcome>(
    `select to_char(bills_on, 'YYYY-MM') as month, count(*)::int as invoices,
            count(*) filter (where state = 'paid')::int as paid,
            count(*) filter (where state = 'paid' and first_failed_at is null)::int as paid_first_try,
            count(*) filter (where state = 'paid' and first_failed_at is not null)::int as recovered,
            count(*) filter (where first_failed_at is not null)::int as declined,
            count(*) filter (where state = 'open' and first_failed_at is not null and waiting_for is null)::int
              as in_dunning,
            count(*) filter (where state = 'open' and waiting_for is not null)::int as waiting,
            coalesce(sum(amount) filter (where state = 'paid'), 0)::float8 as amount
       from invoices where state <> 'void'
      group by 1 order by 1 limit 1200`,
  );
}

/** Everything that this life came to, one line a fact, in an order of its own: what the digest is made of. */
export async function findOutcome(db: Queryable): Promise<string[]> {
  const rows = await db.query<{ line: string }>(
    `with line as (
       select concat_ws(' ', s.reference, s.state, s.next_index) as line from subscriptions s
       union all
       select concat_ws(' ', s.reference, i.kind, i.period_index, i.issue_number, i.period_start, i.period_end,
                        i.amount, i.state, i.waiting_for, i.requests_used, extract(epoch from i.paid_at)::bigint)
         from invoices i join subscriptions s on s.id = i.subscription_id
       union all
       select concat_ws(' ', s.reference, i.kind, i.period_index, i.issue_number, a.number, a.kind, a.amount, a.state,
                        a.code, extract(epoch from a.created_at)::bigint, extract(epoch from a.closed_at)::bigint)
         from payment_attempts a join invoices i on i.id = a.invoice_id
         join subscriptions s on s.id = i.subscription_id
       union all
       select distinct concat_ws(' ', s.reference, i.kind, i.period_index, i.issue_number, e.attempt_number, e.source,
                        e.verdict, e.amount, extract(epoch from e.at)::bigint)
         from evidence e join invoices i on i.id = e.invoice_id join subscriptions s on s.id = i.subscription_id
       union all
       select concat_ws(' ', s.reference, 'refund', r.amount, r.state)
         from refunds r join invoices i on i.id = r.invoice_id join subscriptions s on s.id = i.subscription_id)
     select line from line order by line collate "C" limit 50000000`,
  );
  return rows.map((row) => row.line);
}

/** What happened, line by line in the order of business time: to one invoice, or to all of a subscription. */
export async function tellStory(
  db: Queryable,
  about: { readonly invoiceId: string | null; readonly subscriptionId: string | null },
): Promise<string[]> {
  const rows = await db.query<{ line: string }>(
    `with i as (
       select id, subscription_id, kind || ' ' || period_index || '.' || issue_number as name from invoices
        where id = $1::uuid or ($1::uuid is null and subscription_id = $2::uuid)),
     told as (
       select v.created_at as at, 0::bigint as id, format('invoice %s: %s rupiah for %s to %s, now %s%s%s', name,
              v.amount, v.period_start, v.period_end, v.state, coalesce(', waiting for ' || v.waiting_for, ''),
              coalesce(', next at ' || v.next_action_at, '')) as says
         from i join invoices v on v.id = i.id
       union all
       select at, c.id, format('%s %s of the subscription: %s', actor, c.kind, details)
         from subscription_changes c
        where c.subscription_id in (select subscription_id from i union select $2::uuid)
       union all
       select at, d.id, format('%s: decided %s: %s', name, rule, says) from i join decisions d on d.invoice_id = i.id
       union all
       select at, r.id, format('%s: sent attempt %s (%s)', name, attempt_number, state)
         from i join requests r on r.invoice_id = i.id
       union all
       select at, e.id, format('%s: heard of attempt %s by %s: %s %s', name, attempt_number, source, status, verdict)
         from i join evidence e on e.invoice_id = i.id
       union all
       select created_at, number, format('%s: attempt %s is %s%s', name, number, state, coalesce(': ' || review_reason, ''))
         from i join payment_attempts a on a.invoice_id = i.id)
     select to_char(at at time zone 'Asia/Jakarta', 'YYYY-MM-DD HH24:MI:SS') || '  ' || says as line
       from told order by at, id, says limit 500`,
    [about.invoiceId, about.subscriptionId],
  );
  return rows.map((row) => row.line);
}
