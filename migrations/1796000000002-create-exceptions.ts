import type { MigrationInterface, QueryRunner } from "typeorm";

/** Differences that a person must see; one row per fact, however often the fact is met. */
export class CreateExceptions1796000000002 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table exceptions (
        id              bigint generated always as identity primary key,
        kind            text not null,
        subject         text not null,
        invoice_id      uuid,
        reference       text,
        amount          bigint,
        says            text not null,
        facts           jsonb not null default '{}',
        opened_at       timestamptz not null,
        closed_at       timestamptz,
        closed_by       text,
        closing_reason  text,
        constraint exceptions_one_per_fact unique (kind, subject),
        constraint exceptions_closed_with_reason check ((closed_at is null) = (closing_reason is null))
      );
      create index exceptions_open on exceptions (opened_at, id) where closed_at is null;
      create index exceptions_of_invoice on exceptions (invoice_id) where invoice_id is not null;`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`drop table exceptions`);
  }
}
