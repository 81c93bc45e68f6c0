import type { DeclineClass } from "../gateway/gateway.ts";
import { groupBy } from "../kernel/group.ts";
import type { BindingId, CustomerId, InvoiceId, Reference, SubscriptionId } from "../kernel/ids.ts";
import { rupiah } from "../kernel/money.ts";
import { type Instant, instant, instantOrNull, type LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { SubscriptionState } from "../subscriptions/subscription.ts";
import type { Attempt, AttemptState, PaymentRequestRow } from "./attempt.ts";
import type { Facts, NewsFacts, Stop } from "./facts.ts";
import type { Invoice, InvoiceState, WaitingFor } from "./invoice.ts";
import { outcomeFromJson, type StoredOutcome } from "./outcome-json.ts";
import { findStops, type StopRow } from "./stop.store.ts";

type InvoiceRow = {
  id: InvoiceId;
  subscription_id: SubscriptionId;
  customer_id: CustomerId;
  amount: string;
  bills_on: string;
  state: InvoiceState;
  next_action_at: Date | null;
  retry_at: Date | null;
  waiting_for: WaitingFor | null;
  lease_no: number;
  policy_code: string | null;
  policy_version: number;
  first_failed_at: Date | null;
  next_bill_on: LocalDate | null;
  decline_class: DeclineClass | null;
  outcome: StoredOutcome | null;
  planned_try_at: Date | null;
  requested_on: LocalDate | null;
  dunning_step: number;
  requests_used: number;
  not_sent_count: number;
  balance_failures: number;
  config_refusals: number;
  asked_at: Date | null;
  end_reason: string | null;
};

const INVOICE_COLUMNS = `id, subscription_id, customer_id, amount, bills_on::text as bills_on, state, next_action_at,
  retry_at, waiting_for, lease_no, policy_code, policy_version, first_failed_at,
  next_bill_on::text as next_bill_on, decline_class, outcome,
  planned_try_at, requested_on::text as requested_on, dunning_step, requests_used, not_sent_count, balance_failures,
  config_refusals, asked_at, end_reason`;

// "is true" keeps the plan on the primary key: the index of what is due would fit as well, and read all that is due.

/**
 * Locks those of `ids` that are due and that nobody holds, in id order; rows that another worker has are skipped. One
 * wallet is asked for one invoice at a time, oldest first: while an older one of the customer is due or being
 * collected, the younger stays due for a later beat.
 */
export async function lockDueInvoices(tx: Tx, ids: readonly InvoiceId[], now: Instant): Promise<Invoice[]> {
  const rows = await tx.query<InvoiceRow>(
    `select ${INVOICE_COLUMNS}
       from invoices i
      where id = any($1::uuid[])
        and (next_action_at <= $2) is true
        and (leased_until is null or leased_until <= clock_timestamp())
        and not exists (select from invoices o
                         where o.customer_id = i.customer_id and o.state = 'open' and (o.next_action_at <= $2) is true
                           and (o.bills_on, o.subscription_id, o.id) < (i.bills_on, i.subscription_id, i.id))
      order by id
        for update of i skip locked`,
    [ids, now.toJSDate()],
  );
  return rows.map(invoiceFromRow);
}

/** Locks `ids` in id order, waiting for whoever has them: every writer of several invoices locks in this order. */
export async function lockInvoices(tx: Tx, ids: readonly InvoiceId[]): Promise<Invoice[]> {
  const rows = await tx.query<InvoiceRow>(
    `select ${INVOICE_COLUMNS} from invoices where id = any($1::uuid[]) order by id for update`,
    [ids],
  );
  return rows.map(invoiceFromRow);
}

/** Everything decisions need about `invoices`, which the caller has locked. */
export async function loadFacts(tx: Tx, invoices: readonly Invoice[], now: Instant): Promise<Facts[]> {
  if (invoices.length === 0) return [];
  const ids = invoices.map((invoice) => invoice.id);
  const [around, attempted, stops] = await Promise.all([
    findSurroundings(tx, invoices),
    findAttempts(tx, ids),
    findStops(tx, now),
  ]);
  const surroundings = new Map(around.map((row) => [row.id, row]));
  const attempts = groupBy(attempted, (row) => row.invoiceId);
  return invoices.flatMap((invoice) => {
    const around = surroundings.get(invoice.id);
    if (around === undefined) return [];
    return [
      {
        invoice,
        attempts: (attempts.get(invoice.id) ?? []).map((row) => row.attempt),
        subscription: {
          state: around.subscription_state,
          collectionHold: around.collection_hold,
          reference: around.subscription_reference,
          planName: around.plan_name,
        },
        customerReference: around.customer_reference,
        binding:
          around.binding_id === null || around.binding_state === null
            ? null
            : { id: around.binding_id, state: around.binding_state },
        stop: stopFor(stops, invoice, around.plan_code, around.customer_reference),
      },
    ];
  });
}

/** What the meaning of news about `invoices` depends on; the caller has locked them. */
export async function loadNewsFacts(tx: Tx, invoices: readonly Invoice[]): Promise<NewsFacts[]> {
  if (invoices.length === 0) return [];
  const ids = invoices.map((invoice) => invoice.id);
  const [payers, attempted] = await Promise.all([findPayers(tx, invoices), findAttempts(tx, ids)]);
  const payerOf = new Map(payers.map((row) => [row.id, row]));
  const attempts = groupBy(attempted, (row) => row.invoiceId);
  return invoices.flatMap((invoice) => {
    const payer = payerOf.get(invoice.id);
    if (payer === undefined) return [];
    return [
      {
        invoice,
        attempts: (attempts.get(invoice.id) ?? []).map((row) => row.attempt),
        subscription: { state: payer.state },
        customerReference: payer.reference,
      },
    ];
  });
}

type Payer = { readonly id: InvoiceId; readonly state: SubscriptionState; readonly reference: string };

function findPayers(tx: Tx, invoices: readonly Invoice[]): Promise<Payer[]> {
  return tx.query<Payer>(
    `select x.id, s.state, c.reference
       from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as x (id, subscription_id, customer_id)
       join subscriptions s on s.id = x.subscription_id
       join customers c on c.id = x.customer_id`,
    partiesOf(invoices),
  );
}

function partiesOf(invoices: readonly Invoice[]): readonly (readonly string[])[] {
  return [
    invoices.map(({ id }) => id),
    invoices.map(({ subscriptionId }) => subscriptionId),
    invoices.map(({ customerId }) => customerId),
  ];
}

type Surroundings = {
  id: InvoiceId;
  subscription_state: SubscriptionState;
  collection_hold: boolean;
  subscription_reference: string;
  plan_code: string;
  plan_name: string;
  customer_reference: string;
  binding_id: BindingId | null;
  binding_state: "active" | "suspended" | null;
};

function findSurroundings(tx: Tx, invoices: readonly Invoice[]): Promise<Surroundings[]> {
  return tx.query<Surroundings>(
    `select x.id, s.state as subscription_state, s.collection_hold, s.reference as subscription_reference,
            p.code as plan_code, p.name as plan_name, c.reference as customer_reference,
            b.id as binding_id, b.state as binding_state
       from unnest($1::uuid[], $2::uuid[], $3::uuid[]) as x (id, subscription_id, customer_id)
       join subscriptions s on s.id = x.subscription_id
       join plans p on p.id = s.plan_id
       join customers c on c.id = x.customer_id
       left join bindings b on b.customer_id = x.customer_id and b.state in ('active', 'suspended')`,
    partiesOf(invoices),
  );
}

function stopFor(
  stops: readonly StopRow[],
  invoice: Invoice,
  planCode: string,
  customerReference: string,
): Stop | null {
  const targets = { all: "", plan: planCode, customer: customerReference, invoice: invoice.id as string };
  const stop = stops.find((candidate) => targets[candidate.scope] === candidate.target);
  return stop === undefined ? null : { reason: stop.reason, endsAt: stop.endsAt };
}

type AttemptRow = {
  invoice_id: InvoiceId;
  number: number;
  reference: Reference;
  kind: "recurring" | "sale";
  amount: string;
  state: AttemptState;
  decline_class: DeclineClass | null;
  code: string | null;
  message: string | null;
  gateway_reference: string | null;
  accepted: boolean;
  inquire_at: Date | null;
  inquiries: number;
  not_found_count: number;
  first_not_found_at: Date | null;
  not_found_proved: boolean;
  refusal_noticed_at: Date | null;
  resends: number;
  review_reason: string | null;
  last_sent_at: Date;
  closed_at: Date | null;
  refund_asked: string;
  requests: PaymentRequestRow[] | null;
};

async function findAttempts(
  tx: Tx,
  ids: readonly InvoiceId[],
): Promise<{ invoiceId: InvoiceId; attempt: Attempt }[]> {
  const rows = await tx.query<AttemptRow>(
    `select a.invoice_id, a.number, a.reference, a.kind, a.amount, a.state, a.decline_class, a.code, a.message,
            a.gateway_reference, a.accepted, a.inquire_at, a.inquiries, a.not_found_count, a.first_not_found_at,
            a.not_found_proved, a.refusal_noticed_at, a.resends, a.review_reason, a.last_sent_at, a.closed_at,
            a.refund_asked,
            (select json_agg(json_build_object('id', r.id::text, 'externalId', r.external_id, 'state', r.state,
                                               'code', r.code) order by r.id)
               from requests r
              where r.invoice_id = a.invoice_id and r.attempt_number = a.number) as requests
       from payment_attempts a
      where a.invoice_id = any($1::uuid[])
      order by a.invoice_id, a.number`,
    [ids],
  );
  return rows.map((row) => ({ invoiceId: row.invoice_id, attempt: attemptFromRow(row) }));
}

function invoiceFromRow(row: InvoiceRow): Invoice {
  return {
    id: row.id,
    subscriptionId: row.subscription_id,
    customerId: row.customer_id,
    amount: rupiah(Number(row.amount)),
    billsOn: row.bills_on,
    state: row.state,
    nextActionAt: instantOrNull(row.next_action_at),
    retryAt: instantOrNull(row.retry_at),
    waitingFor: row.waiting_for,
    leaseNo: row.lease_no,
    policyCode: row.policy_code,
    policyVersion: row.policy_version,
    firstFailedAt: instantOrNull(row.first_failed_at),
    nextBillOn: row.next_bill_on,
    declineClass: row.decline_class,
    outcome: outcomeFromJson(row.outcome),
    plannedTryAt: instantOrNull(row.planned_try_at),
    requestedOn: row.requested_on,
    dunningStep: row.dunning_step,
    requestsUsed: row.requests_used,
    notSentCount: row.not_sent_count,
    balanceFailures: row.balance_failures,
    configRefusals: row.config_refusals,
    askedAt: instantOrNull(row.asked_at),
    endReason: row.end_reason,
  };
}

function attemptFromRow(row: AttemptRow): Attempt {
  return {
    number: row.number,
    reference: row.reference,
    kind: row.kind,
    amount: rupiah(Number(row.amount)),
    state: row.state,
    declineClass: row.decline_class,
    code: row.code,
    message: row.message,
    gatewayReference: row.gateway_reference,
    accepted: row.accepted,
    inquireAt: instantOrNull(row.inquire_at),
    inquiries: row.inquiries,
    notFoundCount: row.not_found_count,
    firstNotFoundAt: instantOrNull(row.first_not_found_at),
    notFoundProved: row.not_found_proved,
    refusalNoticedAt: instantOrNull(row.refusal_noticed_at),
    resends: row.resends,
    reviewReason: row.review_reason,
    lastSentAt: instant(row.last_sent_at),
    closedAt: instantOrNull(row.closed_at),
    refundAsked: rupiah(Number(row.refund_asked)),
    requests: row.requests ?? [],
  };
}
