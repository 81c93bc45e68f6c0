import type { Customer } from "../customers/customer.ts";
import type { CustomerId, PlanVersionId } from "../kernel/ids.ts";
import type { Plan, PlanVersion } from "../plans/plan.ts";
import type { LEFT_OUT, Member, Membership, PlanMigration } from "./plan-migration.ts";
import type { Subscription } from "./subscription.ts";

/** How many members a preview shows one by one; the rest is in its sums. */
const SHOWN = 50;

export type ShownMember = { readonly subscription: Subscription; readonly member: Member };

/** What a migration changes, in numbers and by example. */
export type MigrationSummary = {
  readonly subscriptions: number;
  /** By the price that their first changed period would have had. */
  readonly byVersion: ReadonlyMap<PlanVersionId, number>;
  readonly leftOut: Readonly<Record<(typeof LEFT_OUT)[number], number>>;
  /** Of the members, those to which another planned price change applies later. */
  readonly changedAgain: number;
  readonly shown: readonly ShownMember[];
};

/** A migration with what it is about. */
export type MigrationOfPlan = {
  readonly migration: PlanMigration;
  readonly plan: Plan;
  readonly to: PlanVersion | undefined;
};

/** What a migration did, or in a dry run would. */
export type Migrated = {
  readonly migration: Omit<PlanMigration, "canceled">;
  readonly plan: Plan;
  readonly to: PlanVersion;
  readonly summary: MigrationSummary;
  /** The prices that `summary` speaks of. */
  readonly versions: ReadonlyMap<PlanVersionId, PlanVersion>;
  /** The customers of the subscriptions that it shows. */
  readonly customers: ReadonlyMap<CustomerId, Customer>;
  /** Names exactly these subscriptions, their prices and their first changed periods. */
  readonly preview: string;
};

/** Counts what it is given, page by page. */
export type Tally = {
  add(subscription: Subscription, membership: Exclude<Membership, { kind: "taken" }>): void;
  summary(): MigrationSummary;
};

export function newTally(): Tally {
  const byVersion = new Map<PlanVersionId, number>();
  const leftOut = { has_it: 0, other_price: 0, over: 0, canceling: 0 };
  const shown: ShownMember[] = [];
  let subscriptions = 0;
  let changedAgain = 0;
  const addMember = (subscription: Subscription, member: Member) => {
    const version = member.from.planVersionId;
    subscriptions += 1;
    byVersion.set(version, (byVersion.get(version) ?? 0) + 1);
    if (member.changesAgainOn !== null) changedAgain += 1;
    if (shown.length < SHOWN) shown.push({ subscription, member });
  };
  return {
    add: (subscription, membership) => {
      if (membership.kind === "member") addMember(subscription, membership);
      else leftOut[membership.kind] += 1;
    },
    summary: () => ({ subscriptions, byVersion, leftOut, changedAgain, shown }),
  };
}
