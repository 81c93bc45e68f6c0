import { groupBy } from "../kernel/group.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { HOUSE_CATCH_UP_POLICY, openNow, type Standings } from "../subscriptions/catch-up.ts";
import type { CatchUpPolicy, Opening } from "../subscriptions/opening.ts";
import type { Subscription } from "../subscriptions/subscription.ts";

/** What a due subscription does at this moment, in order; `cancels`: it ends, for somebody said so before. */
export type Turn = {
  readonly subscription: Subscription;
  readonly openings: readonly (Opening | { readonly kind: "cancels" })[];
};

/** Everything of one customer that bears on what opens. */
export type CustomerToBill = {
  readonly subscriptions: readonly Subscription[];
  /** Invoices that were opened before, by local day; days that are over may be left out. */
  readonly opened: ReadonlyMap<LocalDate, number>;
};

/** The policy by which a subscription catches up: its own choice, else the house's. */
export function catchUpPolicyOf({ catchUpPolicy }: Pick<Subscription, "catchUpPolicy">): CatchUpPolicy {
  return catchUpPolicy ?? HOUSE_CATCH_UP_POLICY;
}

/** Those of the customer's subscriptions for which there is still something to open. */
export function standingsOf(subscriptions: readonly Subscription[]): Standings[] {
  return subscriptions
    .filter(({ nextInvoiceAt, cancelAtPeriodEnd }) => nextInvoiceAt !== null && !cancelAtPeriodEnd)
    .map(({ reference, catchUpPolicy: policy, terms, zone, nextIndex, nextInvoiceAt, lastOpenedOn }) => ({
      reference,
      policy,
      standing: { terms, zone, nextIndex, nextInvoiceAt, lastOpenedOn },
    }));
}

/** What happens now to the due subscriptions of one customer: what is on its day, then what is late. */
export function turnsOf(
  { subscriptions, opened }: CustomerToBill,
  { now, windowFrom }: { readonly now: Instant; readonly windowFrom: string | null },
): Turn[] {
  const rules = { now, windowFrom, policy: HOUSE_CATCH_UP_POLICY, opened };
  const { steps } = openNow(standingsOf(subscriptions), rules);
  const stepsOf = groupBy(steps, (step) => step.reference);
  return subscriptions.flatMap((subscription): Turn[] => {
    const { nextInvoiceAt, cancelAtPeriodEnd, reference } = subscription;
    if (nextInvoiceAt === null || nextInvoiceAt > now) return [];
    if (cancelAtPeriodEnd) return [{ subscription, openings: [{ kind: "cancels" }] }];
    return [{ subscription, openings: (stepsOf.get(reference) ?? []).map(({ opening }) => opening) }];
  });
}
