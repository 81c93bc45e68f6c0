import type { MigrationInterface, QueryRunner } from "typeorm";

/** Time and pace: the turned clock, the heartbeat's trace, the shared rate, calls on the wire, API idempotency. */
export class CreateClockAndScheduler1796000000001 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table clock (
        id        smallint primary key default 1,
        at        timestamptz not null,
        moved_at  timestamptz not null default clock_timestamp(),
        constraint clock_is_one_row check (id = 1)
      );

      create table scheduler_state (
        id                     smallint primary key default 1,
        last_tick_at           timestamptz,
        last_tick_business_at  timestamptz,
        constraint scheduler_state_is_one_row check (id = 1)
      );
      insert into scheduler_state default values;

      create table rate_bucket (
        id             smallint primary key default 1,
        permits        double precision not null default 0,
        refilled_at    timestamptz not null default clock_timestamp(),
        blocked_until  timestamptz,
        constraint rate_bucket_is_one_row check (id = 1),
        constraint rate_bucket_is_not_overdrawn check (permits >= 0)
      );
      insert into rate_bucket default values;

      create table wire_calls (
        id       uuid primary key,
        what     text not null,
        ends_by  timestamptz not null
      );

      create table idempotency_keys (
        actor       text not null,
        key         text not null,
        request     text not null,
        body_hash   text not null,
        status      int,
        answer      jsonb,
        created_at  timestamptz not null default clock_timestamp(),
        primary key (actor, key)
      );
      create index idempotency_keys_by_age on idempotency_keys (created_at);`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`drop table idempotency_keys, wire_calls, rate_bucket, scheduler_state, clock`);
  }
}
