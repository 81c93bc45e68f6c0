import { DateTime } from "luxon";
import { onTestFinished } from "vitest";
import type { BindingState } from "../../src/customers/binding.ts";
import { insertCustomer } from "../../src/customers/customer.store.ts";
import { bindingTable, customerTable } from "../../src/customers/customer.table.ts";
import type { Customer } from "../../src/customers/customer.ts";
import type { BindingId, CustomerId, PlanId, PlanVersionId, SubscriptionId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { insertPlan, insertPlanVersion } from "../../src/plans/plan.store.ts";
import { planTable, planVersionTable } from "../../src/plans/plan.table.ts";
import type { Plan, PlanVersion } from "../../src/plans/plan.ts";
import { type Database, openDatabase, type Tx } from "../../src/platform/database.ts";
import { randomUuid } from "../../src/platform/random.ts";
import { insertSubscription } from "../../src/subscriptions/subscription.store.ts";
import type { Subscription } from "../../src/subscriptions/subscription.ts";
import { freshDatabaseUrl } from "./db.ts";

export type RoomsDatabase = Database;

/** A new, migrated, empty database that knows the tables of plans and customers; closed when the test ends. */
export async function roomsDatabase(): Promise<RoomsDatabase> {
  const entities = [planTable, planVersionTable, customerTable, bindingTable];
  const db = await openDatabase({ url: await freshDatabaseUrl(), role: "test", poolSize: 6, entities });
  onTestFinished(() => db.close());
  return db;
}

/** A moment of UTC. */
export function at(iso: string): Instant {
  return DateTime.fromISO(iso, { zone: "utc" }) as Instant;
}

export const NOON = at("2027-03-10T05:00:00Z");

export function aPlan(more: Partial<Plan> = {}): Plan {
  return {
    id: randomUuid() as PlanId,
    code: "pro",
    name: "Pro",
    intervalUnit: "month",
    intervalCount: 1,
    billingDay: null,
    trialDays: null,
    cycles: null,
    dunningPolicy: null,
    createdAt: NOON,
    archivedAt: null,
    ...more,
  };
}

/** Stores a plan at Rp 99.000 from 2027-01-01 on. */
export async function storePlan(
  db: Database,
  more: Partial<Plan> = {},
): Promise<{ plan: Plan; price: PlanVersion }> {
  const plan = aPlan(more);
  const id = randomUuid() as PlanVersionId;
  const price = {
    id,
    planId: plan.id,
    amount: rupiah(99_000),
    taxBasisPoints: null,
    effectiveOn: "2027-01-01",
    createdAt: NOON,
  };
  return db.begin(async (tx) => {
    await insertPlan(tx, plan);
    return { plan, price: await insertPlanVersion(tx, price) };
  });
}

export async function storeCustomer(db: Database, reference = "cust-001"): Promise<Customer> {
  const id = randomUuid() as CustomerId;
  const customer: Customer = {
    id,
    reference,
    name: "Budi",
    phone: "sealed",
    phoneIndex: `index of ${reference}`,
    email: null,
    createdAt: NOON,
  };
  await db.begin((tx) => insertCustomer(tx, customer));
  return customer;
}

/** Stores a binding of the customer in a state, with all that the state demands. */
export async function storeBinding(
  db: Database,
  of: { readonly customerId: CustomerId; readonly phoneIndex?: string },
  state: BindingState = "active",
): Promise<BindingId> {
  return db.begin((tx) => insertBinding(tx, of, state));
}

export async function insertBinding(
  tx: Tx,
  {
    customerId,
    phoneIndex = `index of ${customerId}`,
  }: { readonly customerId: CustomerId; readonly phoneIndex?: string },
  state: BindingState,
): Promise<BindingId> {
  const id = randomUuid() as BindingId;
  const ended = ["revoked", "failed", "expired"].includes(state);
  await tx.query(
    `insert into bindings (id, customer_id, phone_index, state, external_id, auth_code, success_url, failed_url,
                           reason, created_at, expires_at, ended_at)
     values ($1, $2, $3, $4, $5, 'sealed', 'https://shop.example/ok', 'https://shop.example/ko', $6, $7, $8, $9)`,
    [
      id,
      customerId,
      phoneIndex,
      state,
      `call of ${id}`,
      ended ? "for a test" : null,
      NOON.toJSDate(),
      NOON.plus({ minutes: 30 }).toJSDate(),
      ended ? NOON.toJSDate() : null,
    ],
  );
  return id;
}

/** Stores a subscription of a new customer to a new plan: monthly from 2027-03-10, `incomplete` unless told. */
export async function storeSubscription(
  db: Database,
  reference: string,
  more: Partial<Omit<Subscription, "terms">> & { readonly terms?: Partial<Subscription["terms"]> } = {},
): Promise<Subscription> {
  const { plan, price } = await storePlan(db, { code: `plan-of-${reference}` });
  const customerId = more.customerId ?? (await storeCustomer(db, `customer-of-${reference}`)).id;
  const subscription: Subscription = {
    id: randomUuid() as SubscriptionId,
    reference,
    customerId,
    planId: plan.id,
    planVersionId: price.id,
    state: "incomplete",
    zone: "Asia/Jakarta",
    startFloats: false,
    nextIndex: 0,
    nextInvoiceAt: null,
    lastOpenedOn: null,
    credit: rupiah(0),
    rollover: rupiah(0),
    catchUpPolicy: null,
    hold: null,
    pausedAt: more.state === "paused" ? NOON : null,
    resumesOn: null,
    cancelAtPeriodEnd: false,
    endedAt: null,
    endReason: null,
    ...more,
    terms: {
      startOn: "2027-03-10",
      interval: { unit: "month", count: 1 },
      billingDay: null,
      alignment: "anniversary",
      billingMonth: null,
      trialEndsOn: null,
      endsOn: null,
      cycles: null,
      amount: rupiah(99_000),
      ...more.terms,
    },
  };
  await db.begin((tx) => insertSubscription(tx, subscription, NOON));
  return subscription;
}
