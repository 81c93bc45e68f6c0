import type { InvoiceId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { DunningFacts } from "./dunning-facts.ts";
import type { DunningPolicy } from "./policy.ts";

/** An open invoice that keeps an older or newer version, locked. */
export type RunningInvoice = {
  readonly id: InvoiceId;
  readonly version: number;
  /** Null: nothing has failed yet, or it waits for something that no policy moves. */
  readonly facts: DunningFacts | null;
  readonly plannedAt: Instant | null;
};

export type MovedInvoice = {
  readonly id: InvoiceId;
  readonly fromVersion: number;
  readonly before: Instant | null;
  /** The same as `before`: only its later steps follow the other version. */
  readonly after: Instant | null;
};

/** What the room of invoices gives: theirs are the rows. */
export type RunningInvoices = {
  /** Open invoices of the policy that have another version, behind `after`, locked in id order. */
  readonly lockPage: (
    tx: Tx,
    of: { readonly policy: DunningPolicy; readonly after: InvoiceId | null; readonly now: Instant },
    limit: number,
  ) => Promise<RunningInvoice[]>;
  /** Gives them their version and time, each with a decision that says so. */
  readonly save: (
    tx: Tx,
    moved: readonly MovedInvoice[],
    to: DunningPolicy,
    by: { readonly actor: string; readonly now: Instant },
  ) => Promise<void>;
};
