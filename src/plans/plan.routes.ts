import { z } from "zod";
import { InvalidError } from "../kernel/errors.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import { localDateAt } from "../kernel/time.ts";
import { afterCursor, isNumberKey, pageAnswer, pageFields, pageOf } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import { addPlanVersion, createPlan, type PlanTools, updatePlan } from "./create-plan.flow.ts";
import { feasibility, OVO_TIERS } from "./feasibility.ts";
import { listPlans, planByCode, pricesOn, versionsOf } from "./plan.store.ts";
import type { Plan } from "./plan.ts";
import {
  basisPointsOf,
  feasibilityAnswer,
  newPlan,
  newPlanAnswer,
  newVersion,
  planAnswer,
  planUpdate,
  pricedAnswer,
  showFeasibility,
  showPlan,
  showVersion,
  versionAnswer,
  wholePlanAnswer,
} from "./plan-fields.ts";

/** Plans: what is on offer and at which price. */
export function planRoutes(tools: PlanTools): ApiRoute[] {
  return [
    create(tools),
    addVersion(tools),
    versions(tools),
    list(tools),
    get(tools),
    update(tools),
    feasible(tools),
  ];
}

function create(tools: PlanTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/plans",
    command: "plan create",
    dryRun: true,
    summary: "Put a plan on offer",
    roles: ["billing"],
    idempotency: "optional",
    body: newPlan,
    answers: newPlanAnswer,
    status: 201,
    run: ({ body, dryRun }) =>
      rehearseIf(dryRun, tools.db, async (db) => {
        const { plan, price } = await createPlan(
          { ...tools, db },
          {
            code: body.code,
            name: body.name,
            amount: rupiah(body.amount),
            taxBasisPoints: basisPointsOf(body.tax_percent ?? null),
            interval: body.interval,
            intervalCount: body.interval_count,
            billingDay: body.billing_day ?? null,
            trialDays: body.trial_days ?? null,
            cycles: body.cycles ?? null,
            dunningPolicy: body.dunning_policy ?? null,
          },
        );
        return { ...showPlan(plan, price), warnings: warningsOf(tools, plan, price.amount) };
      }),
  });
}

function addVersion(tools: PlanTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/plans/:code/versions",
    command: "plan price",
    dryRun: true,
    summary: "Give a plan a new price, now or later; running subscriptions keep theirs",
    roles: ["billing"],
    idempotency: "optional",
    body: newVersion,
    answers: pricedAnswer,
    status: 201,
    run: ({ params, body, dryRun }) =>
      rehearseIf(dryRun, tools.db, async (db) => {
        const { plan, price } = await addPlanVersion(
          { ...tools, db },
          {
            code: params["code"] ?? "",
            amount: rupiah(body.amount),
            taxBasisPoints: basisPointsOf(body.tax_percent),
            effectiveOn: body.effective_on ?? null,
          },
        );
        return {
          plan: plan.code,
          ...showVersion(price),
          warnings: warningsOf(tools, plan, price.amount),
        };
      }),
  });
}

function versions({ db }: PlanTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/plans/:code/versions",
    command: "plan prices",
    summary: "The prices a plan has had and will have, newest first",
    roles: EVERYBODY,
    idempotency: "none",
    query: z.strictObject(pageFields),
    answers: pageAnswer(versionAnswer),
    run: ({ params, query: { limit, cursor } }) =>
      db.begin(async (tx) => {
        const { id: planId } = await planByCode(tx, params["code"] ?? "");
        const rows = await versionsOf(tx, { planId, before: afterCursor(cursor, isNumberKey) }, limit + 1);
        return pageOf(rows, limit, ({ number }) => String(number), showVersion);
      }),
  });
}

function list({ db, clock, billingZone }: PlanTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/plans",
    command: "plan list",
    summary: "Plans with the price of today",
    roles: EVERYBODY,
    idempotency: "none",
    query: z.strictObject(pageFields),
    answers: pageAnswer(planAnswer),
    run: async ({ query: { limit, cursor } }) =>
      db.begin(async (tx) => {
        const plans = await listPlans(tx, afterCursor(cursor), limit + 1);
        const today = localDateAt(await clock.now(tx), billingZone);
        const ids = plans.map((plan) => plan.id);
        const prices = await pricesOn(tx, ids, today);
        return pageOf(
          plans,
          limit,
          (plan) => plan.code,
          (plan) => showPlan(plan, prices.get(plan.id)),
        );
      }),
  });
}

function get({ db, clock, billingZone }: PlanTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/plans/:code",
    command: "plan show",
    summary: "A plan with its prices",
    answers: wholePlanAnswer,
    roles: EVERYBODY,
    idempotency: "none",
    run: async ({ params }) =>
      db.begin(async (tx) => {
        const plan = await planByCode(tx, params["code"] ?? "");
        const today = localDateAt(await clock.now(tx), billingZone);
        const price = (await pricesOn(tx, [plan.id], today)).get(plan.id);
        const found = await versionsOf(tx, { planId: plan.id });
        return { ...showPlan(plan, price), versions: found.map(showVersion) };
      }),
  });
}

function update(tools: PlanTools): ApiRoute {
  return apiRoute({
    method: "PATCH",
    path: "/plans/:code",
    command: "plan update",
    dryRun: true,
    summary: "Give a plan another name, or take it off the offer; running subscriptions go on",
    roles: ["billing"],
    idempotency: "optional",
    body: planUpdate,
    answers: planAnswer,
    run: ({ params, body: { name, archived }, dryRun }) =>
      rehearseIf(dryRun, tools.db, async (db) => {
        const { clock, billingZone } = tools;
        const plan = await updatePlan({ db, clock }, { code: params["code"] ?? "", name, archived });
        return db.begin(async (tx) => {
          const today = localDateAt(await clock.now(tx), billingZone);
          return showPlan(plan, (await pricesOn(tx, [plan.id], today)).get(plan.id));
        });
      }),
  });
}

const feasibleQuery = z.strictObject({
  amount: z.coerce
    .number({ error: "must be whole rupiah, e.g. 99000" })
    .int({ error: "must be whole rupiah, e.g. 99000" })
    .min(1, { error: "must be above 0" })
    .max(1_000_000_000_000, { error: "may be at most 1000000000000" })
    .optional()
    .describe("another price than the one of today, in whole rupiah"),
});

function feasible({ db, clock, billingZone, minCharge }: PlanTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/plans/:code/feasibility",
    command: "plan feasibility",
    summary: "Which wallets can pay a plan's price, or another one",
    roles: EVERYBODY,
    idempotency: "none",
    query: feasibleQuery,
    answers: feasibilityAnswer,
    run: ({ params, query }) =>
      db.begin(async (tx) => {
        const plan = await planByCode(tx, params["code"] ?? "");
        const today = localDateAt(await clock.now(tx), billingZone);
        const amount = query.amount ?? (await pricesOn(tx, [plan.id], today)).get(plan.id)?.amount;
        if (amount === undefined)
          throw new InvalidError("amount: the plan has no price yet; give one", { field: "amount" });
        const found = check({ minCharge }, plan, rupiah(amount));
        return showFeasibility({ plan: plan.code, amount, minCharge }, found);
      }),
  });
}

function check({ minCharge }: Pick<PlanTools, "minCharge">, plan: Plan, amount: Rupiah) {
  const interval = { unit: plan.intervalUnit, count: plan.intervalCount };
  return feasibility(amount, interval, { tiers: OVO_TIERS, minCharge });
}

function warningsOf(tools: PlanTools, plan: Plan, amount: Rupiah): readonly string[] {
  return check(tools, plan, amount).warnings;
}
