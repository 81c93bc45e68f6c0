import type { MigrationInterface, QueryRunner } from "typeorm";

/** One customer's agreement to a plan version, with its stored billing anchor. */
export class CreateSubscriptions1796000000005 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      create table subscriptions (
        id                    uuid primary key,
        reference             text not null,
        customer_id           uuid not null references customers,
        plan_id               uuid not null references plans,
        plan_version_id       uuid not null references plan_versions,
        state                 text not null,
        zone                  text not null,
        start_on              date not null,
        start_floats          boolean not null default false,
        interval_unit         text not null,
        interval_count        int not null,
        billing_day           int,
        trial_ends_on         date,
        ends_on               date,
        cycles                int,
        next_index            int not null default 0,
        next_invoice_at       timestamptz,
        last_opened_on        date,
        collection_hold       boolean not null default false,
        cancel_at_period_end  boolean not null default false,
        credit                bigint not null default 0,
        created_at            timestamptz not null,
        activated_at          timestamptz,
        ended_at              timestamptz,
        end_reason            text,
        constraint subscriptions_reference_unique unique (reference),
        constraint subscriptions_state_known check (state in ('incomplete', 'trialing', 'active', 'past_due',
          'unpaid', 'paused', 'canceled', 'completed')),
        constraint subscriptions_interval_known check (interval_unit in ('day', 'week', 'month', 'year')),
        constraint subscriptions_interval_count_positive check (interval_count between 1 and 366),
        constraint subscriptions_billing_day_in_month check (billing_day between 1 and 31),
        constraint subscriptions_cycles_positive check (cycles > 0),
        constraint subscriptions_next_index_not_negative check (next_index >= 0),
        constraint subscriptions_credit_not_negative check (credit >= 0),
        constraint subscriptions_end_after_start check (ends_on is null or ends_on > start_on),
        constraint subscriptions_billed_only_when_running
          check (next_invoice_at is null or state in ('trialing', 'active', 'past_due')),
        constraint subscriptions_running_says_when
          check (state not in ('trialing', 'active') or next_invoice_at is not null or ended_at is not null)
      ) with (fillfactor = 80);
      create index subscriptions_due on subscriptions (next_invoice_at, id) where next_invoice_at is not null;
      create index subscriptions_of_customer on subscriptions (customer_id);
      create index subscriptions_of_plan on subscriptions (plan_id);
      create index subscriptions_incomplete on subscriptions (customer_id) where state = 'incomplete';`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`drop table subscriptions`);
  }
}
