// The rows that the product leaves behind, and as many: written by set, with no lock, no lease and no second look.
import type pg from "pg";

export type Opened = { readonly id: string; readonly amount: number; readonly bills_on: string };

export type Order = {
  readonly invoiceId: string;
  readonly reference: string;
  readonly externalId: string;
  readonly body: string;
};

export type Answered = {
  readonly invoiceId: string;
  readonly reference: string;
  readonly externalId: string;
  readonly gatewayReference: string;
  readonly code: string;
  readonly raw: string;
};

export type Notified = {
  readonly reference: string;
  readonly gatewayReference: string;
  readonly externalId: string;
  readonly amount: number;
  readonly body: string;
  readonly bodyHash: string;
};

/** Opens the invoices of a page of due subscriptions: invoice, line, the decision to collect, the next date. */
export async function openPage(pool: pg.Pool, limit: number): Promise<readonly Opened[]> {
  const { rows } = await pool.query<Opened>({
    name: "open",
    text: `
      with due as (
        select s.id, s.customer_id, s.plan_version_id, s.next_index, s.start_on, v.amount
          from subscriptions s join plan_versions v on v.id = s.plan_version_id
         where s.next_invoice_at <= clock_timestamp()
         order by s.next_invoice_at, s.id
         limit $1),
      moved as (
        update subscriptions s
           set next_index = s.next_index + 1, next_invoice_at = s.start_on + (s.next_index + 1) * interval '1 month',
               last_opened_on = current_date
          from due where s.id = due.id),
      opened as (
        insert into invoices (id, subscription_id, customer_id, plan_version_id, period_index, period_start, period_end,
               bills_on, amount, next_action_at, lease_no, created_at)
        select gen_random_uuid(), id, customer_id, plan_version_id, next_index,
               (start_on + next_index * interval '1 month')::date,
               (start_on + (next_index + 1) * interval '1 month')::date,
               (start_on + next_index * interval '1 month')::date, amount, now(), 1, now()
          from due
        returning id, amount, bills_on),
      lines as (
        insert into invoice_lines (invoice_id, number, kind, amount) select id, 1, 'period', amount from opened),
      decided as (
        insert into decisions (invoice_id, at, rule, says, facts, policy_version)
        select id, now(), 'collect.due', 'Rp 50.000 is due: ask the balance, then charge',
               '{"lease": 0, "state": "open", "binding": "active"}', 1
          from opened)
      select id, amount::int as amount, bills_on::text as bills_on from opened`,
    values: [limit],
  });
  return rows;
}

/** Writes down what is about to be sent: decision, attempt, request. */
export async function writeOrders(pool: pg.Pool, orders: readonly Order[]): Promise<void> {
  await pool.query({
    name: "order",
    text: `
      with x as (
        select invoice_id, reference, external_id, body
          from unnest($1::uuid[], $2::text[], $3::text[], $4::text[]) as x (invoice_id, reference, external_id, body)),
      decided as (
        insert into decisions (invoice_id, attempt_number, at, rule, says, facts, policy_version)
        select invoice_id, 1, now(), 'charge', 'charge Rp 50.000: balance Rp 1.000.000 covers it',
               '{"lease": 1, "amount": 50000, "available": 1000000}', 1
          from x
        returning id, invoice_id),
      attempts as (
        insert into payment_attempts (invoice_id, number, reference, amount, decision_id, created_at, last_sent_at)
        select x.invoice_id, 1, x.reference, $5, decided.id, now(), now()
          from x join decided on decided.invoice_id = x.invoice_id)
      insert into requests (invoice_id, attempt_number, external_id, lease_no, body, at)
      select invoice_id, 1, external_id, 1, body, now() from x`,
    values: [
      orders.map((each) => each.invoiceId),
      orders.map((each) => each.reference),
      orders.map((each) => each.externalId),
      orders.map((each) => each.body),
      50_000,
    ],
  });
}

/** The direct answers: requests answered, and the answer kept as evidence. */
export async function writeAnswers(pool: pg.Pool, answers: readonly Answered[]): Promise<void> {
  await pool.query({
    name: "answer",
    text: `
      with x as (
        select invoice_id, reference, external_id, gateway_reference, code, raw
          from unnest($1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
               as x (invoice_id, reference, external_id, gateway_reference, code, raw)),
      answered as (
        update requests r set state = 'answered', code = x.code, answered_at = clock_timestamp()
          from x where r.external_id = x.external_id)
      insert into evidence (invoice_id, attempt_number, reference, gateway_reference, source, status, verdict, at, raw)
      select invoice_id, 1, reference, gateway_reference, 'answer', code, 'accepted', now(), raw from x`,
    values: [
      answers.map((each) => each.invoiceId),
      answers.map((each) => each.reference),
      answers.map((each) => each.externalId),
      answers.map((each) => each.gatewayReference),
      answers.map((each) => each.code),
      answers.map((each) => each.raw),
    ],
  });
}

/** Notifications: the inbox, the evidence, the decision, and the invoice is paid. One statement is one commit. */
export async function writeNotified(pool: pg.Pool, notified: readonly Notified[]): Promise<void> {
  await pool.query({
    name: "notified",
    text: `
      with x as (
        select reference, gateway_reference, external_id, amount, body, body_hash
          from unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::text[])
               as x (reference, gateway_reference, external_id, amount, body, body_hash)),
      settled as (
        update payment_attempts a
           set state = 'succeeded', accepted = true, code = 'status 00', gateway_reference = x.gateway_reference,
               closed_at = now()
          from x where a.reference = x.reference
        returning a.invoice_id, a.reference),
      paid as (
        update invoices i
           set state = 'paid', next_action_at = null, requests_used = 1, paid_at = now(), closed_at = now()
          from settled where i.id = settled.invoice_id),
      heard as (
        insert into evidence (invoice_id, attempt_number, reference, gateway_reference, source, status, verdict, amount,
               at, raw)
        select settled.invoice_id, 1, x.reference, x.gateway_reference, 'notification', 'status 00', 'paid', x.amount,
               now(), x.body
          from x join settled on settled.reference = x.reference),
      decided as (
        insert into decisions (invoice_id, attempt_number, at, rule, says, facts, policy_version)
        select invoice_id, 1, now(), 'verdict.paid', 'paid: Rp 50.000',
               '{"code": "status 00", "source": "notification", "verdict": "paid"}', 1
          from settled)
      insert into inbox (kind, external_id, body, body_hash, reference, signature_form, state, at, handled_at, tries)
      select 'payment', external_id, body, body_hash, reference, 'raw', 'handled', now(), clock_timestamp(), 1 from x`,
    values: [
      notified.map((each) => each.reference),
      notified.map((each) => each.gatewayReference),
      notified.map((each) => each.externalId),
      notified.map((each) => each.amount),
      notified.map((each) => each.body),
      notified.map((each) => each.bodyHash),
    ],
  });
}
