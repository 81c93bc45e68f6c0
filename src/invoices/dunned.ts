import type { DunningFacts } from "../dunning/dunning-facts.ts";
import type { OtherBill } from "../dunning/overlap.ts";
import type { DunningPolicy } from "../dunning/policy.ts";
import { dateAt } from "../dunning/wall-clock.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { type Facts, liveAttempt } from "./facts.ts";

/** What planning an invoice depends on besides itself. */
export type Dunned = {
  /** Its own, of the version it began with. */
  readonly policy: DunningPolicy;
  readonly holidays: ReadonlySet<LocalDate>;
  /** The day of the subscription's next bill as things stand; null: there is none. */
  readonly nextBillOn: LocalDate | null;
  /** Requests by plan to the customer's wallet on the last day that had any. */
  readonly wallet: { readonly day: LocalDate; readonly requests: number } | null;
  /** The customer's other open invoices that are being collected. */
  readonly others: readonly OtherBill[];
};

/** The facts of one invoice as the policy's questions want them. */
export function dunningFactsOf(
  { invoice, attempts }: Pick<Facts, "invoice" | "attempts">,
  { policy, nextBillOn, wallet, others }: Dunned,
  now: Instant,
): DunningFacts {
  const today = dateAt(now, policy.zone);
  return {
    invoiceId: invoice.id,
    amount: invoice.amount,
    billsOn: invoice.billsOn,
    firstTryAt: invoice.firstFailedAt === null && invoice.outcome === null ? invoice.plannedTryAt : null,
    nextBillOn: invoice.firstFailedAt === null ? billAfter(nextBillOn, today) : invoice.nextBillOn,
    firstFailedAt: invoice.firstFailedAt,
    declineClass: invoice.declineClass,
    seen: invoice.outcome,
    inDoubt: liveAttempt({ attempts }) !== null,
    requests: {
      ofBill: invoice.requestsUsed,
      ofBillToday: invoice.requestedOn === today ? 1 : 0,
      ofCustomerToday: wallet?.day === today ? wallet.requests : 0,
    },
    others,
  };
}

/** A bill that is late already says nothing about when the next one competes with this. */
export function billAfter(nextBillOn: LocalDate | null, today: LocalDate): LocalDate | null {
  return nextBillOn !== null && nextBillOn > today ? nextBillOn : null;
}
