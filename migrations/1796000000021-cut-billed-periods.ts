import type { MigrationInterface, QueryRunner } from "typeorm";

/** A plan change may give back the rest of a period that is billed: from that day on other periods bill the days. */
export class CutBilledPeriods1796000000021 implements MigrationInterface {
  async up(run: QueryRunner): Promise<void> {
    await run.query(`
      alter table invoices
        add column cut_on date,
        add constraint invoices_cut_inside_period check (cut_on between period_start and period_end);
      ${rowRule("coalesce(cut_on, period_end)")}
      ${pageRule("coalesce(cut_on, period_end)")}`);
  }

  async down(run: QueryRunner): Promise<void> {
    await run.query(`
      ${pageRule("period_end")}
      ${rowRule("period_end")}
      alter table invoices drop column cut_on;`);
  }
}

// Both as they were made by the migrations 13 and 15, with another end of the period before.

function rowRule(end: string): string {
  return `
      create or replace function refuse_overlapping_period() returns trigger language plpgsql as $$
      begin
        -- Two that are opened at the same moment do not see each other: the second one waits here.
        perform from subscriptions where id = new.subscription_id for no key update;
        if exists (
             select from (select ${end} as ends_on from invoices
                           where subscription_id = new.subscription_id and period_index < new.period_index
                             and kind = 'period' and state <> 'void'
                           order by period_index desc limit 1) as before
              where before.ends_on > new.period_start)
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
      end $$;`;
}

function pageRule(end: string): string {
  return `
      create or replace function refuse_overlapping_periods() returns trigger language plpgsql as $$
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
            select ${end} as ends_on from invoices
             where subscription_id = o.subscription_id and period_index < o.period_index
               and kind = 'period' and state <> 'void'
             order by period_index desc limit 1) as before on true
          left join lateral (
            select period_start from invoices
             where subscription_id = o.subscription_id and period_index > o.period_index
               and kind = 'period' and state <> 'void'
             order by period_index limit 1) as after on true
         where o.kind = 'period' and o.state <> 'void'
           and (before.ends_on > o.period_start or after.period_start < o.period_end)
         limit 1;
        if found then
          raise exception using errcode = 'exclusion_violation', constraint = 'invoices_periods_do_not_overlap',
            message = format('invoice %s would break invoices_periods_do_not_overlap', refused);
        end if;
        return null;
      end $$;`;
}
