import type { Rule } from "./rule.ts";
import { amountsAreSums } from "./rules/amounts-are-sums.store.ts";
import { attemptStatesAgree } from "./rules/attempt-states-agree.store.ts";
import { creditIsConserved } from "./rules/credit-is-conserved.store.ts";
import { deliveriesHaveEvidence } from "./rules/deliveries-have-evidence.store.ts";
import { evidenceExplains } from "./rules/evidence-explains.store.ts";
import { invoiceStatesAgree } from "./rules/invoice-states-agree.store.ts";
import { liveAttemptsAreAttended } from "./rules/live-attempts-are-attended.store.ts";
import { oneLiveAttempt } from "./rules/one-live-attempt.store.ts";
import { onePaymentPerReference } from "./rules/one-payment-per-reference.store.ts";
import { oneSuccessPerPeriod } from "./rules/one-success-per-period.store.ts";
import { openInvoicesAreAttended } from "./rules/open-invoices-are-attended.store.ts";
import { paidInvoicesHaveMoney } from "./rules/paid-invoices-have-money.store.ts";
import { periodsTile } from "./rules/periods-tile.store.ts";
import { refundsAreExplained } from "./rules/refunds-are-explained.store.ts";
import { refundsWithinPayments } from "./rules/refunds-within-payments.store.ts";
import { rolloverIsConserved } from "./rules/rollover-is-conserved.store.ts";
import { rungInquiriesAreMade } from "./rules/rung-inquiries-are-made.store.ts";
import { schedulesKeepUp } from "./rules/schedules-keep-up.store.ts";
import { subscriptionStatesAgree } from "./rules/subscription-states-agree.store.ts";
import { sumsTie } from "./rules/sums-tie.store.ts";

/** What must hold of every house at every moment: the worst first, for a run stops at the first that is broken. */
export const RULES: readonly Rule[] = [
  oneSuccessPerPeriod,
  onePaymentPerReference,
  oneLiveAttempt,
  evidenceExplains,
  paidInvoicesHaveMoney,
  refundsWithinPayments,
  amountsAreSums,
  creditIsConserved,
  rolloverIsConserved,
  periodsTile,
  schedulesKeepUp,
  openInvoicesAreAttended,
  liveAttemptsAreAttended,
  rungInquiriesAreMade,
  refundsAreExplained,
  deliveriesHaveEvidence,
  invoiceStatesAgree,
  attemptStatesAgree,
  subscriptionStatesAgree,
  sumsTie,
];
