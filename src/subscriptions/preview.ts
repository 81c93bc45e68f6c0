import { z } from "zod";
import { InvalidError } from "../kernel/errors.ts";
import { rupiah } from "../kernel/money.ts";
import { isZone } from "../kernel/time.ts";
import { INTERVAL_NAMES, intervalOf } from "../plans/plan.ts";
import { dateField, rupiahField, wholeField } from "../platform/api-fields.ts";
import { ALIGNMENTS } from "./alignment.ts";
import { type PreviewRow, previewPeriods } from "./billing-period.ts";
import { makeTerms } from "./make-terms.ts";

/** Fifty years of months: more than anybody reads, and quick. */
const PERIODS_LIMIT = 600;

/** A zone of the tz database. */
export function zoneField(): z.ZodString {
  const error = "must be a time zone such as Asia/Jakarta, Asia/Makassar or Asia/Jayapura";
  return z.string({ error }).refine(isZone, { error });
}

/** What a preview takes; the zone is only checked, for periods are local dates and the same in every zone. */
export const previewInput = z.strictObject({
  start: dateField(),
  interval: z.enum(INTERVAL_NAMES, { error: `must be one of ${INTERVAL_NAMES.join(", ")}` }),
  count: wholeField(1, 366).default(1),
  billing_day: wholeField(1, 31).nullish(),
  zone: zoneField().nullish(),
  alignment: z.enum(ALIGNMENTS, { error: `must be one of ${ALIGNMENTS.join(", ")}` }).nullish(),
  billing_month: wholeField(1, 12).nullish(),
  trial_days: wholeField(0, 730).nullish(),
  trial_ends_on: dateField().nullish(),
  ends_on: dateField().nullish(),
  cycles: wholeField(1, 1200).nullish(),
  amount: rupiahField().nullish(),
  periods: wholeField(1, PERIODS_LIMIT).default(12),
});

/** The periods that such a subscription would be billed for; amounts are 0 when no price is given. */
export function preview(input: z.output<typeof previewInput>): PreviewRow[] {
  const terms = makeTerms({
    startOn: input.start,
    interval: intervalOf(input.interval, input.count),
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
 * Throws one `InvalidError` that names every wrong one.
 */
export function previewInputFromText(
  words: Readonly<Record<string, string | undefined>>,
): z.output<typeof previewInput> {
  const given = Object.entries(words).filter(([, word]) => word !== undefined);
  const values = given.map(([name, word]) => [name, NUMBERS.includes(name) ? wholeOf(word) : word]);
  const parsed = previewInput.safeParse(Object.fromEntries(values));
  if (parsed.success) return parsed.data;
  const errors = parsed.error.issues.map(({ path, message }) => ({ field: path.join("."), message }));
  throw new InvalidError(errors.map(({ field, message }) => `${field}: ${message}`).join("; "), { errors });
}
