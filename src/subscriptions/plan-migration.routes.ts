import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import { feasibility, OVO_TIERS } from "../plans/feasibility.ts";
import {
  afterCursor,
  dateField,
  isDatedKey,
  isUuid,
  pageAnswer,
  pageFields,
  pageOf,
  wholeField,
} from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import { type CancelMigrationTools, cancelPlanMigration } from "./cancel-plan-migration.flow.ts";
import { listMembers, listMigrations, showOneMigration } from "./list-plan-migrations.flow.ts";
import { migratePlan } from "./migrate-plan.flow.ts";
import { migratedAnswer, migrationAnswer, showMigrated, showMigration } from "./plan-migration-answer.ts";
import type { Migrated } from "./plan-migration-summary.ts";

export type MigrationRouteTools = CancelMigrationTools & {
  /** The least that is charged, in rupiah. */
  readonly minCharge: number;
};

/** As many prices as one can name in one request. */
const VERSIONS_NAMED = 200;

const reason = z.string({ error: "must be text" }).trim().min(1).max(300).nullish();

const newMigration = z.strictObject({
  to_version: wholeField(1, 1_000_000),
  effective_on: dateField(),
  from_versions: z
    .array(wholeField(1, 1_000_000), { error: "must be a list of version numbers" })
    .min(1, { error: "must name a version; leave it out for all" })
    .max(VERSIONS_NAMED)
    .nullish(),
  reason,
  preview: z
    .string({ error: "must be the text that the preview answered" })
    .max(64)
    .nullish()
    .describe("of a dry run: exactly the subscriptions that it found are changed, or none"),
});

/** Dated price changes of a plan's running subscriptions. */
export function planMigrationRoutes(tools: MigrationRouteTools): ApiRoute[] {
  return [migrate(tools), list(tools), get(tools), members(tools), cancel(tools)];
}

function migrate(tools: MigrationRouteTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/plans/:code/migrations",
    command: "plan migrate",
    dryRun: true,
    summary: "Bill running subscriptions at another price from a day on; the dry run shows which",
    roles: ["billing"],
    idempotency: "optional",
    body: newMigration,
    answers: migratedAnswer,
    status: 201,
    run: async ({ params, body, actor, dryRun }) => {
      const given = {
        code: params["code"] ?? "",
        toVersion: body.to_version,
        effectiveOn: body.effective_on,
        fromVersions: body.from_versions ?? null,
        reason: body.reason ?? null,
        preview: body.preview ?? null,
      };
      const migrated = await migratePlan(tools, given, { actor, dryRun });
      return showMigrated(migrated, { dryRun, warnings: warningsOf(tools, migrated) });
    },
  });
}

function warningsOf({ minCharge }: MigrationRouteTools, { plan, to }: Migrated): readonly string[] {
  const interval = { unit: plan.intervalUnit, count: plan.intervalCount };
  return feasibility(to.amount, interval, { tiers: OVO_TIERS, minCharge }).warnings;
}

function list({ db }: MigrationRouteTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/plans/:code/migrations",
    command: "plan migrations",
    summary: "The migrations of a plan, by day",
    roles: EVERYBODY,
    idempotency: "none",
    query: z.strictObject(pageFields),
    answers: pageAnswer(migrationAnswer),
    run: async ({ params, query: { limit, cursor } }) => {
      const page = { after: afterCursor(cursor, isDatedKey), limit: limit + 1 };
      const found = await listMigrations({ db }, params["code"] ?? "", page);
      const keyOf = ({ migration }: (typeof found)[number]) => `${migration.effectiveOn}/${migration.id}`;
      return pageOf(found, limit, keyOf, showMigration);
    },
  });
}

function get({ db }: MigrationRouteTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/plans/:code/migrations/:id",
    command: "plan migration",
    summary: "One migration of a plan",
    roles: EVERYBODY,
    idempotency: "none",
    answers: migrationAnswer,
    run: async ({ params }) =>
      showMigration(await showOneMigration({ db }, params["code"] ?? "", idOf(params))),
  });
}

const memberAnswer = z.strictObject({
  subscription: z.string(),
  effective_on: dateField().describe("periods that begin on this day or later are billed at the new price"),
});

function members({ db }: MigrationRouteTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/plans/:code/migrations/:id/subscriptions",
    command: "plan migrated",
    summary: "The subscriptions that a migration changes, without those that were taken back",
    roles: EVERYBODY,
    idempotency: "none",
    query: z.strictObject(pageFields),
    answers: pageAnswer(memberAnswer),
    run: async ({ params, query: { limit, cursor } }) => {
      const page = { after: afterCursor(cursor, isUuid), limit: limit + 1 };
      const found = await listMembers({ db }, { code: params["code"] ?? "", id: idOf(params) }, page);
      return pageOf(
        found,
        limit,
        ({ id }) => id,
        ({ reference, effectiveOn }) => ({ subscription: reference, effective_on: effectiveOn }),
      );
    },
  });
}

function cancel(tools: MigrationRouteTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/plans/:code/migrations/:id/cancel",
    command: "plan cancel-migration",
    dryRun: true,
    summary: "Take a migration back for the subscriptions that were not billed at the new price yet",
    roles: ["billing"],
    idempotency: "optional",
    body: z.strictObject({ reason }),
    answers: migrationAnswer,
    run: ({ params, body, actor, dryRun }) =>
      rehearseIf(dryRun, tools.db, async (db) => {
        const given = { code: params["code"] ?? "", id: idOf(params), reason: body.reason ?? null };
        return showMigration(await cancelPlanMigration({ ...tools, db }, given, actor));
      }),
  });
}

/** What is no id of ours names nothing. */
function idOf(params: Readonly<Record<string, string>>): string {
  const id = params["id"] ?? "";
  if (!isUuid(id)) throw new NotFoundError(`there is no migration ${id} of this plan`);
  return id;
}
