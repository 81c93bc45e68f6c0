import type { MigrationInterface, QueryRunner } from "typeorm";

/** Debts, the decisions about them, the attempts to collect them, what was sent and what was heard. */
export class CreateInvoices1796000000006 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create extension if not exists btree_gist;

      create table stops (
        id            bigint generated always as identity primary key,
        scope         text not null,
        target        text not null default '',
        reason        text not null,
        set_by        text not null,
        set_at        timestamptz not null,
        ends_at       timestamptz,
        lifted_at     timestamptz,
        constraint stops_scope_known check (scope in ('all', 'plan', 'customer', 'invoice'))
      );
      create unique index stops_one_per_target on stops (scope, target) where lifted_at is null;

      create table invoices (
        id                uuid primary key,
        subscription_id   uuid not null references subscriptions,
        customer_id       uuid not null references customers,
        plan_version_id   uuid not null references plan_versions,
        kind              text not null default 'period',
        period_index      int not null,
        issue_number      int not null default 0,
        period_start      date not null,
        period_end        date not null,
        bills_on          date not null,
        amount            bigint not null,
        state             text not null default 'open',
        next_action_at    timestamptz,
        retry_at          timestamptz,
        waiting_for       text,
        leased_until      timestamptz,
        lease_no          int not null default 0,
        first_failed_at   timestamptz,
        dunning_step      int not null default 0,
        policy_version    int not null default 1,
        requests_used     int not null default 0,
        not_sent_count    int not null default 0,
        balance_failures  int not null default 0,
        config_refusals   int not null default 0,
        asked_at          timestamptz,
        retries_asked     int not null default 0,
        end_reason        text,
        created_at        timestamptz not null,
        paid_at           timestamptz,
        closed_at         timestamptz,
        constraint invoices_kind_known check (kind in ('period', 'change')),
        constraint invoices_state_known check (state in ('open', 'paid', 'void', 'uncollectible')),
        constraint invoices_waiting_known check (waiting_for in ('method', 'person', 'hold', 'customer')),
        constraint invoices_amount_not_negative check (amount >= 0),
        constraint invoices_period_not_empty check (period_end > period_start),
        constraint invoices_open_is_attended
          check (state <> 'open' or next_action_at is not null or waiting_for is not null),
        constraint invoices_paid_says_when check ((state = 'paid') = (paid_at is not null)),
        constraint invoices_closed_says_when check ((state = 'open') = (closed_at is null)),
        constraint invoices_periods_do_not_overlap exclude using gist
          (subscription_id with =, daterange(period_start, period_end) with &&)
          where (kind = 'period' and state <> 'void')
      ) with (fillfactor = 75);
      create unique index invoices_one_per_period on invoices (subscription_id, period_index)
        where kind = 'period' and state <> 'void';
      create index invoices_of_subscription on invoices (subscription_id, period_index, id);
      create index invoices_due on invoices (next_action_at, id) where next_action_at is not null;
      create index invoices_open_of_customer on invoices (customer_id) where state = 'open';
      create index invoices_by_bill_date on invoices (bills_on, id);

      create table invoice_lines (
        invoice_id  uuid not null references invoices,
        number      int not null,
        kind        text not null,
        amount      bigint not null,
        note        text not null default '',
        primary key (invoice_id, number),
        constraint invoice_lines_kind_known
          check (kind in ('period', 'proration', 'discount', 'credit', 'rollover'))
      );

      create table decisions (
        id              bigint generated always as identity primary key,
        invoice_id      uuid not null references invoices,
        attempt_number  int,
        at              timestamptz not null,
        rule            text not null,
        says            text not null,
        facts           jsonb not null default '{}',
        policy_version  int not null,
        next_action_at  timestamptz,
        recorded_at     timestamptz not null default clock_timestamp()
      );
      create index decisions_of_invoice on decisions (invoice_id, id);

      create table payment_attempts (
        invoice_id          uuid not null references invoices,
        number              int not null,
        reference           text not null,
        kind                text not null default 'recurring',
        amount              bigint not null,
        state               text not null default 'requested',
        decline_class       text,
        code                text,
        message             text,
        gateway_reference   text,
        accepted            boolean not null default false,
        inquire_at          timestamptz,
        inquiries           int not null default 0,
        not_found_count     int not null default 0,
        first_not_found_at  timestamptz,
        not_found_proved    boolean not null default false,
        refusal_noticed_at  timestamptz,
        resends             int not null default 0,
        review_reason       text,
        decision_id         bigint not null references decisions,
        created_at          timestamptz not null,
        last_sent_at        timestamptz not null,
        closed_at           timestamptz,
        primary key (invoice_id, number),
        constraint payment_attempts_reference_unique unique (reference),
        constraint payment_attempts_reference_refundable check (reference ~ '^[A-Za-z0-9-]{1,32}$'),
        constraint payment_attempts_decision_unique unique (decision_id),
        constraint payment_attempts_kind_known check (kind in ('recurring', 'sale')),
        constraint payment_attempts_amount_positive check (amount > 0),
        constraint payment_attempts_state_known
          check (state in ('requested', 'pending', 'unknown', 'unsent', 'succeeded', 'failed', 'review')),
        constraint payment_attempts_class_known check (decline_class in
          ('funds', 'limit', 'window', 'binding', 'account', 'risk', 'config', 'unclassified')),
        constraint payment_attempts_closed_says_when
          check ((state in ('succeeded', 'failed')) = (closed_at is not null)),
        constraint payment_attempts_review_says_why check (state <> 'review' or review_reason is not null)
      ) with (fillfactor = 75);
      create unique index payment_attempts_one_live on payment_attempts (invoice_id)
        where state in ('requested', 'pending', 'unknown', 'unsent', 'review');
      create index payment_attempts_by_creation on payment_attempts (created_at, invoice_id);

      create table requests (
        id              bigint generated always as identity primary key,
        invoice_id      uuid not null,
        attempt_number  int not null,
        external_id     text not null,
        lease_no        int not null,
        body            text not null,
        state           text not null default 'written',
        code            text,
        at              timestamptz not null,
        written_at      timestamptz not null default clock_timestamp(),
        answered_at     timestamptz,
        constraint requests_of_attempt
          foreign key (invoice_id, attempt_number) references payment_attempts,
        constraint requests_state_known check (state in ('written', 'answered', 'unsent')),
        constraint requests_external_id_digits check (external_id ~ '^[0-9]{1,36}$'),
        constraint requests_answered_says_when check (state <> 'answered' or answered_at is not null)
      ) with (fillfactor = 85);
      create index requests_of_attempt_by_id on requests (invoice_id, attempt_number, id);
      create index requests_by_external_id on requests (external_id);

      create table evidence (
        id                 bigint generated always as identity primary key,
        invoice_id         uuid not null,
        attempt_number     int not null,
        reference          text not null,
        gateway_reference  text,
        source             text not null,
        status             text not null,
        verdict            text not null,
        amount             bigint,
        at                 timestamptz not null,
        recorded_at        timestamptz not null default clock_timestamp(),
        raw                text,
        constraint evidence_of_attempt
          foreign key (invoice_id, attempt_number) references payment_attempts,
        constraint evidence_source_known
          check (source in ('answer', 'inquiry', 'notification', 'settlement', 'person'))
      );
      create unique index evidence_one_per_notice on evidence (reference, gateway_reference, status, amount)
        nulls not distinct where source = 'notification';
      create index evidence_of_attempt_by_id on evidence (invoice_id, attempt_number, id);`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(
      `drop table evidence, requests, payment_attempts, decisions, invoice_lines, invoices, stops`,
    );
  }
}
