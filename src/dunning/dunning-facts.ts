import type { DeclineClass } from "../gateway/gateway.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import type { Requests } from "./budget.ts";
import type { OtherBill } from "./overlap.ts";

/** The newest outcome of an invoice, of whatever kind: a step that was planned up to then is done with. */
export type Seen = { readonly at: Instant } & (
  | { readonly kind: "declined"; readonly code: string }
  /** Looked, by a try or a probe, and nothing was asked. */
  | { readonly kind: "balance"; readonly available: Rupiah }
  /** The balance could not be read, `failures` times in a row (≥ 1). */
  | {
      readonly kind: "unread";
      readonly code: string;
      readonly failures: number;
      readonly during: "try" | "probe";
    }
);

/** All that the next step of an open invoice depends on, besides its policy, the holidays and the time. */
export type DunningFacts = {
  readonly invoiceId: InvoiceId;
  readonly amount: Rupiah;
  readonly billsOn: LocalDate;
  /** When the first try was planned as the invoice was opened; null: by the bill day. */
  readonly firstTryAt: Instant | null;
  /** The subscription's first bill day after the day of the first failure; null: there is none. */
  readonly nextBillOn: LocalDate | null;
  readonly firstFailedAt: Instant | null;
  /** Of the newest decline, `funds` after a short balance; null while nothing has failed. */
  readonly declineClass: DeclineClass | null;
  /** Null: nothing was done yet. */
  readonly seen: Seen | null;
  /** An attempt is live: nothing is planned until it is settled. */
  readonly inDoubt: boolean;
  readonly requests: Requests;
  /** The wallet's other open invoices that are being collected. */
  readonly others: readonly OtherBill[];
};
