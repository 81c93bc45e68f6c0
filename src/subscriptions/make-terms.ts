import { InvalidError } from "../kernel/errors.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { Interval } from "../plans/plan.ts";
import type { Terms } from "./billing-period.ts";
import { plusDays } from "./local-date.ts";

/** Terms from what people say; throws `InvalidError` when nothing would ever be billed. */
export function makeTerms(given: {
  readonly startOn: LocalDate;
  readonly interval: Interval;
  readonly billingDay: number | null;
  readonly trialDays: number | null;
  readonly endsOn: LocalDate | null;
  readonly cycles: number | null;
  readonly amount: Rupiah;
}): Terms {
  const { trialDays, ...terms } = given;
  const { startOn, endsOn } = terms;
  const trialEndsOn = trialDays === null || trialDays === 0 ? null : plusDays(startOn, trialDays);
  if (endsOn !== null && endsOn <= startOn) {
    throw new InvalidError(`ends_on: ${endsOn} must be after the start, ${startOn}`, { field: "ends_on" });
  }
  if (endsOn !== null && trialEndsOn !== null && endsOn <= trialEndsOn) {
    const says = `ends_on: ${endsOn} must be after the trial, which ends on ${trialEndsOn}; before it nothing is billed`;
    throw new InvalidError(says, { field: "ends_on" });
  }
  return { ...terms, trialEndsOn };
}
