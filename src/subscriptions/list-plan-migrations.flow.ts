import type { PlanVersionId } from "../kernel/ids.ts";
import { planByCode, versionsById } from "../plans/plan.store.ts";
import type { Plan, PlanVersion } from "../plans/plan.ts";
import type { Database } from "../platform/database.ts";
import { migratedBy, planMigrationById, planMigrationsOf } from "./plan-migration.store.ts";
import type { MigratedView, PlanMigration } from "./plan-migration.ts";
import type { MigrationOfPlan } from "./plan-migration-summary.ts";

type Tools = { readonly db: Database };
type PageAsked = { readonly after: string | null; readonly limit: number };

/** Migrations of the plan called `code`, by day; throws `NotFoundError`. */
export async function listMigrations(
  { db }: Tools,
  code: string,
  page: PageAsked,
): Promise<MigrationOfPlan[]> {
  return db.begin(async (tx) => {
    const plan = await planByCode(tx, code);
    const found = await planMigrationsOf(tx, { planId: plan.id, after: page.after }, page.limit);
    const versions = await versionsById(tx, [...new Set(found.map(({ toVersionId }) => toVersionId))]);
    return found.map((migration) => ofPlan(migration, plan, versions));
  });
}

/** One migration of the plan called `code`; throws `NotFoundError`. */
export async function showOneMigration({ db }: Tools, code: string, id: string): Promise<MigrationOfPlan> {
  return db.begin(async (tx) => {
    const plan = await planByCode(tx, code);
    const migration = await planMigrationById(tx, plan.id, id);
    return ofPlan(migration, plan, await versionsById(tx, [migration.toVersionId]));
  });
}

/** Its members that were not withdrawn, by id; throws `NotFoundError`. */
export async function listMembers(
  { db }: Tools,
  { code, id }: { readonly code: string; readonly id: string },
  { after, limit }: PageAsked,
): Promise<MigratedView[]> {
  return db.begin(async (tx) => {
    const plan = await planByCode(tx, code);
    const migration = await planMigrationById(tx, plan.id, id);
    return migratedBy(tx, { migrationId: migration.id, after }, limit);
  });
}

function ofPlan(
  migration: PlanMigration,
  plan: Plan,
  versions: ReadonlyMap<PlanVersionId, PlanVersion>,
): MigrationOfPlan {
  return { migration, plan, to: versions.get(migration.toVersionId) };
}
