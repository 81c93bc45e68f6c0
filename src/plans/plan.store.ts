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

/** Stores a price under the next free number; the caller holds the plan's row (`lockPlan`) or has just made it. */
export async function insertPlanVersion(tx: Tx, version: Omit<PlanVersion, "number">): Promise<PlanVersion> {
  const rows = await tx.query<VersionRow>(
    `insert into plan_versions (id, plan_id, number, amount, effective_on, created_at)
     select $1, $2, coalesce(max(number), 0) + 1, $3, $4, $5 from plan_versions where plan_id = $2
     returning id, plan_id, number, amount, effective_on::text, created_at`,
    [version.id, version.planId, version.amount, version.effectiveOn, version.createdAt.toJSDate()],
  );
  return rows.map(versionFromRow)[0] as PlanVersion;
}

/** The plan called `code`, or `NotFoundError`. */
export async function planByCode(tx: Tx, code: string): Promise<Plan> {
  const plan = await tx.manager.getRepository(planTable).findOneBy({ code });
  if (plan === null) throw new NotFoundError(`there is no plan ${code}`);
  return plan;
}

/** Holds the plan's row until the transaction ends, so that its versions are numbered one after the other. */
export async function lockPlan(tx: Tx, id: PlanId): Promise<void> {
  await tx.query(`select id from plans where id = $1 for no key update`, [id]);
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
    `select distinct on (plan_id) id, plan_id, number, amount, effective_on::text, created_at
       from plan_versions
      where plan_id = any($1) and (effective_on <= $2 or number = 1)
      order by plan_id, effective_on <= $2 desc, effective_on desc, number desc
      limit $3`,
    [planIds, date, planIds.length],
  );
  return new Map(rows.map(versionFromRow).map((version) => [version.planId, version]));
}

/** Every price a plan has had or will have, newest first. */
export async function versionsOf(tx: Tx, planId: PlanId): Promise<PlanVersion[]> {
  const rows = await tx.query<VersionRow>(
    `select id, plan_id, number, amount, effective_on::text, created_at
       from plan_versions where plan_id = $1 order by number desc limit $2`,
    [planId, VERSIONS_SHOWN],
  );
  return rows.map(versionFromRow);
}

type VersionRow = {
  id: PlanVersionId;
  plan_id: PlanId;
  number: number;
  amount: string;
  effective_on: LocalDate;
  created_at: Date;
};

function versionFromRow(row: VersionRow): PlanVersion {
  return {
    id: row.id,
    planId: row.plan_id,
    number: row.number,
    amount: rupiah(Number(row.amount)),
    effectiveOn: row.effective_on,
    createdAt: instant(row.created_at),
  };
}
