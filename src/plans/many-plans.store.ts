import { In } from "typeorm";
import { groupBy } from "../kernel/group.ts";
import type { PlanId, PlanVersionId } from "../kernel/ids.ts";
import { rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { planTable } from "./plan.table.ts";
import type { PlanPrice, PricedPlan } from "./priced-plan.ts";

/** Per plan; more prices than a plan ever has. */
const MOST_PRICES = 200;

/** Plans by code, with their prices; codes that do not exist are missing from the map. */
export async function plansByCodes(tx: Tx, codes: readonly string[]): Promise<Map<string, PricedPlan>> {
  if (codes.length === 0) return new Map();
  const plans = await tx.manager.getRepository(planTable).findBy({ code: In([...codes]) });
  const prices = groupBy(
    await pricesOf(
      tx,
      plans.map(({ id }) => id),
    ),
    ({ planId }) => planId,
  );
  return new Map(plans.map((plan) => [plan.code, { plan, prices: prices.get(plan.id) ?? [] }]));
}

async function pricesOf(tx: Tx, ids: readonly PlanId[]): Promise<PlanPrice[]> {
  const rows = await tx.query<{
    id: PlanVersionId;
    plan_id: PlanId;
    number: number;
    amount: string;
    effective_on: LocalDate;
  }>(
    `select id, plan_id, number, amount, effective_on::text
       from plan_versions
      where plan_id = any($1)
      order by plan_id, number
      limit $2`,
    [ids, ids.length * MOST_PRICES],
  );
  return rows.map((row) => ({
    id: row.id,
    planId: row.plan_id,
    number: row.number,
    amount: rupiah(Number(row.amount)),
    effectiveOn: row.effective_on,
  }));
}
