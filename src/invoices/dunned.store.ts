import type { OtherBill } from "../dunning/overlap.ts";
import type { PolicyBook } from "../dunning/policy-book.ts";
import { dateAt } from "../dunning/wall-clock.ts";
import { groupBy } from "../kernel/group.ts";
import type { CustomerId, InvoiceId } from "../kernel/ids.ts";
import { type Instant, instant, instantOrNull, type LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Dunned } from "./dunned.ts";
import type { Invoice } from "./invoice.ts";

type Around = {
  readonly id: InvoiceId;
  readonly next_invoice_at: Date | null;
  readonly zone: string;
  readonly day: LocalDate | null;
  readonly requests: number | null;
};
type Open = {
  readonly customer_id: CustomerId;
  readonly id: InvoiceId;
  readonly bills_on: LocalDate;
  readonly try_at: Date | null;
};

/** More open invoices than the customers of one page ever have together. */
const MOST_OPEN = 5_000;

/** What planning these invoices depends on; every one of them has an entry. */
export async function loadDunned(
  tx: Tx,
  book: PolicyBook,
  invoices: readonly Invoice[],
): Promise<(invoice: Invoice) => Dunned> {
  const [policies, around, open] = await Promise.all([
    book.read(tx, invoices),
    findAround(tx, invoices),
    findOpen(tx, [...new Set(invoices.map(({ customerId }) => customerId))].sort()),
  ]);
  const aroundOf = new Map(around.map((row) => [row.id, row]));
  const openOf = groupBy(open, (row) => row.customer_id);
  return (invoice) => {
    const known = aroundOf.get(invoice.id);
    const { next_invoice_at: next = null, zone = "UTC", day = null, requests = null } = known ?? {};
    return {
      policy: policies.of(invoice),
      holidays: policies.holidays,
      nextBillOn: next === null ? null : dateAt(instant(next), zone),
      wallet: day === null || requests === null ? null : { day, requests },
      others: (openOf.get(invoice.customerId) ?? []).filter(({ id }) => id !== invoice.id).map(otherBill),
    };
  };
}

function otherBill({ id, bills_on, try_at }: Open): OtherBill {
  return { invoiceId: id, billsOn: bills_on, tryAt: instantOrNull(try_at) };
}

async function findAround(tx: Tx, invoices: readonly Invoice[]): Promise<Around[]> {
  if (invoices.length === 0) return [];
  return tx.query<Around>(
    `select x.id, s.next_invoice_at, s.zone, w.day::text as day, w.requests
       from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as x (id, subscription_id, customer_id)
       join subscriptions s on s.id = x.subscription_id
       left join wallet_requests w on w.customer_id = x.customer_id`,
    [
      invoices.map(({ id }) => id),
      invoices.map(({ subscriptionId }) => subscriptionId),
      invoices.map(({ customerId }) => customerId),
    ],
  );
}

async function findOpen(tx: Tx, customerIds: readonly CustomerId[]): Promise<Open[]> {
  if (customerIds.length === 0) return [];
  return tx.query<Open>(
    `select customer_id, id, bills_on::text as bills_on, coalesce(planned_try_at, next_action_at) as try_at
       from invoices
      where customer_id = any($1::uuid[]) and state = 'open' and waiting_for is null
      order by customer_id, bills_on, id
      limit $2`,
    [customerIds, MOST_OPEN],
  );
}

/** Counts requests that are about to leave for wallets on a day of the policy; rows are locked in customer order. */
export async function countWalletRequests(
  tx: Tx,
  sent: readonly { readonly customerId: CustomerId; readonly at: Instant; readonly zone: string }[],
): Promise<void> {
  if (sent.length === 0) return;
  const days = new Map<string, { customer_id: CustomerId; day: LocalDate; requests: number }>();
  for (const { customerId, at, zone } of sent) {
    const known = days.get(customerId);
    days.set(customerId, {
      customer_id: customerId,
      day: dateAt(at, zone),
      requests: (known?.requests ?? 0) + 1,
    });
  }
  await tx.query(
    `insert into wallet_requests as w (customer_id, day, requests)
     select customer_id, day, requests
       from json_to_recordset($1::json) as x (customer_id uuid, day date, requests int)
      order by customer_id
     on conflict (customer_id)
     do update set day = excluded.day,
                   requests = case when w.day = excluded.day then w.requests else 0 end + excluded.requests`,
    [JSON.stringify([...days.values()])],
  );
}

/** Notes on which local day a request by plan was sent; the rows are locked. */
export async function markRequested(
  tx: Tx,
  sent: readonly { readonly id: InvoiceId; readonly at: Instant; readonly zone: string }[],
): Promise<void> {
  if (sent.length === 0) return;
  await tx.query(
    `update invoices i set requested_on = x.day
       from unnest($1::uuid[], $2::date[]) as x (id, day)
      where i.id = x.id`,
    [sent.map(({ id }) => id), sent.map(({ at, zone }) => dateAt(at, zone))],
  );
}

/** A day on which a wallet was asked. */
export type WalletDay = { readonly customerId: CustomerId; readonly day: LocalDate };

/** Takes a request off each of these days of wallets; a wallet that was asked on another day since keeps its count. */
export async function giveBackWalletRequests(tx: Tx, days: readonly WalletDay[]): Promise<void> {
  if (days.length === 0) return;
  await tx.query(
    `with given as (
       select customer_id, day, count(*)::int as requests
         from unnest($1::uuid[], $2::date[]) as x (customer_id, day)
        group by customer_id, day),
     held as (
       select w.customer_id from wallet_requests w join given g using (customer_id, day)
        order by w.customer_id limit $3 for update of w)
     update wallet_requests w set requests = greatest(0, w.requests - g.requests)
       from held join given g using (customer_id)
      where w.customer_id = held.customer_id and w.day = g.day`,
    [days.map(({ customerId }) => customerId), days.map(({ day }) => day), days.length],
  );
}
