import type { CustomerId, PlanId, PlanVersionId, SubscriptionId } from "../kernel/ids.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { Terms } from "./billing-period.ts";
import type { CatchUpPolicy } from "./opening.ts";

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

/** Why nothing is charged although invoices are made. */
export type Hold = {
  /** Who answers for it: a person or a team. */
  readonly owner: string;
  readonly reason: string;
  /** The first day on which it no longer holds; null: until it is released. */
  readonly endsOn: LocalDate | null;
};

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
  /** `amount` is the price of `planVersionId`; dated price changes are apart (`priceOfPeriod`). */
  readonly terms: Terms;
  /** True until the first activation when no start was asked for: then it starts on that day. */
  readonly startFloats: boolean;
  /** Index of the next period to bill. */
  readonly nextIndex: number;
  /** When to bill it; null: never (again), or not yet. */
  readonly nextInvoiceAt: Instant | null;
  /** The local day on which an invoice was last opened. */
  readonly lastOpenedOn: LocalDate | null;
  /** What the customer is owed and the next invoices use up. */
  readonly credit: Rupiah;
  /** What was too small to charge and comes with the next invoice. */
  readonly rollover: Rupiah;
  /** Null: the house's setting. */
  readonly catchUpPolicy: CatchUpPolicy | null;
  /** Null: invoices are charged as usual. */
  readonly hold: Hold | null;
  /** Set while, and only while, it is `paused`. */
  readonly pausedAt: Instant | null;
  /** The day on which a pause ends by itself; null: when somebody ends it. */
  readonly resumesOn: LocalDate | null;
  readonly cancelAtPeriodEnd: boolean;
  readonly endedAt: Instant | null;
  readonly endReason: string | null;
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
  readonly rollover: Rupiah;
  /** As in its terms: a catch-up may move the anchor. */
  readonly countedFrom: Terms["countedFrom"] | null;
  readonly endedAt: Instant | null;
  readonly endReason: string | null;
};

/** A subscription that has just been agreed on: nothing is billed, nothing carried, and it waits for a wallet. */
export function newlyAgreed(
  agreed: Pick<
    Subscription,
    | "id"
    | "reference"
    | "customerId"
    | "planId"
    | "planVersionId"
    | "zone"
    | "terms"
    | "startFloats"
    | "catchUpPolicy"
  >,
): Subscription {
  return {
    ...agreed,
    state: "incomplete",
    nextIndex: 0,
    nextInvoiceAt: null,
    lastOpenedOn: null,
    credit: rupiah(0),
    rollover: rupiah(0),
    hold: null,
    pausedAt: null,
    resumesOn: null,
    cancelAtPeriodEnd: false,
    endedAt: null,
    endReason: null,
  };
}
