import type { Plan, PlanVersion } from "./plan.ts";

/** Of a price what decides an invoice. */
export type PlanPrice = Pick<PlanVersion, "id" | "planId" | "number" | "amount" | "effectiveOn">;

/** A plan with the prices it has had and will have, by number. */
export type PricedPlan = { readonly plan: Plan; readonly prices: readonly PlanPrice[] };
