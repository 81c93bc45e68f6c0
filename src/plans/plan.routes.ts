import { z } from "zod";
import { rupiah } from "../kernel/money.ts";
import { localDateAt } from "../kernel/time.ts";
import {
  afterCursor,
  dateField,
  pageFields,
  pageOf,
  referenceField,
  rupiahField,
  wholeField,
} from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { addPlanVersion, createPlan, type PlanTools } from "./create-plan.flow.ts";
import { listPlans, planByCode, pricesOn, versionsOf } from "./plan.store.ts";
import { INTERVAL_NAMES, type Plan, type PlanVersion, priceWarnings } from "./plan.ts";

const newPlan = z.strictObject({
  code: referenceField(),
  name: z.string({ error: "must be the plan's name as customers see it" }).trim().min(1).max(100),
  amount: rupiahField(),
  interval: z.enum(INTERVAL_NAMES, { error: `must be one of ${INTERVAL_NAMES.join(", ")}` }),
  interval_count: wholeField(1, 366).default(1),
  billing_day: wholeField(1, 31).nullish(),
  trial_days: wholeField(0, 730).nullish(),
  cycles: wholeField(1, 1200).nullish(),
  dunning_policy: referenceField().nullish(),
});

const newVersion = z.strictObject({ amount: rupiahField(), effective_on: dateField().optional() });

/** Plans: what is on offer and at which price. */
export function planRoutes(tools: PlanTools): ApiRoute[] {
  return [create(tools), addVersion(tools), list(tools), get(tools)];
}

function create(tools: PlanTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/plans",
    summary: "Put a plan on offer",
    roles: ["billing"],
    idempotency: "optional",
    body: newPlan,
    status: 201,
    run: async ({ body }) => {
      const { plan, price } = await createPlan(tools, {
        code: body.code,
        name: body.name,
        amount: rupiah(body.amount),
        interval: body.interval,
        intervalCount: body.interval_count,
        billingDay: body.billing_day ?? null,
        trialDays: body.trial_days ?? null,
        cycles: body.cycles ?? null,
        dunningPolicy: body.dunning_policy ?? null,
      });
      return { ...showPlan(plan, price), warnings: priceWarnings(price.amount, tools.minCharge) };
    },
  });
}

function addVersion(tools: PlanTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/plans/:code/versions",
    summary: "Give a plan a new price; running subscriptions keep theirs",
    roles: ["billing"],
    idempotency: "optional",
    body: newVersion,
    status: 201,
    run: async ({ params, body }) => {
      const { plan, price } = await addPlanVersion(tools, {
        code: params["code"] ?? "",
        amount: rupiah(body.amount),
        effectiveOn: body.effective_on ?? null,
      });
      return {
        plan: plan.code,
        ...showVersion(price),
        warnings: priceWarnings(price.amount, tools.minCharge),
      };
    },
  });
}

function list({ db, clock, billingZone }: PlanTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/plans",
    summary: "Plans on offer with the price of today",
    roles: EVERYBODY,
    idempotency: "none",
    query: z.strictObject(pageFields),
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
    summary: "A plan with all its prices",
    roles: EVERYBODY,
    idempotency: "none",
    run: async ({ params }) =>
      db.begin(async (tx) => {
        const plan = await planByCode(tx, params["code"] ?? "");
        const today = localDateAt(await clock.now(tx), billingZone);
        const price = (await pricesOn(tx, [plan.id], today)).get(plan.id);
        const versions = await versionsOf(tx, plan.id);
        return { ...showPlan(plan, price), versions: versions.map(showVersion) };
      }),
  });
}

function showPlan(plan: Plan, price: PlanVersion | undefined) {
  return {
    code: plan.code,
    name: plan.name,
    amount: price?.amount ?? null,
    version: price?.number ?? null,
    interval: plan.intervalUnit,
    interval_count: plan.intervalCount,
    billing_day: plan.billingDay,
    trial_days: plan.trialDays,
    cycles: plan.cycles,
    dunning_policy: plan.dunningPolicy,
    created_at: plan.createdAt.toISO(),
  };
}

function showVersion(version: PlanVersion) {
  return {
    version: version.number,
    amount: version.amount,
    effective_on: version.effectiveOn,
    created_at: version.createdAt.toISO(),
  };
}
