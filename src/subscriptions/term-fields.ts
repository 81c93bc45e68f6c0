import { z } from "zod";
import { isZone } from "../kernel/time.ts";
import { dateField, wholeField } from "../platform/api-fields.ts";
import { ALIGNMENTS } from "./alignment.ts";

/** A zone of the tz database. */
export function zoneField(): z.ZodString {
  const error = "must be a time zone such as Asia/Jakarta, Asia/Makassar or Asia/Jayapura";
  return z.string({ error }).refine(isZone, { error });
}

/** What people may say about a subscription's calendar, when it begins and in a preview. */
export const termFields = {
  alignment: z
    .enum(ALIGNMENTS, { error: `must be one of ${ALIGNMENTS.join(", ")}` })
    .nullish()
    .describe("where periods begin: on its own day (unless told), or on Mondays, the 1st, calendar quarters"),
  billing_day: wholeField(1, 31)
    .nullish()
    .describe(
      "day of the month on which periods begin, after a short first one; the first day's unless told",
    ),
  billing_month: wholeField(1, 12)
    .nullish()
    .describe("a month in which a period begins, for years and steps that divide one"),
  trial_days: wholeField(0, 730).nullish().describe("days that are not billed at the beginning"),
  trial_ends_on: dateField().nullish().describe("instead of trial_days: the first day that is billed"),
  zone: zoneField().nullish().describe("the time zone of its days; BILLING_ZONE unless told"),
  ends_on: dateField().nullish().describe("the first day that is not billed any more"),
  cycles: wholeField(1, 1200)
    .nullish()
    .describe("how many invoices there will be in all; no end unless told"),
};
