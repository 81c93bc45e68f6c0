import type { Identity } from "./identity.ts";

/** What every contender is given: the same gateway, the same PostgreSQL, a database of its own. */
export type Stage = {
  readonly databaseUrl: string;
  readonly redisUrl: string | null;
  readonly gatewayUrl: string;
  /** Where the gateway sends its notifications. */
  readonly merchantPort: number;
  readonly identity: Identity;
  /** How long the gateway thinks about each call. */
  readonly latencyMs: number;
  /** How many invoices all batches of the run have together. */
  readonly invoices: number;
  /** For logs. */
  readonly folder: string;
  /** Where processes leave their CPU profiles; null: none. */
  readonly profileFolder: string | null;
};

/** Invoices `from` up to but without `to`, in the order in which they were made. */
export type Batch = { readonly from: number; readonly to: number };

/** A contender with its processes up and every invoice due far in the future. */
export type Running = {
  readonly processes: readonly { readonly name: string; readonly pid: number }[];
  /** Makes a batch fall due at `at`, a moment that has not come yet. */
  schedule(batch: Batch, at: Date): Promise<void>;
  /** Invoices whose notification was handled, of all batches. */
  countPaid(): Promise<number>;
  /** Epoch milliseconds at which each invoice of the batch became paid, by the contender's own rows. */
  paidAt(batch: Batch): Promise<number[]>;
  stop(): Promise<void>;
};

export type Contender = {
  readonly name: string;
  open(stage: Stage): Promise<Running>;
};
