import type { DecideTools } from "../../src/invoices/collect-tools.ts";
import type { CustomerId, InvoiceId, PlanId, PlanVersionId, SubscriptionId } from "../../src/kernel/ids.ts";
import { type Instant, instant, type LocalDate, localDateAt } from "../../src/kernel/time.ts";
import { setTurnedClock } from "../../src/platform/clock.ts";
import type { Database, Tx } from "../../src/platform/database.ts";
import { randomUuid } from "../../src/platform/random.ts";
import { tick } from "../../src/scheduler/tick.flow.ts";
import type { Terms } from "../../src/subscriptions/billing-period.ts";
import { type DiscountId, insertDiscounts } from "../../src/subscriptions/discount.store.ts";
import type { Discount } from "../../src/subscriptions/discount.ts";
import { type CatchUpPolicy, nextWake } from "../../src/subscriptions/opening.ts";
import { insertPriceChanges } from "../../src/subscriptions/price-change.store.ts";
import { insertSubscriptions } from "../../src/subscriptions/subscription.store.ts";
import { newlyAgreed, type Subscription } from "../../src/subscriptions/subscription.ts";

/** A running subscription as a test describes it; level, unless told. */
export type Billed = {
  readonly reference: string;
  readonly customer: string;
  readonly zone: string;
  readonly terms: Terms;
  /** The next period to bill; those before it count as billed. */
  readonly nextIndex?: number;
  readonly policy?: CatchUpPolicy | null;
  readonly discounts?: readonly Discount[];
  /** Prices from a day on. */
  readonly prices?: readonly { readonly on: LocalDate; readonly amount: number }[];
  readonly more?: Partial<Pick<Subscription, "credit" | "rollover" | "cancelAtPeriodEnd" | "state">>;
};

/** Stores running subscriptions with their customers and plans, in a few statements. */
export async function storeBilled(
  db: Database,
  all: readonly Billed[],
  now: Instant,
  windowFrom: string | null,
): Promise<Map<string, SubscriptionId>> {
  return db.begin(async (tx) => {
    const customers = await storeCustomers(tx, [...new Set(all.map(({ customer }) => customer))]);
    const stored: Subscription[] = [];
    const prices = await storePrices(tx, all);
    for (const each of all) {
      const [first] = prices.get(each.reference) ?? [];
      if (first === undefined) throw new Error("every plan has a price");
      const { terms, zone, nextIndex = 0 } = each;
      stored.push({
        ...newlyAgreed({
          id: randomUuid() as SubscriptionId,
          reference: each.reference,
          customerId: customers.get(each.customer) as CustomerId,
          planId: first.planId,
          planVersionId: first.id,
          zone,
          terms,
          startFloats: false,
          catchUpPolicy: each.policy ?? null,
        }),
        state: "active",
        nextIndex,
        // With no period left it is due once more, to end.
        nextInvoiceAt: nextWake({ terms, nextIndex, zone }, windowFrom) ?? now,
        ...each.more,
      });
    }
    await insertSubscriptions(tx, stored, now);
    const ids = new Map(stored.map(({ id, reference }) => [reference, id]));
    await insertDiscounts(
      tx,
      all.flatMap((each) => discountsOf(each, ids, now)),
    );
    for (const { reference } of all) {
      const later = (prices.get(reference) ?? []).slice(1);
      const subscriptionId = ids.get(reference) as SubscriptionId;
      const changes = later.map(({ id: planVersionId, on }) => ({ planVersionId, effectiveOn: on }));
      await insertPriceChanges(
        tx,
        changes.map((change) => ({ ...change, subscriptionId, migrationId: null })),
      );
    }
    return ids;
  });
}

function discountsOf(
  { reference, discounts = [] }: Billed,
  ids: ReadonlyMap<string, SubscriptionId>,
  createdAt: Instant,
) {
  return discounts.map((discount, at) => ({
    ...discount,
    id: randomUuid() as DiscountId,
    subscriptionId: ids.get(reference) as SubscriptionId,
    reason: null,
    createdBy: "test",
    // In the order in which they are given.
    createdAt: createdAt.plus({ seconds: at }) as Instant,
    endedAt: null,
  }));
}

async function storeCustomers(tx: Tx, references: readonly string[]): Promise<Map<string, CustomerId>> {
  const rows = await tx.query<{ id: CustomerId; reference: string }>(
    `insert into customers (id, reference, name, phone, phone_index, created_at)
     select gen_random_uuid(), reference, 'Budi', 'sealed', 'index of ' || reference, now()
       from unnest($1::text[]) as x (reference)
     returning id, reference`,
    [references],
  );
  return new Map(rows.map(({ id, reference }) => [reference, id]));
}

