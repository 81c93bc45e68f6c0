import type { MigrationInterface, QueryRunner } from "typeorm";

/** What a subscription is counted from and brings along, who holds it, what was done about it, and what changes its price. */
export class CompleteSubscriptions1796000000016 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      alter table subscriptions
        add column alignment           text not null default 'anniversary',
        add column billing_month       int,
        add column counted_from_on     date,
        add column counted_from_index  int,
        add column rollover            bigint not null default 0,
        add column catch_up_policy     text,
        add column paused_at           timestamptz,
        add column resumes_on          date,
        add column hold_owner          text,
        add column hold_reason         text,
        add column hold_ends_on        date;
      update subscriptions set hold_owner = 'unknown', hold_reason = 'set before holds had an owner'
       where collection_hold;
      update subscriptions set paused_at = coalesce(activated_at, created_at) where state = 'paused';
      alter table subscriptions
        add constraint subscriptions_alignment_known check (alignment in ('anniversary', 'calendar')),
        add constraint subscriptions_billing_month_in_year check (billing_month between 1 and 12),
        add constraint subscriptions_counted_from_whole
          check ((counted_from_on is null) = (counted_from_index is null)),
        add constraint subscriptions_counted_from_not_ahead check (counted_from_index between 0 and next_index),
        add constraint subscriptions_rollover_not_negative check (rollover >= 0),
        add constraint subscriptions_catch_up_policy_known
          check (catch_up_policy in ('one_a_day', 'all_at_once', 'current_only', 'shift_anchor', 'hold')),
        add constraint subscriptions_paused_says_when check ((state = 'paused') = (paused_at is not null)),
        add constraint subscriptions_resumes_when_paused check (resumes_on is null or paused_at is not null),
        add constraint subscriptions_hold_has_owner
          check (collection_hold = (hold_owner is not null) and collection_hold = (hold_reason is not null)),
        add constraint subscriptions_hold_ends_when_held check (hold_ends_on is null or collection_hold);
      create index subscriptions_resuming on subscriptions (resumes_on, id) where resumes_on is not null;
      create index subscriptions_hold_ending on subscriptions (hold_ends_on, id) where hold_ends_on is not null;

      create table subscription_changes (
        id               bigint generated always as identity primary key,
        subscription_id  uuid not null references subscriptions,
        kind             text not null,
        at               timestamptz not null,
        actor            text not null,
        reason           text,
        details          jsonb not null default '{}',
        constraint subscription_changes_kind_is_a_word check (kind ~ '^[a-z][a-z_]{0,39}$')
      );
      create index subscription_changes_of_subscription on subscription_changes (subscription_id, id);

      create table subscription_discounts (
        id               uuid primary key,
        subscription_id  uuid not null references subscriptions,
        percent          int,
        amount           bigint,
        from_index       int not null,
        periods          int,
        reason           text,
        created_by       text not null,
        created_at       timestamptz not null,
        ended_at         timestamptz,
        constraint subscription_discounts_one_kind check ((percent is null) <> (amount is null)),
        constraint subscription_discounts_percent_in_range check (percent between 1 and 100),
        constraint subscription_discounts_amount_positive check (amount > 0),
        constraint subscription_discounts_from_index_not_negative check (from_index >= 0),
        constraint subscription_discounts_periods_positive check (periods > 0)
      );
      create index subscription_discounts_of_subscription on subscription_discounts (subscription_id, created_at, id);

      create table plan_migrations (
        id             uuid primary key,
        plan_id        uuid not null references plans,
        to_version_id  uuid not null references plan_versions,
        effective_on   date not null,
        subscriptions  int not null,
        created_by     text not null,
        created_at     timestamptz not null,
        canceled_at    timestamptz,
        constraint plan_migrations_subscriptions_not_negative check (subscriptions >= 0)
      );
      create index plan_migrations_of_plan on plan_migrations (plan_id, created_at, id);

      create table price_changes (
        subscription_id  uuid not null references subscriptions,
        effective_on     date not null,
        plan_version_id  uuid not null references plan_versions,
        migration_id     uuid references plan_migrations,
        constraint price_changes_one_a_day primary key (subscription_id, effective_on)
      );
      create index price_changes_of_migration on price_changes (migration_id, subscription_id);`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`
      drop table price_changes, plan_migrations, subscription_discounts, subscription_changes;
      alter table subscriptions
        drop column alignment, drop column billing_month, drop column counted_from_on,
        drop column counted_from_index, drop column rollover, drop column catch_up_policy, drop column paused_at,
        drop column resumes_on, drop column hold_owner, drop column hold_reason, drop column hold_ends_on;`);
  }
}
