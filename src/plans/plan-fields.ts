import { z } from "zod";
import { dateField, momentField, referenceField, rupiahField, wholeField } from "../platform/api-fields.ts";
import type { Feasibility } from "./feasibility.ts";
import { INTERVAL_NAMES, type Plan, type PlanVersion } from "./plan.ts";
import { taxLine, WHOLE_BASIS_POINTS } from "./tax.ts";

const nameField = z.string({ error: "must be the plan's name as customers see it" }).trim().min(1).max(100);

/** A rate of tax, e.g. 11 or 11.5; null: no tax is shown. */
const taxField = z
  .number({ error: "must be a percentage, e.g. 11" })
  .gt(0, { error: "must be above 0; null when no tax is to be shown" })
  .max(100, { error: "may be at most 100" })
  .refine((percent) => isBasisPoints(percent * 100), { error: "may have two decimals, e.g. 11.25" })
  .nullish()
  .describe("the tax that is in the price, for information, in percent");

/** What a plan is made of. */
export const newPlan = z.strictObject({
  code: referenceField(),
  name: nameField,
  amount: rupiahField(),
  tax_percent: taxField,
  interval: z
    .enum(INTERVAL_NAMES, { error: `must be one of ${INTERVAL_NAMES.join(", ")}` })
    .describe("what a period is made of"),
  interval_count: wholeField(1, 366).default(1).describe("how many intervals to a period"),
  billing_day: wholeField(1, 31)
    .nullish()
    .describe("day of the month on which periods begin, after a short first one; for months and years"),
  trial_days: wholeField(0, 730).nullish().describe("days that are not billed at the beginning"),
  cycles: wholeField(1, 1200)
    .nullish()
    .describe("how many invoices there will be in all; no end unless told"),
  dunning_policy: referenceField()
    .nullish()
    .describe("the name of its dunning policy; only the built-in one is there yet"),
});

export const newVersion = z.strictObject({
  amount: rupiahField(),
  tax_percent: taxField.describe("in percent; not given: as with the newest price; null: none is shown"),
  effective_on: dateField().optional(),
});

export const planUpdate = z.strictObject({
  name: nameField.optional(),
  archived: z
    .boolean({ error: "must be true or false" })
    .optional()
    .describe("true: no new subscriptions; running ones go on"),
});

/** Basis points of a percentage; null and undefined stay what they are. */
export function basisPointsOf<Absent extends null | undefined>(percent: number | Absent): number | Absent {
  return typeof percent === "number" ? Math.round(percent * 100) : percent;
}

/** Doubles write some percentages a hair off: 1.1 × 100 is 110.00000000000001. */
function isBasisPoints(points: number): boolean {
  return Math.abs(points - Math.round(points)) < 1e-6 && points <= WHOLE_BASIS_POINTS;
}

const taxAnswer = z
  .strictObject({ percent: z.number(), amount: z.int().describe("whole rupiah of the price") })
  .nullable();

const versionFields = {
  version: z.int(),
  amount: z.int(),
  tax: taxAnswer,
  effective_on: dateField(),
  created_at: momentField(),
};
export const versionAnswer = z.strictObject(versionFields);
const warnings = z.array(z.string());
export const pricedAnswer = z.strictObject({ plan: z.string(), ...versionFields, warnings });

export const planAnswer = z.strictObject({
  code: z.string(),
  name: z.string(),
  amount: z.int().nullable().describe("the price of today, whole rupiah, tax included"),
  tax: taxAnswer,
  version: z.int().nullable(),
  interval: z.enum(["day", "week", "month", "year"]),
  interval_count: z.int(),
  billing_day: z.int().nullable(),
  trial_days: z.int().nullable(),
  cycles: z.int().nullable(),
  dunning_policy: z.string().nullable(),
  created_at: momentField(),
  archived_at: momentField().nullable(),
});
export const newPlanAnswer = planAnswer.extend({ warnings });
export const wholePlanAnswer = planAnswer.extend({ versions: z.array(versionAnswer) });

export const feasibilityAnswer = z.strictObject({
  plan: z.string(),
  amount: z.int(),
  charges_per_month: z.int().describe("the most that fall into one calendar month"),
  amount_per_month: z.int().describe("the most that is charged in one calendar month"),
  min_charge: z.int(),
  below_min_charge: z.boolean(),
  wallets: z.array(
    z.strictObject({
      name: z.string(),
      balance_limit: z.int(),
      incoming_limit_per_month: z.int(),
      holds: z.boolean().describe("it can hold the price at all"),
      refills: z.boolean().describe("a month's charges can be paid into it in a month"),
    }),
  ),
  warnings,
});

/** A plan as the API shows it, with the price of today (undefined: it has none yet). */
export function showPlan(plan: Plan, price: PlanVersion | undefined): z.input<typeof planAnswer> {
  return {
    code: plan.code,
    name: plan.name,
    amount: price?.amount ?? null,
    tax: price === undefined ? null : taxLine(price.amount, price.taxBasisPoints),
    version: price?.number ?? null,
    interval: plan.intervalUnit,
    interval_count: plan.intervalCount,
    billing_day: plan.billingDay,
    trial_days: plan.trialDays,
    cycles: plan.cycles,
    dunning_policy: plan.dunningPolicy,
    created_at: plan.createdAt.toISO(),
    archived_at: plan.archivedAt?.toISO() ?? null,
  };
}

export function showVersion(version: PlanVersion): z.input<typeof versionAnswer> {
  return {
    version: version.number,
    amount: version.amount,
    tax: taxLine(version.amount, version.taxBasisPoints),
    effective_on: version.effectiveOn,
    created_at: version.createdAt.toISO(),
  };
}

export function showFeasibility(
  { plan, amount, minCharge }: { readonly plan: string; readonly amount: number; readonly minCharge: number },
  found: Feasibility,
): z.input<typeof feasibilityAnswer> {
  return {
    plan,
    amount,
    charges_per_month: found.chargesPerMonth,
    amount_per_month: found.monthly,
    min_charge: minCharge,
    below_min_charge: found.belowMinCharge,
    wallets: found.tiers.map(({ tier, holds, refills }) => ({
      name: tier.name,
      balance_limit: tier.balance,
      incoming_limit_per_month: tier.incomingPerMonth,
      holds,
      refills,
    })),
    warnings: [...found.warnings],
  };
}
