import type { Branded } from "../kernel/brand.ts";
import { ConflictError } from "../kernel/errors.ts";
import { groupBy } from "../kernel/group.ts";
import type { PlanVersionId, SubscriptionId } from "../kernel/ids.ts";
import { rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { PriceChange } from "./price-change.ts";

export type PlanMigrationId = Branded<string, "PlanMigrationId">;

/** A price change to store; its amount is its plan version's. */
export type NewPriceChange = Omit<PriceChange, "amount"> & {
  /** Null: of this subscription alone. */
  readonly migrationId: PlanMigrationId | null;
};

/** More price changes than a subscription ever meets: one a month for five years. */
const CHANGES_LIMIT = 60;

/**
 * Stores price changes, all or none; throws `ConflictError` when one of the subscriptions has one of that day already:
 * two prices of one day would be decided by chance. At most 500 of a call.
 */
export async function insertPriceChanges(tx: Tx, changes: readonly NewPriceChange[]): Promise<void> {
  if (changes.length === 0) return;
  const inserted = await tx.query(
    `insert into price_changes (subscription_id, effective_on, plan_version_id, migration_id)
     select subscription_id, effective_on, plan_version_id, migration_id
       from unnest($1::uuid[], $2::date[], $3::uuid[], $4::uuid[])
            as n (subscription_id, effective_on, plan_version_id, migration_id)
      order by subscription_id, effective_on
     on conflict on constraint price_changes_one_a_day do nothing
     returning subscription_id`,
    [
      changes.map(({ subscriptionId }) => subscriptionId),
      changes.map(({ effectiveOn }) => effectiveOn),
      changes.map(({ planVersionId }) => planVersionId),
      changes.map(({ migrationId }) => migrationId),
    ],
  );
  const taken = changes.length - inserted.length;
  if (taken > 0) {
    const says = `effective_on: ${taken} of these subscriptions already have a price change of that day; take another day or withdraw that change`;
    throw new ConflictError(says, { field: "effective_on" });
  }
}

/** Withdraws a migration's price changes of these subscriptions and answers how many; invoices at them stay. */
export async function deletePriceChanges(
  tx: Tx,
  migrationId: PlanMigrationId,
  subscriptionIds: readonly SubscriptionId[],
): Promise<number> {
  const rows = await tx.query(
    `delete from price_changes where migration_id = $1 and subscription_id = any($2) returning subscription_id`,
    [migrationId, subscriptionIds],
  );
  return rows.length;
}

/** Takes all price changes off a subscription that goes over to another price, and answers how many there were. */
export async function dropPriceChangesOf(tx: Tx, subscriptionId: SubscriptionId): Promise<number> {
  const rows = await tx.query(
    `delete from price_changes where subscription_id = $1 returning subscription_id`,
    [subscriptionId],
  );
  return rows.length;
}

/** The price changes of a page of subscriptions, past and to come, by date. */
export async function priceChangesOf(
  tx: Tx,
  subscriptionIds: readonly SubscriptionId[],
): Promise<Map<SubscriptionId, PriceChange[]>> {
  if (subscriptionIds.length === 0) return new Map();
  const rows = await tx.query<PriceChangeRow>(
    `select c.subscription_id, c.effective_on::text, c.plan_version_id, v.amount
       from price_changes c join plan_versions v on v.id = c.plan_version_id
      where c.subscription_id = any($1)
      order by c.effective_on desc, c.subscription_id
      limit $2`,
    [subscriptionIds, subscriptionIds.length * CHANGES_LIMIT],
  );
  return groupBy(rows.reverse().map(changeFromRow), ({ subscriptionId }) => subscriptionId);
}

type PriceChangeRow = {
  subscription_id: SubscriptionId;
  effective_on: LocalDate;
  plan_version_id: PlanVersionId;
  amount: string;
};

function changeFromRow(row: PriceChangeRow): PriceChange {
  return {
    subscriptionId: row.subscription_id,
    effectiveOn: row.effective_on,
    planVersionId: row.plan_version_id,
    amount: rupiah(Number(row.amount)),
  };
}
