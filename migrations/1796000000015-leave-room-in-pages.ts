import type { MigrationInterface, QueryRunner } from "typeorm";

/**
 * A row version that finds room in its own page needs no new index entries, as long as no indexed column changes. Each of
 * these rows is rewritten once or twice within seconds, so half a page stays free for that. And periods of a page of
 * invoices are compared by one statement instead of one for each row.
 */
export class LeaveRoomInPages1796000000015 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      alter table invoices set (fillfactor = 50);
      alter table payment_attempts set (fillfactor = 50);
      alter table requests set (fillfactor = 50);

      -- Written beside the row that they point at, in one transaction, and never moved.
      alter table invoice_lines drop constraint invoice_lines_invoice_id_fkey;
      alter table payment_attempts drop constraint payment_attempts_decision_id_fkey;

      drop trigger invoices_periods_do_not_overlap on invoices;
      create function refuse_overlapping_periods() returns trigger language plpgsql as $$
      declare
        refused uuid;
      begin
        -- Two that are opened at the same moment do not see each other: the second one waits here.
        perform from subscriptions
          where id in (select subscription_id from opened where kind = 'period' and state <> 'void')
          order by id for no key update;
        select o.id into refused
          from opened o
          left join lateral (
            select period_end from invoices
             where subscription_id = o.subscription_id and period_index < o.period_index
               and kind = 'period' and state <> 'void'
             order by period_index desc limit 1) as before on true
          left join lateral (
            select period_start from invoices
             where subscription_id = o.subscription_id and period_index > o.period_index
               and kind = 'period' and state <> 'void'
             order by period_index limit 1) as after on true
         where o.kind = 'period' and o.state <> 'void'
           and (before.period_end > o.period_start or after.period_start < o.period_end)
         limit 1;
        if found then
          raise exception using errcode = 'exclusion_violation', constraint = 'invoices_periods_do_not_overlap',
            message = format('invoice %s would break invoices_periods_do_not_overlap', refused);
        end if;
        return null;
      end $$;
      create trigger invoices_periods_do_not_overlap after insert on invoices
        referencing new table as opened for each statement
        execute function refuse_overlapping_periods();`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`
      drop trigger invoices_periods_do_not_overlap on invoices;
      drop function refuse_overlapping_periods();
      create trigger invoices_periods_do_not_overlap after insert on invoices
        for each row when (new.kind = 'period' and new.state <> 'void')
        execute function refuse_overlapping_period();
      alter table payment_attempts
        add constraint payment_attempts_decision_id_fkey foreign key (decision_id) references decisions;
      alter table invoice_lines
        add constraint invoice_lines_invoice_id_fkey foreign key (invoice_id) references invoices;
      alter table requests set (fillfactor = 85);
      alter table payment_attempts set (fillfactor = 75);
      alter table invoices set (fillfactor = 75);`);
  }
}
