import type { Seen } from "../dunning/dunning-facts.ts";
import type { DeclineClass } from "../gateway/gateway.ts";
import type { CustomerId, InvoiceId, SubscriptionId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";

export const INVOICE_STATES = ["open", "paid", "void", "uncollectible"] as const;
export type InvoiceState = (typeof INVOICE_STATES)[number];

/** What an open invoice waits for when no time is set: a wallet, one of our people, the end of a hold, the customer. */
export const WAITING_FOR = ["method", "person", "hold", "customer"] as const;
export type WaitingFor = (typeof WAITING_FOR)[number];

/** One subscription's debt for one billing period. */
export type Invoice = {
  readonly id: InvoiceId;
  readonly subscriptionId: SubscriptionId;
  readonly customerId: CustomerId;
  readonly amount: Rupiah;
  readonly billsOn: LocalDate;
  readonly state: InvoiceState;
  /** When somebody must look at it again, for whatever reason (business time). */
  readonly nextActionAt: Instant | null;
  /** No new charge before this time; an inquiry that is rung in between does not bring the charge forward. */
  readonly retryAt: Instant | null;
  readonly waitingFor: WaitingFor | null;
  readonly leaseNo: number;
  /** The version of the policy that it began with; a code of null is the built-in one. */
  readonly policyCode: string | null;
  readonly policyVersion: number;
  readonly firstFailedAt: Instant | null;
  /** The subscription's next bill day as it was at the first failure; null: there was none, or it was late. */
  readonly nextBillOn: LocalDate | null;
  /** Of the newest failure: `funds` after a short balance, `binding` without a wallet. */
  readonly declineClass: DeclineClass | null;
  /** What was seen of the wallet last. */
  readonly outcome: Seen | null;
  /** When the next request is planned; looks at the balance may come before it. */
  readonly plannedTryAt: Instant | null;
  readonly dunningStep: number;
  /** The last local day on which a request by plan left. */
  readonly requestedOn: LocalDate | null;
  readonly requestsUsed: number;
  /** How often in a row a request could not leave; reset by any answer. */
  readonly notSentCount: number;
  /** How often in a row the balance could not be read. */
  readonly balanceFailures: number;
  /** How often the gateway called it our mistake. */
  readonly configRefusals: number;
  /** Set while a person's "retry now" waits to be answered: the plan does not hold it back. */
  readonly askedAt: Instant | null;
  readonly endReason: string | null;
};

/** When an invoice whose page was not paid is looked at again; null where it waits for something that has no time. */
export function backToPlanAt({ waitingFor }: Pick<Invoice, "waitingFor">, now: Instant): Instant | null {
  return waitingFor === null || waitingFor === "method" ? now : null;
}

/**
 * What becomes of the day's request when nothing was asked of the customer after all: it is given back. What a person
 * asked for was not counted, and leaves a request by plan of the same day as it is.
 */
export function unspent({ askedAt, requestedOn }: Invoice): Pick<Invoice, "requestedOn"> {
  return { requestedOn: askedAt === null ? null : requestedOn };
}
