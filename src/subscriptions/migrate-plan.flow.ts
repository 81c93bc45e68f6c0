import { createHash, type Hash } from "node:crypto";
import { customersById } from "../customers/customer.store.ts";
import { ConflictError, InvalidError } from "../kernel/errors.ts";
import type { SubscriptionId } from "../kernel/ids.ts";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import { planByCode, versionsById, versionsByNumber } from "../plans/plan.store.ts";
import type { Plan, PlanVersion } from "../plans/plan.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database, Tx } from "../platform/database.ts";
import { randomUuid } from "../platform/random.ts";
import {
  insertPlanMigration,
  lockSubscriptionIdsOfPlan,
  saveMigrationCount,
  subscriptionIdsOfPlan,
  subscriptionsById,
} from "./plan-migration.store.ts";
import { type Member, type MigrationAsked, membership, type PlanMigration } from "./plan-migration.ts";
import { type Migrated, type MigrationSummary, newTally, type Tally } from "./plan-migration-summary.ts";
import { insertPriceChanges, type PlanMigrationId, priceChangesOf } from "./price-change.store.ts";
import type { Subscription } from "./subscription.ts";
import { appendSubscriptionChanges } from "./subscription-change.store.ts";

/** One statement each; a migration of 100,000 has 200 pages, and memory for one. */
const PAGE = 500;

export type MigrationTools = {
  readonly db: Database;
  readonly clock: Clock;
  /** In which today is told: a price changes today or later. */
  readonly billingZone: string;
};

export type NewMigration = {
  readonly code: string;
  /** Number of the price. */
  readonly toVersion: number;
  readonly effectiveOn: LocalDate;
  /** Numbers of the prices to leave; null: whatever they have. */
  readonly fromVersions: readonly number[] | null;
  readonly reason: string | null;
  /** What a preview was called: changes nothing unless the very same subscriptions are found. Null: as it is now. */
  readonly preview: string | null;
};

/**
 * Bills running subscriptions of a plan at another of its prices, from periods that begin on a day or later. All or
 * none, in one transaction; the members are found once and stored. `dryRun` finds them in the same way, holds nothing
 * and writes nothing. Throws `InvalidError` by field, and `ConflictError` when a member has a change of that day, or
 * when the subscriptions are not those of `preview`.
 */
export async function migratePlan(
  { db, clock, billingZone }: MigrationTools,
  given: NewMigration,
  { actor, dryRun }: { readonly actor: Actor; readonly dryRun: boolean },
): Promise<Migrated> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    demandDay(given.effectiveOn, localDateAt(now, billingZone));
    const plan = await planByCode(tx, given.code);
    const { to, asked } = await pricesAsked(tx, plan, given);
    const migration = begun(plan, to, given, { by: actor.name, at: now });
    if (!dryRun) await insertPlanMigration(tx, migration);
    const found = await walk(tx, migration, asked, dryRun);
    demandPreview(given.preview, found);
    const count = found.summary.subscriptions;
    if (!dryRun) await saveMigrationCount(tx, migration.id, count);
    const { byVersion, shown } = found.summary;
    const [versions, customers] = await Promise.all([
      versionsById(tx, [...byVersion.keys()]),
      customersById(tx, [...new Set(shown.map(({ subscription }) => subscription.customerId))]),
    ]);
    return { ...found, migration: { ...migration, subscriptions: count }, plan, to, versions, customers };
  });
}

function demandDay(effectiveOn: LocalDate, today: LocalDate): void {
  if (effectiveOn >= today) return;
  const says = `effective_on: ${effectiveOn} is over; prices change today (${today}) or later`;
  throw new InvalidError(says, { field: "effective_on" });
}

async function pricesAsked(tx: Tx, plan: Plan, given: NewMigration) {
  const { toVersion, fromVersions, effectiveOn } = given;
  const found = await versionsByNumber(tx, plan.id, [toVersion, ...(fromVersions ?? [])]);
  const byNumber = new Map(found.map((version) => [version.number, version]));
  const demand = (number: number, field: string): PlanVersion => {
    const version = byNumber.get(number);
    if (version !== undefined) return version;
    throw new InvalidError(`${field}: ${plan.code} has no version ${number}`, { field });
  };
  const to = demand(toVersion, "to_version");
  const from = fromVersions?.map((number) => demand(number, "from_versions").id);
  const fromVersionIds = from === undefined ? null : new Set(from);
  return { to, asked: { toVersionId: to.id, effectiveOn, fromVersionIds } };
}

