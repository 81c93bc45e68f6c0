import { NotFoundError } from "../kernel/errors.ts";
import type { PlanId, PlanVersionId, SubscriptionId } from "../kernel/ids.ts";
import { type Instant, instant, instantOrNull, type LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { MigratedView, PlanMigration } from "./plan-migration.ts";
import type { PlanMigrationId } from "./price-change.store.ts";
import type { Subscription } from "./subscription.ts";
import { COLUMNS, type SubscriptionRow, subscriptionFromRow } from "./subscription-row.ts";

/** Stores a migration that has no members yet. */
export async function insertPlanMigration(
  tx: Tx,
  migration: Omit<PlanMigration, "subscriptions" | "canceled">,
): Promise<void> {
  await tx.query(
    `insert into plan_migrations (id, plan_id, to_version_id, effective_on, from_numbers, subscriptions, reason,
                                  created_by, created_at)
     values ($1, $2, $3, $4, $5, 0, $6, $7, $8)`,
    [
      migration.id,
      migration.planId,
      migration.toVersionId,
      migration.effectiveOn,
      migration.fromNumbers,
      migration.reason,
      migration.createdBy,
      migration.createdAt.toJSDate(),
    ],
  );
}

/** Writes how many subscriptions a migration changed. */
export async function saveMigrationCount(tx: Tx, id: PlanMigrationId, count: number): Promise<void> {
  await tx.query(`update plan_migrations set subscriptions = $2 where id = $1`, [id, count]);
}

/** Writes that a migration, held by the caller, was taken back. */
export async function saveMigrationCanceled(tx: Tx, { id, canceled }: PlanMigration): Promise<void> {
  if (canceled === null) return;
  await tx.query(
    `update plan_migrations
        set canceled_at = $2, canceled_by = $3, cancel_reason = $4, withdrawn = $5
      where id = $1`,
    [id, canceled.at.toJSDate(), canceled.by, canceled.reason, canceled.withdrawn],
  );
}

const MIGRATION = `id, plan_id, to_version_id, effective_on::text, from_numbers, subscriptions, reason, created_by,
            created_at, canceled_at, canceled_by, cancel_reason, withdrawn`;

/** The migration of a plan, or `NotFoundError`; held until the transaction ends. */
export async function lockPlanMigration(tx: Tx, planId: PlanId, id: string): Promise<PlanMigration> {
  const [row] = await tx.query<MigrationRow>(
    `select ${MIGRATION} from plan_migrations where id = $1 and plan_id = $2 for no key update`,
    [id, planId],
  );
  if (row === undefined) throw new NotFoundError(`there is no migration ${id} of this plan`);
  return migrationFromRow(row);
}

/** The migration of a plan, or `NotFoundError`. */
export async function planMigrationById(tx: Tx, planId: PlanId, id: string): Promise<PlanMigration> {
  const [row] = await tx.query<MigrationRow>(
    `select ${MIGRATION} from plan_migrations where id = $1 and plan_id = $2`,
    [id, planId],
  );
  if (row === undefined) throw new NotFoundError(`there is no migration ${id} of this plan`);
  return migrationFromRow(row);
}

/** Migrations of a plan by day and id; `after` is the `effective_on/id` behind which the page begins. */
export async function planMigrationsOf(
  tx: Tx,
  { planId, after }: { readonly planId: PlanId; readonly after: string | null },
  limit: number,
): Promise<PlanMigration[]> {
  const [date = null, id = null] = after?.split("/") ?? [];
  const rows = await tx.query<MigrationRow>(
    `select ${MIGRATION}
       from plan_migrations
      where plan_id = $1 and ($2::date is null or (effective_on, id) > ($2::date, $3::uuid))
      order by plan_migrations.effective_on, id
      limit $4`,
    [planId, date, id, limit],
  );
  return rows.map(migrationFromRow);
}

/** No id comes before it. With `or` instead, every page would read all pages before it. */
const BEFORE_ALL = "00000000-0000-0000-0000-000000000000";

/** Ids of a plan's subscriptions that are not over, by id and beginning behind `after`. */
export async function subscriptionIdsOfPlan(
  tx: Tx,
  { planId, after }: { readonly planId: PlanId; readonly after: SubscriptionId | null },
  limit: number,
): Promise<SubscriptionId[]> {
  const rows = await tx.query<{ id: SubscriptionId }>(
    `select id from subscriptions
      where plan_id = $1 and state not in ('canceled', 'completed') and id > $2
      order by id
      limit $3`,
    [planId, after ?? BEFORE_ALL, limit],
  );
  return rows.map(({ id }) => id);
}

/**
 * As `subscriptionIdsOfPlan`, and holds the rows: what opens an invoice, changes a plan or migrates it as well waits.
 * The caller must not lock customers afterwards, for those come first.
 */
export async function lockSubscriptionIdsOfPlan(
  tx: Tx,
  { planId, after }: { readonly planId: PlanId; readonly after: SubscriptionId | null },
  limit: number,
): Promise<SubscriptionId[]> {
  const rows = await tx.query<{ id: SubscriptionId }>(
    `select id from subscriptions
      where plan_id = $1 and state not in ('canceled', 'completed') and id > $2
      order by id
      limit $3
        for no key update`,
    [planId, after ?? BEFORE_ALL, limit],
  );
  return rows.map(({ id }) => id);
}

/** These subscriptions as they are now, by id. */
export async function subscriptionsById(tx: Tx, ids: readonly SubscriptionId[]): Promise<Subscription[]> {
  const rows = await tx.query<SubscriptionRow>(
    `select ${COLUMNS}
       from subscriptions s join plan_versions v on v.id = s.plan_version_id
      where s.id = any($1)
      order by s.id
      limit $2`,
    [ids, ids.length],
  );
  return rows.map(subscriptionFromRow);
}

/** Members of a migration that were not withdrawn, by id and beginning behind `after`. */
export async function migratedBy(
  tx: Tx,
  { migrationId, after }: { readonly migrationId: PlanMigrationId; readonly after: string | null },
  limit: number,
): Promise<MigratedView[]> {
  const rows = await tx.query<{ id: SubscriptionId; reference: string; effective_on: LocalDate }>(
    `select s.id, s.reference, c.effective_on::text
       from price_changes c join subscriptions s on s.id = c.subscription_id
      where c.migration_id = $1 and c.subscription_id > $2
      order by c.subscription_id
      limit $3`,
    [migrationId, after ?? BEFORE_ALL, limit],
  );
  return rows.map((row) => ({ id: row.id, reference: row.reference, effectiveOn: row.effective_on }));
}

/** As `migratedBy`, and holds the subscriptions' rows. */
export async function lockMigratedBy(
  tx: Tx,
  { migrationId, after }: { readonly migrationId: PlanMigrationId; readonly after: string | null },
  limit: number,
): Promise<MigratedView[]> {
  const rows = await tx.query<{ id: SubscriptionId; reference: string; effective_on: LocalDate }>(
    `select s.id, s.reference, c.effective_on::text
       from price_changes c join subscriptions s on s.id = c.subscription_id
      where c.migration_id = $1 and c.subscription_id > $2
      order by c.subscription_id
      limit $3
        for no key update of s`,
    [migrationId, after ?? BEFORE_ALL, limit],
  );
  return rows.map((row) => ({ id: row.id, reference: row.reference, effectiveOn: row.effective_on }));
}

type MigrationRow = {
  id: PlanMigrationId;
  plan_id: PlanId;
  to_version_id: PlanVersionId;
  effective_on: LocalDate;
  from_numbers: number[] | null;
  subscriptions: number;
  reason: string | null;
  created_by: string;
  created_at: Date;
  canceled_at: Date | null;
  canceled_by: string | null;
  cancel_reason: string | null;
  withdrawn: number | null;
};

function migrationFromRow(row: MigrationRow): PlanMigration {
  return {
    id: row.id,
    planId: row.plan_id,
    toVersionId: row.to_version_id,
    effectiveOn: row.effective_on,
    fromNumbers: row.from_numbers,
    subscriptions: row.subscriptions,
    reason: row.reason,
    createdBy: row.created_by,
    createdAt: instant(row.created_at),
    canceled: canceledFromRow(row, instantOrNull(row.canceled_at)),
  };
}

function canceledFromRow(row: MigrationRow, at: Instant | null): PlanMigration["canceled"] {
  if (at === null) return null;
  return { at, by: row.canceled_by ?? "", reason: row.cancel_reason, withdrawn: row.withdrawn ?? 0 };
}
