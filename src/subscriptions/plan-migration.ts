import type { PlanId, PlanVersionId, SubscriptionId } from "../kernel/ids.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { type BillingPeriod, billingPeriod, periodOn, type Terms } from "./billing-period.ts";
import type { PlanMigrationId } from "./price-change.store.ts";
import { type PeriodPrice, type PriceChange, priceOfPeriod } from "./price-change.ts";
import type { Subscription } from "./subscription.ts";

/** A dated change of price for running subscriptions of a plan; its members are its price changes. */
export type PlanMigration = {
  readonly id: PlanMigrationId;
  readonly planId: PlanId;
  readonly toVersionId: PlanVersionId;
  readonly effectiveOn: LocalDate;
  /** Numbers of the prices that were asked for; null: all. */
  readonly fromNumbers: readonly number[] | null;
  /** How many it changed when it was made. */
  readonly subscriptions: number;
  readonly reason: string | null;
  readonly createdBy: string;
  readonly createdAt: Instant;
  readonly canceled: {
    readonly at: Instant;
    readonly by: string;
    readonly reason: string | null;
    /** How many were still to change, and do not. */
    readonly withdrawn: number;
  } | null;
};

/** A subscription that a migration changes, as people look at it. */
export type MigratedView = {
  readonly id: SubscriptionId;
  readonly reference: string;
  readonly effectiveOn: LocalDate;
};

/** Which price a plan's running subscriptions get, and from which periods on. */
export type MigrationAsked = {
  readonly toVersionId: PlanVersionId;
  /** Periods that begin on this day or later are billed at it. */
  readonly effectiveOn: LocalDate;
  /** Only subscriptions that would otherwise be billed at one of these; null: all. */
  readonly fromVersionIds: ReadonlySet<PlanVersionId> | null;
};

/** A subscription whose price the migration changes. */
export type Member = {
  readonly kind: "member";
  /** What its first changed period would have cost. */
  readonly from: PeriodPrice;
  /** Null: it begins when its wallet is linked, and with it the period. */
  readonly first: BillingPeriod | null;
  /** From when its price change is stored: later than the migration's day when more is billed already. */
  readonly effectiveOn: LocalDate;
  /** When a change that was planned before takes over again; null: never. */
  readonly changesAgainOn: LocalDate | null;
};

/** Why a subscription of the plan is left as it is. */
export const LEFT_OUT = [
  /** It will be at that price anyway. */
  "has_it",
  /** It is at a price that was not asked for. */
  "other_price",
  /** No period is left by then. */
  "over",
  /** It is canceled at the end of its period. */
  "canceling",
] as const;

export type Membership =
  | Member
  | { readonly kind: (typeof LEFT_OUT)[number] }
  /** It has another price change of that day: which of the two should hold? */
  | { readonly kind: "taken"; readonly on: LocalDate };

/** Whether, and from when, a migration changes a subscription. Same facts, same answer: the preview is the deed. */
export function membership(
  subscription: Pick<
    Subscription,
    "terms" | "planVersionId" | "nextIndex" | "startFloats" | "cancelAtPeriodEnd"
  >,
  priceChanges: readonly PriceChange[],
  asked: MigrationAsked,
): Membership {
  if (subscription.cancelAtPeriodEnd) return { kind: "canceling" };
  const begins = firstChanged(subscription, asked.effectiveOn);
  if (begins === null) return { kind: "over" };
  const { first, effectiveOn } = begins;
  const { terms, planVersionId } = subscription;
  const base = { planVersionId, amount: terms.amount };
  const from = priceOfPeriod(base, priceChanges, first?.start ?? effectiveOn);
  if (from.planVersionId === asked.toVersionId) return { kind: "has_it" };
  if (asked.fromVersionIds?.has(from.planVersionId) === false) return { kind: "other_price" };
  const dates = priceChanges.map((change) => change.effectiveOn);
  if (dates.includes(effectiveOn)) return { kind: "taken", on: effectiveOn };
  const [changesAgainOn = null] = dates.filter((date) => date > effectiveOn).sort();
  return { kind: "member", from, first, effectiveOn, changesAgainOn };
}

type Begins = Pick<Member, "first" | "effectiveOn">;

function firstChanged(
  { terms, nextIndex, startFloats }: Pick<Subscription, "terms" | "nextIndex" | "startFloats">,
  on: LocalDate,
): Begins | null {
  if (startFloats) {
    return terms.endsOn !== null && terms.endsOn <= on ? null : { first: null, effectiveOn: on };
  }
  const planned = firstPeriodFrom(terms, on);
  if (planned === null || planned.index >= nextIndex) {
    return planned === null ? null : { first: planned, effectiveOn: on };
  }
  // What is billed stays as it is; the price is told to change where it does.
  const unbilled = billingPeriod(terms, nextIndex);
  return unbilled === null ? null : { first: unbilled, effectiveOn: unbilled.start };
}

/** The first period that begins on `date` or later, or null when the subscription is over by then. */
export function firstPeriodFrom(terms: Terms, date: LocalDate): BillingPeriod | null {
  const period = periodOn(terms, date);
  return period === null || period.start >= date ? period : billingPeriod(terms, period.index + 1);
}
