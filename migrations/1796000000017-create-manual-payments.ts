import type { MigrationInterface, QueryRunner } from "typeorm";

/** Invoices that people settle: money that came another way, and what collecting goes back to when they undo it. */
export class CreateManualPayments1796000000017 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table manual_payments (
        id               bigint generated always as identity primary key,
        invoice_id       uuid not null references invoices,
        amount           bigint not null,
        paid_on          date not null,
        proof            text not null,
        reason           text not null,
        forced           boolean not null default false,
        recorded_by      text not null,
        recorded_at      timestamptz not null,
        reversed_at      timestamptz,
        reversed_by      text,
        reversal_reason  text,
        constraint manual_payments_amount_positive check (amount > 0),
        constraint manual_payments_proof_not_empty check (proof <> ''),
        constraint manual_payments_reversed_says_who
          check ((reversed_at is null) = (reversed_by is null) and (reversed_at is null) = (reversal_reason is null))
      );
      create unique index manual_payments_one_in_force on manual_payments (invoice_id) where reversed_at is null;
      create index manual_payments_of_invoice on manual_payments (invoice_id, id);

      alter table invoices
        add column resume_at timestamptz,
        add column resume_waiting_for text,
        add column reissue_of uuid references invoices,
        add constraint invoices_resume_waiting_known
          check (resume_waiting_for in ('method', 'person', 'hold', 'customer')),
        add constraint invoices_resume_when_closed
          check (state <> 'open' or (resume_at is null and resume_waiting_for is null));
      create unique index invoices_reissued_once on invoices (reissue_of) where reissue_of is not null;`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`
      drop index invoices_reissued_once;
      alter table invoices drop column resume_at, drop column resume_waiting_for, drop column reissue_of;
      drop table manual_payments;`);
  }
}
