import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * Rows that change state are rewritten with every index of their table. So the exclusion on periods gives way to a
 * trigger that looks at the neighbours when an invoice is opened, and "live" is read from `closed_at`, which changes
 * once and not at every step.
 */
export class LightenHotRows1796000000013 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      alter table invoices drop constraint invoices_periods_do_not_overlap;
      create function refuse_overlapping_period() returns trigger language plpgsql as $$
      begin
        -- Two that are opened at the same moment do not see each other: the second one waits here.
        perform from subscriptions where id = new.subscription_id for no key update;
        if exists (
             select from (select period_end from invoices
                           where subscription_id = new.subscription_id and period_index < new.period_index
                             and kind = 'period' and state <> 'void'
                           order by period_index desc limit 1) as before
              where before.period_end > new.period_start)
           or exists (
             select from (select period_start from invoices
                           where subscription_id = new.subscription_id and period_index > new.period_index
                             and kind = 'period' and state <> 'void'
                           order by period_index limit 1) as after
              where after.period_start < new.period_end)
        then
          raise exception using errcode = 'exclusion_violation', constraint = 'invoices_periods_do_not_overlap',
            message = format('invoice %s would break invoices_periods_do_not_overlap', new.id);
        end if;
        return null;
      end $$;
      create trigger invoices_periods_do_not_overlap after insert on invoices
        for each row when (new.kind = 'period' and new.state <> 'void')
        execute function refuse_overlapping_period();
      create trigger invoices_moved_periods_do_not_overlap
        after update of kind, state, subscription_id, period_index, period_start, period_end on invoices
        for each row
        when (new.kind = 'period' and new.state <> 'void'
              and (old.kind <> new.kind or old.state = 'void' or old.subscription_id <> new.subscription_id
                   or old.period_index <> new.period_index or old.period_start <> new.period_start
                   or old.period_end <> new.period_end))
        execute function refuse_overlapping_period();

      -- A key check locks the row it points at, and so rewrites a page of it for every invoice. Both are implied by
      -- the subscription, from whose locked row they are copied.
      alter table invoices drop constraint invoices_customer_id_fkey;
      alter table invoices drop constraint invoices_plan_version_id_fkey;
      -- Written in the transaction that holds the row they are about; and evidence may never be refused.
      alter table decisions drop constraint decisions_invoice_id_fkey;
      alter table evidence drop constraint evidence_of_attempt;
      -- Covered by subscriptions_of_customer.
      drop index subscriptions_incomplete;
      alter table subscriptions set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

      drop index payment_attempts_one_live;
      create unique index payment_attempts_one_live on payment_attempts (invoice_id) where closed_at is null;

      alter table invoices set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
      alter table payment_attempts set (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
      alter table requests set (autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
      alter table inbox set
        (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.05, autovacuum_vacuum_cost_delay = 0);
      alter table rate_bucket set (fillfactor = 50);
      alter table call_counts set (fillfactor = 50);`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`
      alter table rate_bucket reset (fillfactor);
      alter table call_counts reset (fillfactor);
      alter table inbox reset (fillfactor, autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
      alter table requests reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
      alter table payment_attempts reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
      alter table invoices reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
      drop index payment_attempts_one_live;
      create unique index payment_attempts_one_live on payment_attempts (invoice_id)
        where state in ('requested', 'pending', 'unknown', 'unsent', 'review');
      alter table subscriptions reset (autovacuum_vacuum_scale_factor, autovacuum_vacuum_cost_delay);
      create index subscriptions_incomplete on subscriptions (customer_id) where state = 'incomplete';
      alter table evidence add constraint evidence_of_attempt
        foreign key (invoice_id, attempt_number) references payment_attempts;
      alter table decisions add foreign key (invoice_id) references invoices;
      alter table invoices add foreign key (plan_version_id) references plan_versions;
      alter table invoices add foreign key (customer_id) references customers;
      drop trigger invoices_moved_periods_do_not_overlap on invoices;
      drop trigger invoices_periods_do_not_overlap on invoices;
      drop function refuse_overlapping_period();
      alter table invoices add constraint invoices_periods_do_not_overlap exclude using gist
        (subscription_id with =, daterange(period_start, period_end) with &&)
        where (kind = 'period' and state <> 'void');`);
  }
}
