// What was paid, by reference; and what must not happen: a second payment for one debt.
import type { Payment } from "./wire.ts";

/** Counts since the last reset. */
export type LedgerSummary = {
  /** Payments taken: money moved. */
  readonly payments: number;
  /** Payment calls under a reference that was paid already; refused. */
  readonly refusedTwice: number;
  /** Payments beyond the first for one debt (a reference without its attempt number). */
  readonly duplicates: number;
};

export type Ledger = {
  /** Takes a payment; null when its reference was taken before. */
  pay(reference: string, externalId: string, value: string, at: number): Payment | null;
  find(reference: string): Payment | undefined;
  summary(): LedgerSummary;
  /** Epoch milliseconds at which the first byte of each payment call was seen, in order of arrival. */
  firstBytes(): readonly number[];
  reset(): void;
};

export function openLedger(): Ledger {
  const payments = new Map<string, Payment>();
  const debts = new Map<string, number>();
  let firstBytes: number[] = [];
  let refusedTwice = 0;
  let made = 0;
  return {
    pay: (reference, externalId, value, at) => {
      if (payments.has(reference)) {
        refusedTwice += 1;
        return null;
      }
      made += 1;
      const gatewayReference = `G${made.toString().padStart(15, "0")}`;
      const payment = { reference, gatewayReference, externalId, value };
      payments.set(reference, payment);
      const debt = reference.slice(0, reference.lastIndexOf("-"));
      debts.set(debt, (debts.get(debt) ?? 0) + 1);
      firstBytes.push(at);
      return payment;
    },
    find: (reference) => payments.get(reference),
    summary: () => ({
      payments: payments.size,
      refusedTwice,
      duplicates: payments.size - debts.size,
    }),
    firstBytes: () => firstBytes,
    reset: () => {
      payments.clear();
      debts.clear();
      firstBytes = [];
      refusedTwice = 0;
    },
  };
}
