import type { MigrationInterface, QueryRunner } from "typeorm";

/** Money that goes back, the pages on which customers pay once, and what an attempt knows of both. */
export class CreateRefunds1796000000014 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      alter table payment_attempts add column refund_asked bigint not null default 0;

      create table pay_pages (
        invoice_id      uuid not null,
        attempt_number  int not null,
        redirect_url    text,
        asked_by        text not null,
        opened_at       timestamptz not null,
        ends_at         timestamptz not null,
        primary key (invoice_id, attempt_number),
        constraint pay_pages_of_attempt
          foreign key (invoice_id, attempt_number) references payment_attempts,
        constraint pay_pages_end_after_they_open check (ends_at > opened_at)
      );

      create table refunds (
        id                        uuid primary key,
        invoice_id                uuid not null,
        attempt_number            int not null,
        number                    int not null,
        refund_reference          text not null,
        amount                    bigint not null,
        reason                    text not null,
        requested_by              text not null,
        state                     text not null default 'requested',
        decline_reason            text,
        code                      text,
        message                   text,
        gateway_refund_reference  text,
        gateway_refunded_at       text,
        without_token             boolean not null default false,
        accepted                  boolean not null default false,
        certain                   boolean not null default false,
        inquire_at                timestamptz,
        inquiries                 int not null default 0,
        not_found_count           int not null default 0,
        first_not_found_at        timestamptz,
        not_found_proved          boolean not null default false,
        not_sent_count            int not null default 0,
        resends                   int not null default 0,
        review_reason             text,
        next_action_at            timestamptz,
        leased_until              timestamptz,
        lease_no                  int not null default 0,
        created_at                timestamptz not null,
        last_sent_at              timestamptz,
        closed_at                 timestamptz,
        constraint refunds_of_attempt
          foreign key (invoice_id, attempt_number) references payment_attempts,
        constraint refunds_reference_unique unique (refund_reference),
        constraint refunds_number_unique unique (invoice_id, attempt_number, number),
        constraint refunds_reference_fits check (refund_reference ~ '^[A-Za-z0-9-]{1,64}$'),
        constraint refunds_amount_positive check (amount > 0),
        constraint refunds_state_known
          check (state in ('requested', 'pending', 'unknown', 'refunded', 'declined', 'review')),
        constraint refunds_closed_says_when check ((state in ('refunded', 'declined')) = (closed_at is not null)),
        constraint refunds_review_says_why check (state <> 'review' or review_reason is not null),
        constraint refunds_live_is_attended
          check (state in ('refunded', 'declined', 'review') or next_action_at is not null)
      ) with (fillfactor = 75);
      create unique index refunds_one_live on refunds (invoice_id, attempt_number) where closed_at is null;
      create index refunds_due on refunds (next_action_at, id) where next_action_at is not null;
      create index refunds_by_creation on refunds (created_at, refund_reference);

      create table refund_requests (
        id           bigint generated always as identity primary key,
        refund_id    uuid not null references refunds,
        external_id  text not null,
        lease_no     int not null,
        body         text not null,
        state        text not null default 'written',
        code         text,
        at           timestamptz not null,
        written_at   timestamptz not null default clock_timestamp(),
        answered_at  timestamptz,
        constraint refund_requests_state_known check (state in ('written', 'answered', 'refused', 'unsent')),
        constraint refund_requests_external_id_digits check (external_id ~ '^[0-9]{1,36}$'),
        constraint refund_requests_answered_says_when
          check (state not in ('answered', 'refused') or answered_at is not null)
      );
      create index refund_requests_of_refund on refund_requests (refund_id, id);

      create table refund_evidence (
        id                        bigint generated always as identity primary key,
        refund_id                 uuid not null references refunds,
        refund_reference          text not null,
        gateway_refund_reference  text,
        source                    text not null,
        status                    text not null,
        verdict                   text not null,
        amount                    bigint,
        at                        timestamptz not null,
        recorded_at               timestamptz not null default clock_timestamp(),
        raw                       text,
        constraint refund_evidence_source_known check (source in ('answer', 'inquiry', 'person'))
      );
      create index refund_evidence_of_refund on refund_evidence (refund_id, id);`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`
      drop table refund_evidence, refund_requests, refunds, pay_pages;
      alter table payment_attempts drop column refund_asked;`);
  }
}
