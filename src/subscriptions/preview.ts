import { z } from "zod";
import { InvalidError } from "../kernel/errors.ts";
import { rupiah } from "../kernel/money.ts";
import { INTERVAL_NAMES, intervalOf } from "../plans/plan.ts";
import { dateField, rupiahField, wholeField } from "../platform/api-fields.ts";
import { type PreviewRow, previewPeriods } from "./billing-period.ts";
import { makeTerms } from "./make-terms.ts";
import { termFields } from "./term-fields.ts";

/** Fifty years of months: more than anybody reads, and quick. */
const PERIODS_LIMIT = 600;

/** What a preview takes; the zone is only checked, for periods are local dates and the same in every zone. */
export const previewInput = z.strictObject({
  start: dateField().describe("the first day"),
  interval: z
    .enum(INTERVAL_NAMES, { error: `must be one of ${INTERVAL_NAMES.join(", ")}` })
    .describe("what a period is made of"),
  count: wholeField(1, 366).default(1).describe("how many intervals to a period"),
  ...termFields,
  amount: rupiahField().nullish().describe("the price of a whole period, whole rupiah"),
  periods: wholeField(1, PERIODS_LIMIT).default(12).describe("how many to show at most"),
});

/** A preview that is asked of the house: of a plan, or of an interval and an amount. */
export const previewQuestion = previewInput
  .extend({
    plan: z
      .string({ error: "must be the code of a plan" })
      .max(64)
      .nullish()
      .describe("the plan that says interval, price and whatever else is not told"),
    interval: previewInput.shape.interval.optional(),
    count: wholeField(1, 366).optional().describe("how many intervals to a period; 1 unless told"),
  })
  .superRefine(({ plan, interval, count, amount }, context) => {
    const ofPlan = (plan ?? null) !== null;
    const given = { interval, count, amount };
    for (const [name, value] of Object.entries(given)) {
      if (ofPlan && (value ?? null) !== null)
        context.addIssue({
          code: "custom",
          path: [name],
          message: "the plan says it; leave one of the two out",
        });
      if (!ofPlan && name !== "count" && (value ?? null) === null)
        context.addIssue({ code: "custom", path: [name], message: "must be given, or a plan that says it" });
    }
  });

/** The periods that such a subscription would be billed for; amounts are 0 when no price is given. */
export function preview(input: z.output<typeof previewInput>): PreviewRow[] {
  const terms = makeTerms({
    startOn: input.start,
    interval: intervalOf(input.interval, input.count, "count"),
    billingDay: input.billing_day ?? null,
    trialDays: input.trial_days ?? null,
    endsOn: input.ends_on ?? null,
    cycles: input.cycles ?? null,
    amount: rupiah(input.amount ?? 0),
    alignment: input.alignment ?? "anniversary",
    billingMonth: input.billing_month ?? null,
    trialEndsOn: input.trial_ends_on ?? null,
  });
  return previewPeriods(terms, input.periods);
}

/** Digits only: 99.000 is ninety-nine thousand to whoever types it, and 99 to JavaScript. */
function wholeOf(word: string | undefined): number {
  return /^-?\d{1,15}$/.test(word ?? "") ? Number(word) : Number.NaN;
}

const NUMBERS = ["count", "billing_day", "billing_month", "trial_days", "cycles", "amount", "periods"];

/**
 * A preview's input from the words of a command line, by snake_case name; those left undefined were not given.
 * Throws one `InvalidError` that names every wrong one, as `nameOf` calls it.
 */
export function previewInputFromText(
  words: Readonly<Record<string, string | undefined>>,
  nameOf = (field: string) => field,
): z.output<typeof previewInput> {
  const given = Object.entries(words).filter(([, word]) => word !== undefined);
  const values = given.map(([name, word]) => [name, NUMBERS.includes(name) ? wholeOf(word) : word]);
  const parsed = previewInput.safeParse(Object.fromEntries(values));
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({ field: path.join("."), message }));
  const says = errors.map(({ field, message }) => `${nameOf(field)}: ${message}`).join("; ");
  throw new InvalidError(says, { errors });
}
