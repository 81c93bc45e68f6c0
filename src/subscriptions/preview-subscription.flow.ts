import type { z } from "zod";
import { localDateAt } from "../kernel/time.ts";
import { type PreviewRow, previewPeriods } from "./billing-period.ts";
import { planOnOffer, type SubscriptionTools } from "./create-subscription.flow.ts";
import { termsOnPlan } from "./make-terms.ts";
import { preview, previewInput, type previewQuestion } from "./preview.ts";

/**
 * The periods that a subscription made today would be billed for, on a plan at its price of today or on what is told.
 * Throws `NotFoundError` for an unknown plan and `InvalidError` by field.
 */
export async function previewSubscription(
  { db, clock, billingZone }: Pick<SubscriptionTools, "db" | "clock" | "billingZone">,
  { plan: code, ...told }: z.output<typeof previewQuestion>,
): Promise<PreviewRow[]> {
  if (typeof code !== "string") return preview(previewInput.parse(told));
  return db.begin(async (tx) => {
    const today = localDateAt(await clock.now(tx), told.zone ?? billingZone);
    const { plan, price } = await planOnOffer(tx, code, today);
    const said = {
      startOn: told.start,
      alignment: told.alignment ?? null,
      billingDay: told.billing_day ?? null,
      billingMonth: told.billing_month ?? null,
      trialDays: told.trial_days ?? null,
      trialEndsOn: told.trial_ends_on ?? null,
      endsOn: told.ends_on ?? null,
      cycles: told.cycles ?? null,
    };
    return previewPeriods(termsOnPlan(said, plan, { amount: price.amount, today }), told.periods);
  });
}
