import type { Broken, Rule } from "../rule.ts";

/**
 * The periods of a subscription follow each other: no day is billed twice, and one that nobody billed has its reason in
 * the timeline (paused, skipped, passed over, moved), in a plan change that settled it, or in an invoice that is void.
 */
export const periodsTile: Rule = {
  name: "periods_tile",
  says: "billed periods do not overlap, and the days between them are explained by the timeline",
  find: (tx, _facts, limit) =>
    tx.query<Broken>(
      `with billed as (
         select id, subscription_id, period_index as index, period_start as starts,
                lag(id) over row_before as before, lag(period_index) over row_before as index_before,
                lag(coalesce(cut_on, period_end)) over row_before as ended
           from invoices
          where kind = 'period' and state <> 'void'
         window row_before as (partition by subscription_id order by period_index, period_start, id)),
       edges as (
         select id, subscription_id, index, starts, before, index_before, ended
           from billed where ended <> starts or index = index_before),
       found as (
         select e.id, e.subscription_id, e.index,
                case when e.index = e.index_before then format('period %s is billed twice, also by %s', e.index, e.before)
                     when e.ended > e.starts
                       then format('the days from %s to %s are billed twice, also by %s', e.starts, e.ended, e.before)
                     when not explained.days @> daterange(e.ended, e.starts)
                       then format('nobody was billed for %s to %s, and nothing says why', e.ended, e.starts)
                end as says
           from edges e
           cross join lateral (
             select coalesce(range_agg(reason.days), '{}'::datemultirange) as days
               from (select daterange(i.period_start, i.period_end) as days
                       from invoices i
                      where i.subscription_id = e.subscription_id and (i.kind = 'change' or i.state = 'void')
                     union all
                     select daterange((told.range ->> 'from')::date, (told.range ->> 'to')::date)
                       from subscription_changes c
                      cross join lateral (
                        select c.details -> 'not_billed' as range
                        union all select c.details -> 'covers'
                        union all select c.details where c.kind = 'passed_over'
                        union all select jsonb_array_elements(c.details -> 'passed_over') where c.kind = 'paused') told
                      where c.subscription_id = e.subscription_id
                        and c.kind in ('skipped', 'resumed', 'anchor_moved', 'plan_changed', 'passed_over', 'paused')
                        and told.range ->> 'from' <= told.range ->> 'to') reason) explained)
       select format('%s/%s', subscription_id, index) as subject, id as "invoiceId",
              subscription_id as "subscriptionId", says
         from found
        where says is not null
        order by subscription_id, index, id
        limit $1`,
      [limit],
    ),
};
