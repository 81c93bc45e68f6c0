import type { MigrationInterface, QueryRunner } from "typeorm";

/** What the gateway told us of its own accord: one row a delivery, append-only; only the state moves. */
export class CreateInbox1796000000007 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table inbox (
        id              bigint generated always as identity primary key,
        kind            text not null,
        external_id     text not null,
        body            text not null,
        body_hash       text not null,
        reference       text,
        signature_form  text not null,
        reused_id       boolean not null default false,
        state           text not null default 'received',
        received_at     timestamptz not null default clock_timestamp(),
        at              timestamptz not null,
        handled_at      timestamptz,
        problem         text,
        tries           int not null default 0,
        constraint inbox_kind_known check (kind in ('payment', 'binding')),
        constraint inbox_state_known check (state in ('received', 'handled', 'rejected', 'unmatched')),
        constraint inbox_handled_says_when check ((state = 'handled') = (handled_at is not null)),
        constraint inbox_rejected_says_why check (state <> 'rejected' or problem is not null)
      );
      create index inbox_unfinished on inbox (tries, id) where state in ('received', 'unmatched');
      create index inbox_by_external_id on inbox (external_id, received_at);
      create index inbox_by_reference on inbox (reference, id) where reference is not null;

      create function inbox_is_append_only() returns trigger language plpgsql as $$
      begin
        raise exception 'inbox is append-only: what was delivered does not change';
      end $$;
      create trigger inbox_is_append_only
        before update of kind, external_id, body, body_hash, reference, signature_form, reused_id, received_at, at
        on inbox for each statement execute function inbox_is_append_only();`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`drop table inbox`);
    await run.query(`drop function inbox_is_append_only()`);
  }
}
