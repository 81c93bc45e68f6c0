import type { MigrationInterface, QueryRunner } from "typeorm";

/** The shared breaker on the line to the gateway, and the counts by which it opens. */
export class CreateBreaker1796000000012 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table breaker (
        id            smallint primary key default 1,
        state         text not null default 'closed',
        half_open_at  timestamptz,
        trials        int not null default 0,
        constraint breaker_is_one_row check (id = 1),
        constraint breaker_state_known check (state in ('closed', 'open', 'half_open')),
        constraint breaker_open_says_until_when check (state = 'closed' or half_open_at is not null)
      );
      insert into breaker default values;

      create table call_counts (
        slot   timestamptz primary key,
        calls  int not null,
        bad    int not null
      );`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`drop table call_counts, breaker`);
  }
}
