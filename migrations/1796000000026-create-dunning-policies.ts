import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * Dunning policies as data, the merchant's holidays, and what the next step of an invoice depends on. An invoice
 * without a policy code has the built-in policy.
 */
export class CreateDunningPolicies1796000000026 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table dunning_policies (
        code        text not null,
        version     int not null,
        policy      jsonb not null,
        source      text,
        created_at  timestamptz not null,
        created_by  text not null,
        primary key (code, version),
        constraint dunning_policies_version_counts check (version >= 1),
        constraint dunning_policies_policy_is_object check (jsonb_typeof(policy) = 'object')
      );
      create function dunning_policies_are_append_only() returns trigger language plpgsql as $$
      begin
        raise exception 'dunning_policies is append-only: running invoices rest on every version';
      end $$;
      create trigger dunning_policies_are_append_only before update on dunning_policies
        for each statement execute function dunning_policies_are_append_only();

      create table dunning_holidays (
        date  date primary key,
        name  text not null,
        constraint dunning_holidays_have_names check (name <> '')
      );

      alter table invoices
        add column policy_code text,
        add column decline_class text,
        add column outcome jsonb,
        add column next_bill_on date,
        add column requested_on date,
        add column planned_try_at timestamptz,
        add constraint invoices_class_known check (decline_class in
          ('funds', 'limit', 'window', 'binding', 'account', 'risk', 'config', 'unclassified'));
      update invoices i
         set decline_class = coalesce((select a.decline_class from payment_attempts a
                                        where a.invoice_id = i.id and a.decline_class is not null
                                        order by a.number desc limit 1), 'funds'),
             planned_try_at = i.retry_at
       where i.first_failed_at is not null;

      create table wallet_requests (
        customer_id  uuid primary key references customers,
        day          date not null,
        requests     int not null,
        constraint wallet_requests_not_negative check (requests >= 0)
      ) with (fillfactor = 75);`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`
      drop table wallet_requests;
      alter table invoices drop column policy_code, drop column decline_class, drop column outcome,
        drop column next_bill_on, drop column requested_on, drop column planned_try_at;
      drop table dunning_holidays;
      drop table dunning_policies;
      drop function dunning_policies_are_append_only();`);
  }
}
