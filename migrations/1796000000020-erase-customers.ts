import type { MigrationInterface, QueryRunner } from "typeorm";

/** A customer may ask to be forgotten: who they were goes, what they paid stays. */
export class EraseCustomers1796000000020 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      alter table customers
        add column erased_at timestamptz,
        add column erased_by text,
        add column erase_reason text,
        add constraint customers_erased_are_nobody check (
          (erased_at is null and phone <> '')
          or (erased_at is not null and erased_by is not null and erase_reason is not null
              and name = 'erased' and phone = '' and phone_index = '' and email is null))`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`
      alter table customers
        drop constraint customers_erased_are_nobody,
        drop column erased_at,
        drop column erased_by,
        drop column erase_reason`);
  }
}
