import { EntitySchema } from "typeorm";
import { instantColumn, rupiahColumn } from "../platform/columns.ts";
import type { Plan, PlanVersion } from "./plan.ts";

export const planTable = new EntitySchema<Plan>({
  name: "Plan",
  tableName: "plans",
  columns: {
    id: { type: "uuid", primary: true },
    code: { type: "text" },
    name: { type: "text" },
    intervalUnit: { type: "text", name: "interval_unit" },
    intervalCount: { type: "int", name: "interval_count" },
    billingDay: { type: "int", name: "billing_day", nullable: true },
    trialDays: { type: "int", name: "trial_days", nullable: true },
    cycles: { type: "int", nullable: true },
    dunningPolicy: { type: "text", name: "dunning_policy", nullable: true },
    createdAt: { ...instantColumn, name: "created_at" },
    archivedAt: { ...instantColumn, name: "archived_at", nullable: true },
  },
});

export const planVersionTable = new EntitySchema<PlanVersion>({
  name: "PlanVersion",
  tableName: "plan_versions",
  columns: {
    id: { type: "uuid", primary: true },
    planId: { type: "uuid", name: "plan_id" },
    number: { type: "int" },
    amount: { ...rupiahColumn },
    taxBasisPoints: { type: "int", name: "tax_basis_points", nullable: true },
    effectiveOn: { type: "date", name: "effective_on" },
    createdAt: { ...instantColumn, name: "created_at" },
  },
});
