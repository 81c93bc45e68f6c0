import type { SubscriptionId } from "../kernel/ids.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { planByCode, versionsById } from "../plans/plan.store.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Tx } from "../platform/database.ts";
import type { MigrationTools } from "./migrate-plan.flow.ts";
import { lockMigratedBy, lockPlanMigration, saveMigrationCanceled } from "./plan-migration.store.ts";
import type { MigratedView } from "./plan-migration.ts";
import type { MigrationOfPlan } from "./plan-migration-summary.ts";
import { deletePriceChanges, type PlanMigrationId } from "./price-change.store.ts";
import { appendSubscriptionChanges } from "./subscription-change.store.ts";

const PAGE = 500;

export type CancelMigrationTools = MigrationTools & {
  /** Those that have an invoice for a period beginning on their date or later. */
  readonly billedSince: (
    tx: Tx,
    since: readonly { readonly subscriptionId: SubscriptionId; readonly on: LocalDate }[],
  ) => Promise<ReadonlySet<SubscriptionId>>;
};

/**
 * Takes a migration back where nothing was billed at its price yet: those subscriptions keep what they had. Who was
 * billed at it stays with it, for a price goes up and down by migrations and not by itself. May run twice: then it
 * answers what the first did. Throws `NotFoundError`.
 */
export async function cancelPlanMigration(
  { db, clock, billedSince }: CancelMigrationTools,
  given: { readonly code: string; readonly id: string; readonly reason: string | null },
  actor: Actor,
): Promise<MigrationOfPlan> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const plan = await planByCode(tx, given.code);
    const migration = await lockPlanMigration(tx, plan.id, given.id);
    const to = (await versionsById(tx, [migration.toVersionId])).get(migration.toVersionId);
    if (migration.canceled !== null) return { migration, plan, to };
    const by = { actor: actor.name, reason: given.reason, at: now };
    const withdrawn = await withdraw(tx, migration.id, billedSince, by);
    const canceled = { ...migration, canceled: { at: now, by: actor.name, reason: given.reason, withdrawn } };
    await saveMigrationCanceled(tx, canceled);
    return { migration: canceled, plan, to };
  });
}

type By = { readonly actor: string; readonly reason: string | null; readonly at: Instant };

async function withdraw(
  tx: Tx,
  migrationId: PlanMigrationId,
  billedSince: CancelMigrationTools["billedSince"],
  by: By,
): Promise<number> {
  let withdrawn = 0;
  for (let after: SubscriptionId | null = null; ; ) {
    const page: MigratedView[] = await lockMigratedBy(tx, { migrationId, after }, PAGE);
    const billed = await billedSince(
      tx,
      page.map(({ id, effectiveOn }) => ({ subscriptionId: id, on: effectiveOn })),
    );
    const ids = page.map(({ id }) => id).filter((id) => !billed.has(id));
    withdrawn += await deletePriceChanges(tx, migrationId, ids);
    await appendSubscriptionChanges(
      tx,
      ids.map((subscriptionId) => ({
        subscriptionId,
        kind: "price_change_withdrawn",
        ...by,
        details: { migration: migrationId },
      })),
    );
    after = page.at(-1)?.id ?? null;
    if (page.length < PAGE) return withdrawn;
  }
}
