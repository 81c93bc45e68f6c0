import type { MigrationInterface, QueryRunner } from "typeorm";

/** What is sold, and the prices it has had. */
export class CreatePlans1796000000003 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table plans (
        id              uuid primary key,
        code            text not null,
        name            text not null,
        interval_unit   text not null,
        interval_count  int not null,
        billing_day     int,
        trial_days      int,
        cycles          int,
        dunning_policy  text,
        created_at      timestamptz not null,
        constraint plans_code_unique unique (code),
        constraint plans_interval_known check (interval_unit in ('day', 'week', 'month', 'year')),
        constraint plans_interval_count_positive check (interval_count between 1 and 366),
        constraint plans_billing_day_in_month check (billing_day between 1 and 31),
        constraint plans_trial_not_negative check (trial_days >= 0),
        constraint plans_cycles_positive check (cycles > 0)
      );

      create table plan_versions (
        id            uuid primary key,
        plan_id       uuid not null references plans,
        number        int not null,
        amount        bigint not null,
        effective_on  date not null,
        created_at    timestamptz not null,
        constraint plan_versions_number_unique unique (plan_id, number),
        constraint plan_versions_amount_positive check (amount > 0)
      );`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`drop table plan_versions, plans`);
  }
}
