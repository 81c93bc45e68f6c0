import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import { billingPeriod, periodOn, type Terms } from "./billing-period.ts";
import { daysBetween, plusDays } from "./local-date.ts";
import { wakeAt } from "./wake-at.ts";

export type Activation =
  | {
      readonly kind: "running";
      readonly state: "trialing" | "active";
      readonly startOn: LocalDate;
      readonly trialEndsOn: LocalDate | null;
      readonly nextIndex: number;
      readonly nextInvoiceAt: Instant;
    }
  /** Everything it would have billed lies in the past. */
  | { readonly kind: "over" };

/**
 * What a subscription becomes at `now`, the moment its customer's wallet is first linked. Billing begins with the
 * period that contains that day: nothing is charged for the past. Nor for a period before `nextIndex`: an imported
 * subscription was billed for it elsewhere.
 */
export function activation(
  subscription: {
    readonly terms: Terms;
    readonly zone: string;
    readonly startFloats: boolean;
    readonly nextIndex: number;
  },
  now: Instant,
  windowFrom: string | null,
): Activation {
  const { zone, startFloats, nextIndex } = subscription;
  const today = localDateAt(now, zone);
  const terms = startFloats ? startingOn(subscription.terms, today) : subscription.terms;
  const running = periodOn(terms, today);
  const period = running !== null && running.index < nextIndex ? billingPeriod(terms, nextIndex) : running;
  if (period === null) return { kind: "over" };
  const { startOn, trialEndsOn } = terms;
  return {
    kind: "running",
    state: trialEndsOn !== null && today < trialEndsOn ? "trialing" : "active",
    startOn,
    trialEndsOn,
    nextIndex: period.index,
    nextInvoiceAt: wakeAt(period.billsOn, zone, windowFrom),
  };
}

/** The trial keeps its length. */
function startingOn(terms: Terms, startOn: LocalDate): Terms {
  const { trialEndsOn } = terms;
  const moved = trialEndsOn === null ? null : plusDays(startOn, daysBetween(terms.startOn, trialEndsOn));
  return { ...terms, startOn, trialEndsOn: moved };
}