type Price = { readonly id: PlanVersionId; readonly planId: PlanId; readonly on: LocalDate };

/** A plan for each subscription, with its own price and those to come, oldest first. */
async function storePrices(tx: Tx, all: readonly Billed[]): Promise<Map<string, Price[]>> {
  const plans = await tx.query<{ id: PlanId; code: string }>(
    `insert into plans (id, code, name, interval_unit, interval_count, created_at)
     select gen_random_uuid(), reference, 'Pro', 'month', 1, now() from unnest($1::text[]) as x (reference)
     returning id, code`,
    [all.map(({ reference }) => reference)],
  );
  const planOf = new Map(plans.map(({ id, code }) => [code, id]));
  const prices = new Map<string, Price[]>();
  const rows = all.flatMap(({ reference, terms, prices: later = [] }) =>
    [{ on: "1970-01-01", amount: terms.amount as number }, ...later].map(({ on, amount }, at) => {
      const price = { id: randomUuid() as PlanVersionId, planId: planOf.get(reference) as PlanId, on };
      prices.set(reference, [...(prices.get(reference) ?? []), price]);
      return { id: price.id, plan_id: price.planId, number: at + 1, amount, effective_on: on };
    }),
  );
  await tx.query(
    `insert into plan_versions (id, plan_id, number, amount, effective_on, created_at)
     select id, plan_id, number, amount, effective_on, now()
       from json_to_recordset($1::json) as x (id uuid, plan_id uuid, number int, amount bigint, effective_on date)`,
    [JSON.stringify(rows)],
  );
  return prices;
}

/** One beat of the real scheduler at the time at which the clock stands; what it rings for is paid at once. */
export async function beat(tools: DecideTools): Promise<void> {
  await tick({
    decide: tools,
    ringInvoices: (pages) => pay(tools.db, pages.flat()),
    ringRefunds: async () => {},
    ringDeliveries: async () => {},
    countWaiting: async () => 0,
    backlogLimit: 1,
    log: tools.log,
  });
}

async function pay(db: Database, ids: readonly InvoiceId[]): Promise<void> {
  await db.query(
    `update invoices set state = 'paid', paid_at = c.at, closed_at = c.at, next_action_at = null
       from clock c
      where invoices.id = any($1::uuid[]) and invoices.state = 'open' and invoices.waiting_for is null`,
    [ids],
  );
}

/** The next moment at which a subscription is looked at; null: never. */
async function nextMoment(db: Database): Promise<Instant | null> {
  const [row] = await db.query<{ at: Date | null }>(`select min(next_invoice_at) as at from subscriptions`);
  return row?.at ? instant(row.at) : null;
}

export async function turnTo(db: Database, at: Instant): Promise<void> {
  await db.begin((tx) => setTurnedClock(tx, at));
}

/** Beats at each moment at which a subscription is due, `lag` after it, until `until`; the clock stands there then. */
export async function liveUntil(tools: DecideTools, until: Instant, lag: object = {}): Promise<void> {
  await beat(tools);
  for (;;) {
    const next = (await nextMoment(tools.db))?.plus(lag) as Instant | undefined;
    if (next === undefined || next > until) return turnTo(tools.db, until);
    await turnTo(tools.db, next);
    await beat(tools);
  }
}

export type OpenedInvoice = {
  readonly subscription: string;
  readonly customer: string;
  readonly index: number;
  readonly start: LocalDate;
  readonly end: LocalDate;
  readonly bills_on: LocalDate;
  readonly amount: number;
  readonly lines: number;
  readonly state: string;
  /** The local day of the subscription on which it was opened. */
  readonly on: LocalDate;
};

/** Every invoice, in the order in which they were opened. */
export async function openedInvoices(db: Database): Promise<OpenedInvoice[]> {
  const rows = await db.query<OpenedInvoice & { at: Date; zone: string }>(
    `select s.reference as subscription, c.reference as customer, s.zone, i.period_index as index,
            i.period_start::text as start, i.period_end::text as end, i.bills_on::text as bills_on,
            i.amount::int as amount, i.state, i.created_at as at,
            (select sum(l.amount)::int from invoice_lines l where l.invoice_id = i.id) as lines
       from invoices i
       join subscriptions s on s.id = i.subscription_id
       join customers c on c.id = i.customer_id
      order by i.created_at, s.reference, i.period_index`,
  );
  return rows.map(({ at, zone, ...row }) => ({ ...row, on: localDateAt(instant(at), zone) }));
}
