import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * When a change was written down, as decisions have it: several things of one business moment are told in that order.
 * Null for those from before: then the moment of the change itself is all that is known.
 */
export class DateSubscriptionChanges1796000000025 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    // In two steps: a column that is added with this default would rewrite the table, and date the past today.
    await run.query(`alter table subscription_changes add column recorded_at timestamptz`);
    await run.query(
      `alter table subscription_changes alter column recorded_at set default clock_timestamp()`,
    );
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`alter table subscription_changes drop column recorded_at`);
  }
}
