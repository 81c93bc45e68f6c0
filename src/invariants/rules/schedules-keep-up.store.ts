import type { SubscriptionId } from "../../kernel/ids.ts";
import { type Instant, type LocalDate, localDateAt } from "../../kernel/time.ts";
import type { Tx } from "../../platform/database.ts";
import { billingPeriod } from "../../subscriptions/billing-period.ts";
import { plusDays } from "../../subscriptions/local-date.ts";
import type { Subscription } from "../../subscriptions/subscription.ts";
import { COLUMNS, type SubscriptionRow, subscriptionFromRow } from "../../subscriptions/subscription-row.ts";
import { wakeAt, wakeOn } from "../../subscriptions/wake-at.ts";
import type { Broken, Rule, RuleFacts } from "../rule.ts";

const PAGE = 5_000;
const LOWEST_ID = "00000000-0000-0000-0000-000000000000";

/**
 * The calendar is worked out anew from the stored terms and compared with what is planned, so that no period is lost
 * because somebody wrote a wrong day down. A late one may wait for its turn: until today, or until tomorrow when its
 * customer was given an invoice today, its periods are held, or it is parked with an exception.
 */
export const schedulesKeepUp: Rule = {
  name: "schedules_keep_up",
  says: "the next invoice of a running subscription is planned for the day its period begins, and is made on it",
  find: async (tx, facts, limit) => {
    const broken: Broken[] = [];
    for (let after: string | null = LOWEST_ID; after !== null && broken.length < limit; ) {
      const page: Subscription[] = await readPage(tx, after);
      const found = page.flatMap((subscription) => suspectOf(subscription, facts) ?? []);
      broken.push(...(await withoutWaiting(tx, found, facts.now)));
      after = page.length < PAGE ? null : (page.at(-1)?.id ?? null);
    }
    return broken.slice(0, limit);
  },
};

async function readPage(tx: Tx, after: string): Promise<Subscription[]> {
  const rows = await tx.query<SubscriptionRow>(
    `select ${COLUMNS}
       from subscriptions s join plan_versions v on v.id = s.plan_version_id
      where s.id > $1
        and (s.next_invoice_at is not null or s.resumes_on is not null or s.hold_ends_on is not null)
      order by s.id
      limit $2`,
    [after, PAGE],
  );
  return rows.map(subscriptionFromRow);
}

type Suspect = {
  readonly subscription: Subscription;
  readonly says: string;
  /** Fine where something of its customer was opened on this day, or it is parked; null: never fine. */
  readonly waitsSince: LocalDate | null;
};

function suspectOf(subscription: Subscription, facts: RuleFacts): Suspect | null {
  const { zone, nextInvoiceAt, resumesOn, hold } = subscription;
  const overdue = facts.now.minus({ milliseconds: facts.patienceMs }) as Instant;
  const broken = (says: string) => ({ subscription, says, waitsSince: null });
  if (resumesOn !== null && wakeAt(resumesOn, zone, null) < overdue)
    return broken(`was to go on ${resumesOn}, and is paused`);
  if (hold?.endsOn != null && wakeAt(hold.endsOn, zone, null) < overdue)
    return broken(`its hold was to end on ${hold.endsOn}, and it is held`);
  if (nextInvoiceAt === null) return null;
  if (nextInvoiceAt < overdue) return broken(`was due at ${nextInvoiceAt.toISO()}, and nobody looked at it`);
  return plannedLate(subscription, nextInvoiceAt, facts.now);
}

function plannedLate(subscription: Subscription, nextInvoiceAt: Instant, now: Instant): Suspect | null {
  const { zone, terms, nextIndex } = subscription;
  const period = billingPeriod(terms, nextIndex);
  // After its last period it is looked at once more, to be completed.
  if (period === null) return null;
  const planned = localDateAt(nextInvoiceAt, zone);
  const begins = wakeOn(period.billsOn, zone, null);
  const today = localDateAt(now, zone);
  if (planned <= begins || (planned <= today && begins <= today)) return null;
  const says = `period ${nextIndex} begins on ${begins}, and its invoice is planned for ${planned}`;
  const waits = begins <= today && planned <= plusDays(today, 1);
  return { subscription, says, waitsSince: waits ? today : null };
}

/** Those that nothing explains: late ones take turns, and a poisoned one is looked at again after an hour. */
async function withoutWaiting(tx: Tx, suspects: readonly Suspect[], now: Instant): Promise<Broken[]> {
  if (suspects.length === 0) return [];
  const rows = await tx.query<{ id: SubscriptionId }>(
    `select x.id
       from unnest($1::uuid[], $2::int[], $3::date[]) as x (id, next_index, since)
       join subscriptions s on s.id = x.id
      where exists (select from exceptions e
                     where e.kind in ('parked', 'catch_up_held') and e.subject = x.id || '/' || x.next_index
                       and s.next_invoice_at <= $4::timestamptz + interval '2 days')
         or exists (select from subscriptions o
                     where o.customer_id = s.customer_id and o.last_opened_on >= x.since)`,
    [
      suspects.map(({ subscription }) => subscription.id),
      suspects.map(({ subscription }) => subscription.nextIndex),
      suspects.map(({ waitsSince }) => waitsSince),
      now.toJSDate(),
    ],
  );
  const explained = new Set(rows.map(({ id }) => id));
  return suspects
    .filter(({ subscription, waitsSince }) => waitsSince === null || !explained.has(subscription.id))
    .map(({ subscription: { id, reference }, says }) => ({
      subject: id,
      invoiceId: null,
      subscriptionId: id,
      says: `${reference} ${says}`,
    }));
}
