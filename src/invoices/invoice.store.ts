import type { CustomerId, InvoiceId, SubscriptionId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Queryable, Tx } from "../platform/database.ts";
import type { Invoice } from "./invoice.ts";
import { outcomeToJson } from "./outcome-json.ts";

/** What happens to the lease when an invoice is saved. */
export type LeaseChange =
  /** Taken for `leaseMs` of real time under the next number. */
  | { readonly kind: "take"; readonly leaseMs: number }
  /** Given back, if it is still the one of this number. */
  | { readonly kind: "release"; readonly leaseNo: number }
  | { readonly kind: "keep" };

/** Saves what decisions may change about invoices that the caller has locked. */
export async function saveInvoices(
  tx: Tx,
  changes: readonly { readonly invoice: Invoice; readonly lease: LeaseChange }[],
  now: Instant,
): Promise<void> {
  if (changes.length === 0) return;
  await tx.query(
    `update invoices i
        set state = x.state,
            next_action_at = x.next_action_at,
            retry_at = x.retry_at,
            waiting_for = x.waiting_for,
            leased_until = case
              when x.lease_ms is not null then clock_timestamp() + x.lease_ms * interval '1 millisecond'
              when x.released_no = i.lease_no then null
              else i.leased_until end,
            lease_no = i.lease_no + (x.lease_ms is not null)::int,
            first_failed_at = x.first_failed_at,
            next_bill_on = x.next_bill_on,
            decline_class = x.decline_class,
            outcome = x.outcome,
            planned_try_at = x.planned_try_at,
            requested_on = x.requested_on,
            dunning_step = x.dunning_step,
            requests_used = x.requests_used,
            not_sent_count = x.not_sent_count,
            balance_failures = x.balance_failures,
            config_refusals = x.config_refusals,
            asked_at = x.asked_at,
            end_reason = x.end_reason,
            paid_at = case when x.state = 'paid' then coalesce(i.paid_at, $2) end,
            closed_at = case when x.state <> 'open' then coalesce(i.closed_at, $2) end
       from json_to_recordset($1::json) as x (id uuid, state text, next_action_at timestamptz, retry_at timestamptz,
              waiting_for text, lease_ms int, released_no int, first_failed_at timestamptz, dunning_step int,
              next_bill_on date, decline_class text, outcome jsonb, planned_try_at timestamptz, requested_on date, requests_used int, not_sent_count int, balance_failures int, config_refusals int,
              asked_at timestamptz, end_reason text)
      where i.id = x.id`,
    [JSON.stringify(changes.map(({ invoice, lease }) => toRecord(invoice, lease))), now.toJSDate()],
  );
}

function toRecord(invoice: Invoice, lease: LeaseChange) {
  return {
    id: invoice.id,
    state: invoice.state,
    next_action_at: invoice.nextActionAt?.toJSDate() ?? null,
    retry_at: invoice.retryAt?.toJSDate() ?? null,
    waiting_for: invoice.waitingFor,
    lease_ms: lease.kind === "take" ? lease.leaseMs : null,
    released_no: lease.kind === "release" ? lease.leaseNo : null,
    first_failed_at: invoice.firstFailedAt?.toJSDate() ?? null,
    next_bill_on: invoice.nextBillOn,
    decline_class: invoice.declineClass,
    outcome: outcomeToJson(invoice.outcome),
    planned_try_at: invoice.plannedTryAt?.toJSDate() ?? null,
    requested_on: invoice.requestedOn,
    dunning_step: invoice.dunningStep,
    requests_used: invoice.requestsUsed,
    not_sent_count: invoice.notSentCount,
    balance_failures: invoice.balanceFailures,
    config_refusals: invoice.configRefusals,
    asked_at: invoice.askedAt?.toJSDate() ?? null,
    end_reason: invoice.endReason,
  };
}

const LOWEST_ID = "00000000-0000-0000-0000-000000000000";

/** Where a search for due invoices goes on: after this row of the same order. */
export type RingCursor = { readonly at: string; readonly id: InvoiceId };

/** Invoices that want attention at `now` and that nobody holds, oldest first. Locks nothing: a bell is only a bell. */
export async function findInvoicesToRing(
  db: Queryable,
  now: Instant,
  limit: number,
  after: RingCursor | null,
): Promise<RingCursor[]> {
  return db.query<RingCursor>(
    `select id, next_action_at::text as at
       from invoices
      where next_action_at <= $1
        and (leased_until is null or leased_until <= clock_timestamp())
        and (next_action_at, id) > ($3::timestamptz, $4::uuid)
      order by next_action_at, id
      limit $2`,
    [now.toJSDate(), limit, after?.at ?? "-infinity", after?.id ?? LOWEST_ID],
  );
}

