import type { CustomerId, PlanId, PlanVersionId, SubscriptionId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { Terms } from "./billing-period.ts";

export const SUBSCRIPTION_STATES = [
  "incomplete",
  "trialing",
  "active",
  "past_due",
  "unpaid",
  "paused",
  "canceled",
  "completed",
] as const;
export type SubscriptionState = (typeof SUBSCRIPTION_STATES)[number];

/** One customer's agreement to a plan version. */
export type Subscription = {
  readonly id: SubscriptionId;
  readonly reference: string;
  readonly customerId: CustomerId;
  readonly planId: PlanId;
  readonly planVersionId: PlanVersionId;
  readonly state: SubscriptionState;
  /** In which its dates are days (IANA). */
  readonly zone: string;
  readonly terms: Terms;
  /** True until the first activation when no start was asked for: then it starts on that day. */
  readonly startFloats: boolean;
  /** Index of the next period to bill. */
  readonly nextIndex: number;
  /** When to bill it; null: never (again), or not yet. */
  readonly nextInvoiceAt: Instant | null;
  /** The local day on which an invoice was last opened. */
  readonly lastOpenedOn: LocalDate | null;
  readonly collectionHold: boolean;
  /** What the customer is owed and the next invoices use up. */
  readonly credit: Rupiah;
};

/** A subscription to bill, locked, with what its invoices depend on. */
export type DueSubscription = Subscription & {
  readonly amount: Rupiah;
  readonly nextInvoiceAt: Instant;
};

/** What billing changes about a subscription. */
export type Schedule = {
  readonly id: SubscriptionId;
  readonly state: SubscriptionState;
  readonly nextIndex: number;
  readonly nextInvoiceAt: Instant | null;
  readonly lastOpenedOn: LocalDate | null;
  readonly credit: Rupiah;
  readonly endedAt: Instant | null;
  readonly endReason: string | null;
};