type Begun = Omit<PlanMigration, "subscriptions" | "canceled">;

function begun(
  plan: Plan,
  to: PlanVersion,
  { effectiveOn, fromVersions, reason }: NewMigration,
  { by, at }: { readonly by: string; readonly at: Instant },
): Begun {
  return {
    id: randomUuid() as PlanMigrationId,
    planId: plan.id,
    toVersionId: to.id,
    effectiveOn,
    fromNumbers: fromVersions,
    reason,
    createdBy: by,
    createdAt: at,
  };
}

type Found = { readonly summary: MigrationSummary; readonly preview: string };

async function walk(tx: Tx, migration: Begun, asked: MigrationAsked, dryRun: boolean): Promise<Found> {
  const pageOf = dryRun ? subscriptionIdsOfPlan : lockSubscriptionIdsOfPlan;
  const tally = newTally();
  const hash = createHash("sha256");
  hash.update(`${asked.toVersionId} ${asked.effectiveOn}\n`);
  for (let after: SubscriptionId | null = null; ; ) {
    const ids: SubscriptionId[] = await pageOf(tx, { planId: migration.planId, after }, PAGE);
    const members = await membersOf(tx, ids, asked, { tally, hash });
    if (!dryRun) await change(tx, migration, members);
    after = ids.at(-1) ?? null;
    if (ids.length < PAGE) return { summary: tally.summary(), preview: hash.digest("hex").slice(0, 32) };
  }
}

type FoundMember = { readonly subscription: Subscription; readonly member: Member };

async function membersOf(
  tx: Tx,
  ids: readonly SubscriptionId[],
  asked: MigrationAsked,
  { tally, hash }: { readonly tally: Tally; readonly hash: Hash },
): Promise<FoundMember[]> {
  const [subscriptions, priceChanges] = await Promise.all([
    subscriptionsById(tx, ids),
    priceChangesOf(tx, ids),
  ]);
  return subscriptions.flatMap((subscription) => {
    const decided = membership(subscription, priceChanges.get(subscription.id) ?? [], asked);
    if (decided.kind === "taken") throw taken(subscription, decided.on);
    tally.add(subscription, decided);
    if (decided.kind !== "member") return [];
    const { from, first, effectiveOn } = decided;
    hash.update(`${subscription.id} ${from.planVersionId} ${first?.start ?? "floats"} ${effectiveOn}\n`);
    return [{ subscription, member: decided }];
  });
}

function taken({ reference }: Subscription, on: LocalDate): ConflictError {
  const says =
    `effective_on: ${reference} already has a price change of ${on}; ` +
    "take another day, or cancel the migration that planned it";
  return new ConflictError(says, { field: "effective_on", subscription: reference });
}

async function change(tx: Tx, migration: Begun, members: readonly FoundMember[]): Promise<void> {
  const { id: migrationId, toVersionId: planVersionId, createdAt: at, createdBy: actor, reason } = migration;
  const priceChanges = members.map(({ subscription, member: { effectiveOn } }) => ({
    subscriptionId: subscription.id,
    effectiveOn,
    planVersionId,
    migrationId,
  }));
  const told = members.map(({ subscription, member }) => ({
    subscriptionId: subscription.id,
    kind: "price_change_planned" as const,
    at,
    actor,
    reason,
    details: {
      migration: migrationId,
      effective_on: member.effectiveOn,
      from_amount: member.from.amount,
      plan_version_id: planVersionId,
    },
  }));
  await Promise.all([insertPriceChanges(tx, priceChanges), appendSubscriptionChanges(tx, told)]);
}

function demandPreview(expected: string | null, { preview, summary }: Found): void {
  if (expected === null || expected === preview) return;
  const says =
    `preview: that preview is not what would happen now (${summary.subscriptions} subscriptions); ` +
    "preview again and look";
  throw new ConflictError(says, { field: "preview" });
}
