import { z } from "zod";
import { dateField, momentField } from "../platform/api-fields.ts";
import { INVOICE_STATES, WAITING_FOR } from "./invoice.ts";

/** An invoice as lists show it. */
export const invoiceAnswer = z.strictObject({
  id: z.uuid(),
  subscription: z.string(),
  customer: z.string(),
  plan: z.string(),
  kind: z.enum(["period", "change"]),
  period_index: z.int(),
  period_start: dateField(),
  period_end: dateField().describe("the first day that is not in the period any more"),
  bills_on: dateField(),
  amount: z.int().describe("whole rupiah, the sum of its lines, tax included"),
  tax: z
    .strictObject({ percent: z.number(), amount: z.int() })
    .nullable()
    .describe("the tax in the amount, for information; null: its price names no rate"),
  state: z.enum(INVOICE_STATES),
  waiting_for: z.enum(WAITING_FOR).nullable(),
  next_action_at: momentField().nullable(),
  first_failed_at: momentField().nullable(),
  dunning_step: z.int(),
  end_reason: z.string().nullable(),
  created_at: momentField(),
  paid_at: momentField().nullable(),
  closed_at: momentField().nullable(),
  reissue_of: z.uuid().nullable().describe("the void invoice in whose place it was issued"),
  reissued_as: z.uuid().nullable().describe("the invoice that was issued in its place"),
  paid_by_hand: z.boolean(),
  refunded: z.int(),
});

/** One invoice with its lines and what was paid by hand. */
export const wholeInvoiceAnswer = invoiceAnswer.extend({
  lines: z.array(
    z.strictObject({
      number: z.int(),
      kind: z.enum(["period", "proration", "discount", "credit", "rollover"]),
      amount: z.int().describe("whole rupiah with its sign"),
      note: z.string(),
    }),
  ),
  manual_payments: z.array(
    z.strictObject({
      amount: z.int(),
      paid_on: dateField(),
      proof: z.string(),
      reason: z.string(),
      forced: z.boolean(),
      recorded_by: z.string(),
      recorded_at: momentField(),
      reversed_at: momentField().nullable(),
      reversed_by: z.string().nullable(),
      reversal_reason: z.string().nullable(),
    }),
  ),
});

/** One decision about an invoice. */
export const decisionAnswer = z.strictObject({
  id: z.string(),
  at: momentField(),
  rule: z.string(),
  says: z.string(),
  attempt_number: z.int().nullable(),
  facts: z.record(z.string(), z.unknown()),
  policy_version: z.int(),
  next_action_at: momentField().nullable(),
});
