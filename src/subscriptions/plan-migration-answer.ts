import { z } from "zod";
import type { PlanVersion } from "../plans/plan.ts";
import { dateField, momentField } from "../platform/api-fields.ts";
import type { PlanMigration } from "./plan-migration.ts";
import type { Migrated, MigrationOfPlan, ShownMember } from "./plan-migration-summary.ts";

const migrationFields = {
  plan: z.string(),
  to_version: z.int(),
  amount: z.int().describe("of that version, whole rupiah"),
  effective_on: dateField().describe("periods that begin on this day or later are billed at it"),
  from_versions: z.array(z.int()).nullable().describe("null: whatever they had"),
  subscriptions: z.int().describe("how many it changes"),
  reason: z.string().nullable(),
  created_by: z.string(),
  created_at: momentField(),
};

export const migrationAnswer = z.strictObject({
  id: z.uuid(),
  ...migrationFields,
  canceled: z
    .strictObject({
      at: momentField(),
      by: z.string(),
      reason: z.string().nullable(),
      withdrawn: z.int().describe("how many were not billed at the new price yet, and keep what they had"),
    })
    .nullable(),
});

export const migratedAnswer = z.strictObject({
  id: z.uuid().nullable().describe("null in a dry run"),
  ...migrationFields,
  by_version: z
    .array(z.strictObject({ version: z.int(), amount: z.int(), subscriptions: z.int() }))
    .describe("by what they would have been billed at"),
  amount_before: z.int().describe("one full period of each of them, whole rupiah"),
  amount_after: z.int(),
  left_out: z.strictObject({
    has_it: z.int().describe("will be at that price anyway"),
    other_price: z.int().describe("not among from_versions"),
    over: z.int().describe("no period is left by then"),
    canceling: z.int().describe("canceled at the end of the period"),
  }),
  changed_again: z.int().describe("to which another planned price change applies later"),
  first: z
    .array(
      z.strictObject({
        subscription: z.string(),
        customer: z.string(),
        version: z.int(),
        amount_before: z.int(),
        amount_after: z.int(),
        first_changed_on: dateField().nullable().describe("null: when its wallet is linked"),
        period_end: dateField().nullable(),
      }),
    )
    .describe("50 of them"),
  preview: z.string().describe("give it back, and exactly these subscriptions are changed, or none"),
  warnings: z.array(z.string()),
});

/** A migration as the API shows it. */
export function showMigration({ migration, plan, to }: MigrationOfPlan): z.input<typeof migrationAnswer> {
  const { canceled } = migration;
  return {
    id: migration.id,
    ...fieldsOf(migration, plan.code, to),
    canceled:
      canceled === null
        ? null
        : {
            at: canceled.at.toISO(),
            by: canceled.by,
            reason: canceled.reason,
            withdrawn: canceled.withdrawn,
          },
  };
}

/** What a migration changes, or with `dryRun` would; `warnings` are about its price. */
export function showMigrated(
  migrated: Migrated,
  { dryRun, warnings }: { readonly dryRun: boolean; readonly warnings: readonly string[] },
): z.input<typeof migratedAnswer> {
  const { migration, plan, to, summary, versions } = migrated;
  const byVersion = [...summary.byVersion].map(([id, subscriptions]) => ({
    version: versions.get(id)?.number ?? 0,
    amount: versions.get(id)?.amount ?? 0,
    subscriptions,
  }));
  const before = byVersion.reduce((total, { amount, subscriptions }) => total + amount * subscriptions, 0);
  return {
    id: dryRun ? null : migration.id,
    ...fieldsOf(migration, plan.code, to),
    by_version: byVersion.sort((a, b) => a.version - b.version),
    amount_before: before,
    amount_after: to.amount * summary.subscriptions,
    left_out: summary.leftOut,
    changed_again: summary.changedAgain,
    first: summary.shown.map((shown) => showMember(migrated, shown)),
    preview: migrated.preview,
    warnings: [...tooEarly(migration, to), ...warnings],
  };
}

function fieldsOf(migration: Omit<PlanMigration, "canceled">, plan: string, to: PlanVersion | undefined) {
  return {
    plan,
    to_version: to?.number ?? 0,
    amount: to?.amount ?? 0,
    effective_on: migration.effectiveOn,
    from_versions: migration.fromNumbers === null ? null : [...migration.fromNumbers],
    subscriptions: migration.subscriptions,
    reason: migration.reason,
    created_by: migration.createdBy,
    created_at: migration.createdAt.toISO(),
  };
}

function showMember({ to, versions, customers }: Migrated, { subscription, member }: ShownMember) {
  const { from, first } = member;
  return {
    subscription: subscription.reference,
    customer: customers.get(subscription.customerId)?.reference ?? "",
    version: versions.get(from.planVersionId)?.number ?? 0,
    amount_before: from.amount,
    amount_after: to.amount,
    first_changed_on: first?.start ?? null,
    period_end: first?.end ?? null,
  };
}

function tooEarly({ effectiveOn }: Pick<PlanMigration, "effectiveOn">, to: PlanVersion): string[] {
  if (effectiveOn >= to.effectiveOn) return [];
  return [`new subscriptions are agreed at version ${to.number} only from ${to.effectiveOn} on`];
}