/** Takes an invoice out of the machine's hands: a person must look at it. Used when saving it fails for good. */
export async function parkInvoice(tx: Tx, id: InvoiceId, retryAt: Instant): Promise<void> {
  await tx.query(
    `update invoices
        set waiting_for = case when state = 'open' then 'person' end,
            next_action_at = case when exists (select 1 from payment_attempts a
                where a.invoice_id = invoices.id
                  and a.state in ('requested', 'pending', 'unknown', 'unsent')) then $2::timestamptz end,
            leased_until = null
      where id = $1`,
    [id, retryAt.toJSDate()],
  );
}

/** Those of `ids` that have no other open invoice in dunning. */
export async function withoutArrears(tx: Tx, ids: readonly SubscriptionId[]): Promise<SubscriptionId[]> {
  if (ids.length === 0) return [];
  const rows = await tx.query<{ id: SubscriptionId }>(
    `select x.id
       from unnest($1::uuid[]) as x (id)
      where not exists (select 1 from invoices i
                         where i.subscription_id = x.id and i.state = 'open' and i.first_failed_at is not null)
      order by x.id`,
    [ids],
  );
  return rows.map((row) => row.id);
}

/** More open invoices than a subscription ever has: a plan of one day, unpaid for three years. */
const MOST_OPEN = 1000;

/** The open invoices of a subscription, in id order; the index invoices_open_of_customer is expected. */
export async function openInvoicesOf(
  tx: Tx,
  { id, customerId }: { readonly id: SubscriptionId; readonly customerId: CustomerId },
): Promise<InvoiceId[]> {
  const rows = await tx.query<{ id: InvoiceId }>(
    `select id from invoices
      where customer_id = $1 and subscription_id = $2 and state = 'open'
      order by id
      limit $3`,
    [customerId, id, MOST_OPEN],
  );
  return rows.map((row) => row.id);
}

/** How often a person asked for a try of this invoice. */
export async function countAsked(tx: Tx, id: InvoiceId): Promise<number> {
  const [row] = await tx.query<{ asked: number }>(
    `select retries_asked as asked from invoices where id = $1`,
    [id],
  );
  return row?.asked ?? 0;
}

/** Makes an open invoice due now because a person asked; only the clock is touched, the lease is not. */
export async function askAgain(tx: Tx, id: InvoiceId, now: Instant): Promise<void> {
  await tx.query(
    `update invoices
        set next_action_at = $2, retry_at = $2, asked_at = $2, waiting_for = null, end_reason = null,
            retries_asked = retries_asked + 1
      where id = $1 and state = 'open'`,
    [id, now.toJSDate()],
  );
}

/** Wakes the open invoices of a customer that waited for a wallet, or whose ladder is spent: it has one again. */
export async function wakeWaitingForMethod(tx: Tx, customerId: string, now: Instant): Promise<InvoiceId[]> {
  const rows = await tx.query<{ id: InvoiceId }>(
    `with waiting as (
       select id from invoices
        where customer_id = $1 and state = 'open' and waiting_for in ('method', 'customer')
        order by id
          for update)
     update invoices i
        set next_action_at = $2, retry_at = $2, asked_at = $2, waiting_for = null, end_reason = null
       from waiting
      where i.id = waiting.id
     returning i.id`,
    [customerId, now.toJSDate()],
  );
  return rows.map((row) => row.id);
}

/** Makes the open invoices of a customer due that nothing is on its way for: their wallet is gone. */
export async function bringForwardWithoutWallet(
  tx: Tx,
  customerId: string,
  now: Instant,
): Promise<InvoiceId[]> {
  const rows = await tx.query<{ id: InvoiceId }>(
    `with open_ones as (
       select id from invoices
        where customer_id = $1 and state = 'open' and waiting_for is null
        order by id
          for update)
     update invoices i
        set next_action_at = least(i.next_action_at, $2)
       from open_ones
      where i.id = open_ones.id
        and not exists (select 1 from payment_attempts a where a.invoice_id = i.id and a.closed_at is null)
     returning i.id`,
    [customerId, now.toJSDate()],
  );
  return rows.map((row) => row.id).sort();
}

/** Leaves an invoice whose ladder is over, and that nothing else was decided about meanwhile, to its customer. */
export async function leaveToCustomer(tx: Tx, id: InvoiceId): Promise<void> {
  await tx.query(
    `update invoices
        set waiting_for = 'customer', next_action_at = null, retry_at = null, planned_try_at = null,
            end_reason = 'exhausted'
      where id = $1 and state = 'open' and waiting_for is null and first_failed_at is not null
        and not exists (select 1 from payment_attempts a where a.invoice_id = invoices.id and a.closed_at is null)
        and not exists (select 1 from subscriptions s
                         where s.id = invoices.subscription_id and s.state in ('canceled', 'paused'))`,
    [id],
  );
}
