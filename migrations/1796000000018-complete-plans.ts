import type { MigrationInterface, QueryRunner } from "typeorm";

/** Tax in a price, plans that are no longer sold, and who took a migration back. */
export class CompletePlans1796000000018 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      alter table plans add column archived_at timestamptz;
      alter table plan_versions
        add column tax_basis_points int,
        add constraint plan_versions_tax_in_range check (tax_basis_points between 1 and 10000);
      alter table plan_migrations
        add column from_numbers int[],
        add column reason text,
        add column canceled_by text,
        add column cancel_reason text,
        add column withdrawn int,
        add constraint plan_migrations_canceled_says_who
          check ((canceled_at is null) = (canceled_by is null) and (canceled_at is null) = (withdrawn is null)),
        add constraint plan_migrations_withdrawn_in_range check (withdrawn between 0 and subscriptions);
      -- A migration reads the subscriptions of a plan in pages by id.
      drop index subscriptions_of_plan;
      create index subscriptions_of_plan on subscriptions (plan_id, id);`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`
      drop index subscriptions_of_plan;
      create index subscriptions_of_plan on subscriptions (plan_id);
      alter table plan_migrations drop column from_numbers, drop column reason, drop column canceled_by,
        drop column cancel_reason, drop column withdrawn;
      alter table plan_versions drop column tax_basis_points;
      alter table plans drop column archived_at;`);
  }
}
