import type { InvoiceId, SubscriptionId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";

/** One place where a rule does not hold. */
export type Broken = {
  /** What it is about, so that the same break met again is the same one. */
  readonly subject: string;
  readonly invoiceId: InvoiceId | null;
  readonly subscriptionId: SubscriptionId | null;
  /** The fact, in words. */
  readonly says: string;
};

/** What besides the rows themselves decides whether a rule holds. */
export type RuleFacts = {
  /** Business time. */
  readonly now: Instant;
  /** How long something may be due before that nobody did it is a break; business ms (of deliveries: real ms). */
  readonly patienceMs: number;
};

/** Something that must hold of all rows, whatever happened to them. */
export type Rule = {
  /** Lower case with underscores; the first part of an exception's subject, so it never changes its meaning. */
  readonly name: string;
  /** What holds, as a sentence. */
  readonly says: string;
  /** Up to `limit` places where it does not, in a total order; reads only, in the snapshot it is given. */
  readonly find: (tx: Tx, facts: RuleFacts, limit: number) => Promise<Broken[]>;
};
