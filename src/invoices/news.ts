import type { Raw, Verdict } from "../gateway/gateway.ts";
import type { InvoiceId, Reference } from "../kernel/ids.ts";

/** The roads by which we hear of an attempt. */
export type NewsSource = "answer" | "inquiry" | "notification" | "settlement" | "person";

/** One piece of news about one attempt, whoever brings it. */
export type News = {
  readonly invoiceId: InvoiceId;
  readonly attemptNumber: number;
  readonly reference: Reference;
  readonly source: NewsSource;
  readonly verdict: Verdict;
  readonly raw: Raw;
  /** The request row that this answers; null for every other source. */
  readonly requestId: string | null;
  /** The lease under which the answering worker sent; null for news that nobody asked for. */
  readonly leaseNo: number | null;
  /** Real milliseconds since the attempt was last sent, as the database measured them. */
  readonly realMsSinceSent: number;
};
