import { rupiah } from "../../src/kernel/money.ts";
import type { IntervalUnit } from "../../src/plans/plan.ts";
import type { Terms } from "../../src/subscriptions/billing-period.ts";
import { nextWake, type Standing } from "../../src/subscriptions/opening.ts";

/** Terms without end, of 99,000 rupiah, that differ by what a test is about. */
export function someTerms(
  startOn: string,
  unit: IntervalUnit,
  more: Partial<Terms> & { readonly count?: number } = {},
): Terms {
  const { count = 1, ...rest } = more;
  const open = { billingDay: null, trialEndsOn: null, endsOn: null, cycles: null, amount: rupiah(99_000) };
  return { startOn, interval: { unit, count }, ...open, ...rest };
}

/** A subscription whose periods before `nextIndex` are billed and that waits for the next one's day. */
export function standingOf(terms: Terms, zone: string, windowFrom: string | null, nextIndex = 0): Standing {
  const nextInvoiceAt = nextWake({ terms, nextIndex, zone }, windowFrom);
  return { terms, zone, nextIndex, nextInvoiceAt, lastOpenedOn: null };
}
