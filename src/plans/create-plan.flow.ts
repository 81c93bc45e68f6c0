import { InvalidError } from "../kernel/errors.ts";
import type { PlanId, PlanVersionId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import { type LocalDate, localDateAt } from "../kernel/time.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
import { randomUuid } from "../platform/random.ts";
import { insertPlan, insertPlanVersion, lockPlan, planByCode } from "./plan.store.ts";
import { type IntervalName, intervalOf, type Plan, type PlanVersion } from "./plan.ts";

export type PlanTools = {
  readonly db: Database;
  readonly clock: Clock;
  readonly billingZone: string;
  /** Smaller amounts are carried over to the next invoice. */
  readonly minCharge: number;
};

export type NewPlan = {
  readonly code: string;
  readonly name: string;
  readonly amount: Rupiah;
  readonly interval: IntervalName;
  readonly intervalCount: number;
  readonly billingDay: number | null;
  readonly trialDays: number | null;
  readonly cycles: number | null;
  readonly dunningPolicy: string | null;
};

export type PricedPlan = { readonly plan: Plan; readonly price: PlanVersion };

/** Puts a plan on offer with its first price; throws `ConflictError` when the code is taken. */
export async function createPlan({ db, clock, billingZone }: PlanTools, given: NewPlan): Promise<PricedPlan> {
  const interval = intervalOf(given.interval, given.intervalCount);
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const plan: Plan = {
      id: randomUuid() as PlanId,
      code: given.code,
      name: given.name,
      intervalUnit: interval.unit,
      intervalCount: interval.count,
      billingDay: given.billingDay,
      trialDays: given.trialDays,
      cycles: given.cycles,
      dunningPolicy: given.dunningPolicy,
      createdAt: now,
    };
    await insertPlan(tx, plan);
    const price = await insertPlanVersion(tx, {
      id: randomUuid() as PlanVersionId,
      planId: plan.id,
      amount: given.amount,
      effectiveOn: localDateAt(now, billingZone),
      createdAt: now,
    });
    return { plan, price };
  });
}

/**
 * Gives a plan a new price for subscriptions that begin on `effectiveOn` or later (null: today). Running
 * subscriptions keep the version they began with.
 */
export async function addPlanVersion(
  { db, clock, billingZone }: PlanTools,
  given: { readonly code: string; readonly amount: Rupiah; readonly effectiveOn: LocalDate | null },
): Promise<PricedPlan> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const today = localDateAt(now, billingZone);
    const effectiveOn = given.effectiveOn ?? today;
    if (effectiveOn < today) {
      throw new InvalidError(
        `effective_on: ${effectiveOn} is over; a price begins today (${today}) or later`,
        {
          field: "effective_on",
        },
      );
    }
    const plan = await planByCode(tx, given.code);
    await lockPlan(tx, plan.id);
    const id = randomUuid() as PlanVersionId;
    const price = await insertPlanVersion(tx, {
      id,
      planId: plan.id,
      amount: given.amount,
      effectiveOn,
      createdAt: now,
    });
    return { plan, price };
  });
}
