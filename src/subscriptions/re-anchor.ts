import { InvariantError } from "../kernel/errors.ts";
import type { LocalDate } from "../kernel/time.ts";
import { isByMonths } from "../plans/plan.ts";
import { anchorDate } from "./alignment.ts";
import { billingPeriod, periodOn, type Terms } from "./billing-period.ts";
import { dayOfMonth } from "./local-date.ts";

/**
 * Which day later periods begin on: `keep` the one they had (also when `on` is a clamped day), `move` to the day of
 * `on` unless a billing day was chosen, or a newly chosen day 1–31. Day and week plans count from `on` in any case.
 */
export type AnchorChoice = "keep" | "move" | number;

/**
 * Terms under which period `index` begins `on`, by somebody's explicit choice; nothing else ever moves an anchor.
 * Where the choice is a later day of the month, that period is a short one. Trial and start are history then.
 */
export function reanchor(
  terms: Terms,
  { index, on, choice }: { readonly index: number; readonly on: LocalDate; readonly choice: AnchorChoice },
): Terms {
  if (index < (terms.countedFrom?.index ?? 0))
    throw new InvariantError("an anchor moves forward only", { index });
  const counted = { ...terms, countedFrom: { on, index } };
  if (choice === "move") return counted;
  if (choice === "keep") return { ...counted, billingDay: keptDay(terms) };
  return { ...counted, billingDay: choice, alignment: "anniversary" };
}

function keptDay(terms: Terms): number | null {
  return isByMonths(terms.interval) && terms.alignment !== "calendar"
    ? (terms.billingDay ?? dayOfMonth(anchorDate(terms)))
    : terms.billingDay;
}

/**
 * Terms after a time that is not billed (a pause, a skipped period): period `index` is the first one that begins on or
 * after `on`, on the old grid (`keep`), or begins `on` itself (`move`). The number of invoices to come stays the same.
 * Null when the subscription is over by then.
 */
export function resumedTerms(
  terms: Terms,
  { index, on, choice }: { readonly index: number; readonly on: LocalDate; readonly choice: "keep" | "move" },
): Terms | null {
  const start = choice === "move" ? on : firstBoundaryFrom(terms, on);
  const resumed = reanchor(terms, { index, on: start, choice });
  return billingPeriod(resumed, index) === null ? null : resumed;
}

function firstBoundaryFrom(terms: Terms, on: LocalDate): LocalDate {
  // Without its ends: whether anything is left is asked of the resumed terms.
  const period = periodOn({ ...terms, cycles: null, endsOn: null }, on);
  if (period === null) return on;
  return period.start >= on ? period.start : period.end;
}
