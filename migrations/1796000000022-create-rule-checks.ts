import type { MigrationInterface, QueryRunner } from "typeorm";

/** Whether the rules held, once a business day: one row claims the day for one process and keeps what was found. */
export class CreateRuleChecks1796000000022 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table rule_checks (
        day         date primary key,
        started_at  timestamptz not null default clock_timestamp(),
        ended_at    timestamptz,
        broken      jsonb,
        constraint rule_checks_ended_says_what check ((ended_at is null) = (broken is null))
      )`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`drop table rule_checks`);
  }
}
