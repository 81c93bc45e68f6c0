import { InvalidError } from "../kernel/errors.ts";
import type { PlanId, PlanVersionId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import { type LocalDate, localDateAt } from "../kernel/time.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
import { randomUuid } from "../platform/random.ts";
import { insertPlan, insertPlanVersion, lockPlanByCode, savePlan, versionsOf } from "./plan.store.ts";
import { demandDayOfMonth, type IntervalName, intervalOf, type Plan, type PlanVersion } from "./plan.ts";

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
  /** Null: no tax is shown. */
  readonly taxBasisPoints: number | null;
  readonly interval: IntervalName;
  readonly intervalCount: number;
  readonly billingDay: number | null;
  readonly trialDays: number | null;
  readonly cycles: number | null;
  readonly dunningPolicy: string | null;
};

type Priced = { readonly plan: Plan; readonly price: PlanVersion };

/** Puts a plan on offer with its first price; throws `ConflictError` when the code is taken, `InvalidError` by field. */
export async function createPlan({ db, clock, billingZone }: PlanTools, given: NewPlan): Promise<Priced> {
  const interval = intervalOf(given.interval, given.intervalCount);
  demandDayOfMonth(interval, given.billingDay);
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
      archivedAt: null,
    };
    await insertPlan(tx, plan);
    const price = await insertPlanVersion(tx, {
      id: randomUuid() as PlanVersionId,
      planId: plan.id,
      amount: given.amount,
      taxBasisPoints: given.taxBasisPoints,
      effectiveOn: localDateAt(now, billingZone),
      createdAt: now,
    });
    return { plan, price };
  });
}

export type NewPrice = {
  readonly code: string;
  readonly amount: Rupiah;
  /** Null: no tax is shown. Undefined: the rate of the newest price. */
  readonly taxBasisPoints: number | null | undefined;
  /** Null: today. */
  readonly effectiveOn: LocalDate | null;
};

/**
 * Gives a plan a new price for subscriptions that are agreed on `effectiveOn` or later. Running subscriptions keep
 * theirs; only a dated migration moves them. Throws `InvalidError` for a day that is over.
 */
export async function addPlanVersion(
  { db, clock, billingZone }: PlanTools,
  given: NewPrice,
): Promise<Priced> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const today = localDateAt(now, billingZone);
    const effectiveOn = given.effectiveOn ?? today;
    if (effectiveOn < today) {
      const says = `effective_on: ${effectiveOn} is over; a price begins today (${today}) or later`;
      throw new InvalidError(says, { field: "effective_on" });
    }
    const plan = await lockPlanByCode(tx, given.code);
    const [newest] = await versionsOf(tx, { planId: plan.id }, 1);
    const price = await insertPlanVersion(tx, {
      id: randomUuid() as PlanVersionId,
      planId: plan.id,
      amount: given.amount,
      taxBasisPoints:
        given.taxBasisPoints === undefined ? (newest?.taxBasisPoints ?? null) : given.taxBasisPoints,
      effectiveOn,
      createdAt: now,
    });
    return { plan, price };
  });
}

/**
 * Gives a plan another name, or takes it off (or back into) the offer; what is not given stays. Running subscriptions
 * are not touched by either. May run twice.
 */
export async function updatePlan(
  { db, clock }: Pick<PlanTools, "db" | "clock">,
  { code, name, archived }: PlanUpdate,
): Promise<Plan> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const plan = await lockPlanByCode(tx, code);
    const since = plan.archivedAt ?? now;
    const updated = {
      ...plan,
      name: name ?? plan.name,
      archivedAt: (archived ?? plan.archivedAt !== null) ? since : null,
    };
    await savePlan(tx, updated);
    return updated;
  });
}

export type PlanUpdate = {
  readonly code: string;
  readonly name: string | undefined;
  readonly archived: boolean | undefined;
};
