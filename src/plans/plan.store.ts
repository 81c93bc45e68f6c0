import { MoreThan } from "typeorm";
import { ConflictError, NotFoundError } from "../kernel/errors.ts";
import type { PlanId, PlanVersionId } from "../kernel/ids.ts";
import { rupiah } from "../kernel/money.ts";
import { instant, type LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { planTable } from "./plan.table.ts";
import type { Plan, PlanVersion } from "./plan.ts";

/** More prices than a plan ever has; a list of them still fits one answer. */
const VERSIONS_SHOWN = 200;

const VERSION = `id, plan_id, number, amount, tax_basis_points, effective_on::text, created_at`;

/** Stores a new plan; throws `ConflictError` when its code is taken. */
export async function insertPlan(tx: Tx, plan: Plan): Promise<void> {
  const inserted = await tx.query(
    `insert into plans (id, code, name, interval_unit, interval_count, billing_day, trial_days, cycles,
                        dunning_policy, created_at)
     values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
     on conflict on constraint plans_code_unique do nothing
     returning id`,
    [
      plan.id,
      plan.code,
      plan.name,
      plan.intervalUnit,
      plan.intervalCount,
      plan.billingDay,
      plan.trialDays,
      plan.cycles,
      plan.dunningPolicy,
      plan.createdAt.toJSDate(),
    ],
  );
  if (inserted.length === 0) {
    throw new ConflictError(
      `code: there is already a plan ${plan.code}; give it a new price or take another code`,
      {
        field: "code",
      },
    );
  }
}

/** Stores a price under the next free number; the caller holds the plan's row (`lockPlanByCode`) or has just made it. */
export async function insertPlanVersion(tx: Tx, version: Omit<PlanVersion, "number">): Promise<PlanVersion> {
  const rows = await tx.query<VersionRow>(
    `insert into plan_versions (id, plan_id, number, amount, tax_basis_points, effective_on, created_at)
     select $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5, $6 from plan_versions where plan_id = $2
     returning ${VERSION}`,
    [
      version.id,
      version.planId,
      version.amount,
      version.taxBasisPoints,
      version.effectiveOn,
      version.createdAt.toJSDate(),
    ],
  );
  return rows.map(versionFromRow)[0] as PlanVersion;
}

/** Writes what may change about a plan whose row the caller holds: its name, and whether it is on offer. */
export async function savePlan(tx: Tx, { id, name, archivedAt }: Plan): Promise<void> {
  await tx.query(`update plans set name = $2, archived_at = $3 where id = $1`, [
    id,
    name,
    archivedAt?.toJSDate() ?? null,
  ]);
}

/** The plan called `code`, or `NotFoundError`. */
export async function planByCode(tx: Tx, code: string): Promise<Plan> {
  const plan = await tx.manager.getRepository(planTable).findOneBy({ code });
  if (plan === null) throw new NotFoundError(`there is no plan ${code}`);
  return plan;
}

/** As `planByCode`, and holds its row until the transaction ends: what is done about a plan is done in turn. */
export async function lockPlanByCode(tx: Tx, code: string): Promise<Plan> {
  await tx.query(`select id from plans where code = $1 for no key update`, [code]);
  return planByCode(tx, code);
}

/** Plans by code, beginning behind `after`. */
export async function listPlans(tx: Tx, after: string | null, limit: number): Promise<Plan[]> {
  return tx.manager.getRepository(planTable).find({
    where: after === null ? {} : { code: MoreThan(after) },
    order: { code: "ASC" },
    take: limit,
  });
}

/**
 * The price of each plan for a subscription that begins on `date`: the newest that is in effect. The first price
 * holds from the beginning, for a plan made today may be sold where it is still yesterday.
 */
export async function pricesOn(
  tx: Tx,
  planIds: readonly PlanId[],
  date: LocalDate,
): Promise<Map<PlanId, PlanVersion>> {
  const rows = await tx.query<VersionRow>(
    `select distinct on (plan_id) ${VERSION}
       from plan_versions
      where plan_id = any($1) and (effective_on <= $2 or number = 1)
      order by plan_id, effective_on <= $2 desc, effective_on desc, number desc
      limit $3`,
    [planIds, date, planIds.length],
  );
  return new Map(rows.map(versionFromRow).map((version) => [version.planId, version]));
}

/** Prices a plan has had or will have, newest first; `before` is the number behind which the page begins. */
export async function versionsOf(
  tx: Tx,
  { planId, before = null }: { readonly planId: PlanId; readonly before?: string | null },
  limit = VERSIONS_SHOWN,
): Promise<PlanVersion[]> {
  const rows = await tx.query<VersionRow>(
    `select ${VERSION}
       from plan_versions
      where plan_id = $1 and ($2::bigint is null or number < $2)
      order by number desc
      limit $3`,
    [planId, before, limit],
  );
  return rows.map(versionFromRow);
}

/** Prices of a plan by their numbers; numbers that it does not have are left out. */
export async function versionsByNumber(
  tx: Tx,
  planId: PlanId,
  numbers: readonly number[],
): Promise<PlanVersion[]> {
  const rows = await tx.query<VersionRow>(
    `select ${VERSION}
       from plan_versions
      where plan_id = $1 and number = any($2)
      order by number
      limit $3`,
    [planId, numbers, numbers.length],
  );
  return rows.map(versionFromRow);
}

/** Prices by their ids. */
export async function versionsById(
  tx: Tx,
  ids: readonly PlanVersionId[],
): Promise<Map<PlanVersionId, PlanVersion>> {
  const rows = await tx.query<VersionRow>(
    `select ${VERSION} from plan_versions where id = any($1) order by id limit $2`,
    [ids, ids.length],
  );
  return new Map(rows.map(versionFromRow).map((version) => [version.id, version]));
}

type VersionRow = {
  id: PlanVersionId;
  plan_id: PlanId;
  number: number;
  amount: string;
  tax_basis_points: number | null;
  effective_on: LocalDate;
  created_at: Date;
};

function versionFromRow(row: VersionRow): PlanVersion {
  return {
    id: row.id,
    planId: row.plan_id,
    number: row.number,
    amount: rupiah(Number(row.amount)),
    taxBasisPoints: row.tax_basis_points,
    effectiveOn: row.effective_on,
    createdAt: instant(row.created_at),
  };
}
