import { customerByReference } from "../customers/customer.store.ts";
import { groupBy } from "../kernel/group.ts";
import type { Instant } from "../kernel/time.ts";
import { planByCode } from "../plans/plan.store.ts";
import type { Tx } from "../platform/database.ts";
import { type CatchUpPlan, HOUSE_CATCH_UP_POLICY, planCatchUp } from "../subscriptions/catch-up.ts";
import { billCatchUp } from "../subscriptions/catch-up-bills.ts";
import { discountsOf } from "../subscriptions/discount.store.ts";
import type { CatchUpPolicy } from "../subscriptions/opening.ts";
import { priceChangesOf } from "../subscriptions/price-change.store.ts";
import type { Subscription } from "../subscriptions/subscription.ts";
import {
  billedSubscriptionsOf,
  type CatchUpFilter,
  type FoundCustomer,
  findPerhapsLate,
} from "./catch-up.store.ts";
import { countOpenedToday } from "./opened-today.store.ts";
import { standingsOf } from "./turns.ts";

export type CatchUpRules = {
  readonly now: Instant;
  readonly windowFrom: string | null;
  readonly minCharge: number;
  /** As if this had been chosen for all of them; null: by what is chosen. */
  readonly policy: CatchUpPolicy | null;
};

/** How a customer's late periods will be billed. */
export type CustomerCatchUp = { readonly customer: string; readonly plan: CatchUpPlan };

export type CatchUpPage = { readonly found: readonly CustomerCatchUp[]; readonly next: string | null };

/** How many customers are looked through for those with something late before a page is handed out as it is. */
const LOOKED_THROUGH = 5_000;
/** How many of them are read at once. */
const READ = 200;

/**
 * Up to `limit` customers with something late, by reference, and what billing will do about it. Throws
 * `NotFoundError` for a customer or plan that does not exist.
 */
export async function showCatchUp(
  tx: Tx,
  rules: CatchUpRules,
  filter: CatchUpFilter,
  limit: number,
): Promise<CatchUpPage> {
  if (filter.customer !== null) await customerByReference(tx, filter.customer);
  if (filter.plan !== null) await planByCode(tx, filter.plan);
  const found: CustomerCatchUp[] = [];
  let { after } = filter;
  for (let looked = 0; looked < LOOKED_THROUGH; looked += READ) {
    const customers = await findPerhapsLate(tx, { ...filter, after }, rules.now, READ);
    const planned = await planFor(tx, rules, customers);
    found.push(...planned.filter(({ plan }) => isWorthShowing(plan)));
    if (found.length > limit) {
      const page = found.slice(0, limit);
      return { found: page, next: page.at(-1)?.customer ?? null };
    }
    if (customers.length < READ) return { found, next: null };
    after = customers.at(-1)?.reference ?? null;
  }
  return { found, next: after };
}

/** The plans of these customers, also where nothing is late; what they depend on is read once for all. */
export async function planFor(
  tx: Tx,
  { now, windowFrom, minCharge, policy }: CatchUpRules,
  customers: readonly FoundCustomer[],
): Promise<CustomerCatchUp[]> {
  const all = await billedSubscriptionsOf(
    tx,
    customers.map(({ id }) => id),
    now,
  );
  const ids = all.map(({ id }) => id);
  const of = groupBy(all, ({ customerId }) => customerId);
  const lists = customers.map(({ id }) => of.get(id) ?? []);
  const [opened, discounts, priceChanges] = await Promise.all([
    countOpenedToday(tx, lists, now),
    discountsOf(tx, ids),
    priceChangesOf(tx, ids),
  ]);
  const billsOf = (subscription: Subscription) => {
    const { id, reference } = subscription;
    const facts = { discounts: discounts.get(id) ?? [], priceChanges: priceChanges.get(id) ?? [], minCharge };
    return [reference, { subscription, facts }] as const;
  };
  return customers.map(({ reference: customer }, at) => {
    const subscriptions = lists[at] ?? [];
    const standings = standingsOf(subscriptions).map((each) =>
      policy === null ? each : { ...each, policy: null },
    );
    const plan = planCatchUp(standings, {
      now,
      windowFrom,
      policy: policy ?? HOUSE_CATCH_UP_POLICY,
      opened: opened[at] ?? new Map(),
    });
    return { customer, plan: billCatchUp(plan, new Map(subscriptions.map(billsOf))) };
  });
}

/** What only opens on its own day is not catching up. */
function isWorthShowing({ rows, passedOver, held }: CatchUpPlan): boolean {
  return rows.some(({ late }) => late) || passedOver.length > 0 || held.length > 0;
}
