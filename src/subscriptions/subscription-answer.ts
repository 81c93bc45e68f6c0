import { z } from "zod";
import { BINDING_STATES } from "../customers/binding.ts";
import { dateField, momentField } from "../platform/api-fields.ts";
import { ALIGNMENTS } from "./alignment.ts";
import { CATCH_UP_POLICIES } from "./opening.ts";
import { SUBSCRIPTION_STATES } from "./subscription.ts";

/** A discount; one of `percent` and `amount` is null. */
export const discountAnswer = z.strictObject({
  id: z.uuid(),
  percent: z.int().nullable(),
  amount: z.int().nullable().describe("whole rupiah"),
  from_index: z.int(),
  periods: z.int().nullable().describe("null for ever"),
  reason: z.string(),
  created_by: z.string(),
  created_at: momentField(),
  ended_at: momentField().nullable(),
});

/** A subscription with what is billed next. */
export const subscriptionAnswer = z.strictObject({
  reference: z.string(),
  customer: z.string(),
  plan: z.string(),
  plan_version: z.int(),
  amount: z.int().describe("the price that was agreed, whole rupiah"),
  state: z.enum(SUBSCRIPTION_STATES),
  binding_state: z.enum(BINDING_STATES).nullable(),
  next_invoice_on: dateField().nullable(),
  next_invoice_at: momentField().nullable(),
  next_amount: z.int().nullable().describe("what would be billed next, whole rupiah"),
  zone: z.string(),
  start_on: dateField(),
  interval: z.enum(["day", "week", "month", "year"]),
  interval_count: z.int(),
  alignment: z.enum(ALIGNMENTS),
  billing_day: z.int().nullable(),
  billing_month: z.int().nullable(),
  counted_from: z.strictObject({ on: dateField(), index: z.int() }).nullable(),
  trial_ends_on: dateField().nullable(),
  ends_on: dateField().nullable(),
  cycles: z.int().nullable(),
  catch_up_policy: z.enum(CATCH_UP_POLICIES).nullable().describe("null: the house's"),
  collection_hold: z.boolean(),
  hold: z.strictObject({ owner: z.string(), reason: z.string(), ends_on: dateField().nullable() }).nullable(),
  paused_at: momentField().nullable(),
  resumes_on: dateField().nullable(),
  cancel_at_period_end: z.boolean(),
  cancels_on: dateField()
    .nullable()
    .describe("where it is canceled at the period's end: that day, the first that is not billed"),
  credit: z.int(),
  rollover: z.int(),
  created_at: momentField(),
  activated_at: momentField().nullable(),
  ended_at: momentField().nullable(),
  end_reason: z.string().nullable(),
  discounts: z.array(discountAnswer),
  price_changes: z.array(z.strictObject({ effective_on: dateField(), amount: z.int() })),
});
