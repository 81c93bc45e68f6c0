import { type Attempt, isLive } from "../invoices/attempt.ts";
import type { InvoiceState } from "../invoices/invoice.ts";
import { ConflictError, InvalidError } from "../kernel/errors.ts";
import { formatRupiah, type Rupiah, rupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";

/** What a merchant has agreed with DOKU about refunds; no document says what holds for OVO. */
export type RefundTerms = {
  /** A payment may be given back for this many days. */
  readonly windowDays: number;
  /** Whether a part of a payment may be given back. */
  readonly parts: boolean;
};

type Given = {
  readonly invoice: { readonly state: InvoiceState };
  readonly attempts: readonly Attempt[];
  /** Null: whatever is left. */
  readonly amount: number | null;
  /** Null: the payment that was too much, else the one that paid. */
  readonly attemptNumber: number | null;
  readonly asked: ReadonlyMap<number, { readonly asked: Rupiah; readonly live: string | null }>;
  readonly terms: RefundTerms;
  readonly now: Instant;
};

/** Which payment a refund is taken from, and how much of it; throws in words when there is none. */
export function choosePayment(given: Given): { readonly attempt: Attempt; readonly amount: Rupiah } {
  const live = given.attempts.find(isLive);
  if (live !== undefined)
    throw new ConflictError(`attempt ${live.reference} is ${live.state}: wait until its fate is known`);
  const paid = given.attempts.filter((attempt) => attempt.state === "succeeded");
  if (paid.length === 0) throw new ConflictError("nothing was paid for this invoice");
  const attempt = pick(given, paid);
  const { asked, live: unsettled } = given.asked.get(attempt.number) ?? { asked: rupiah(0), live: null };
  if (unsettled !== null)
    throw new ConflictError(`refund ${unsettled} is not settled: wait until its fate is known`);
  const left = attempt.amount - asked;
  if (left <= 0) throw new ConflictError(`all of ${attempt.reference} was given back already`);
  const { windowDays, parts } = given.terms;
  if (attempt.closedAt !== null && given.now > attempt.closedAt.plus({ days: windowDays }))
    throw new ConflictError(
      `${attempt.reference} was paid more than ${windowDays} days ago: pay out by hand`,
    );
  const amount = given.amount ?? left;
  if (amount > left)
    throw new InvalidError(`amount: at most ${formatRupiah(left)} are left of ${attempt.reference}`, {
      field: "amount",
    });
  if (amount !== attempt.amount && !parts)
    throw new InvalidError(
      `amount: only the whole ${formatRupiah(attempt.amount)} may be given back; parts are switched off (REFUND_PARTS)`,
      { field: "amount" },
    );
  return { attempt, amount: rupiah(amount) };
}

/** Surplus first: of a paid invoice all but the first payment, of any other every payment. */
function pick({ invoice, attemptNumber, asked }: Given, paid: readonly Attempt[]): Attempt {
  if (attemptNumber !== null) {
    const named = paid.find((attempt) => attempt.number === attemptNumber);
    if (named === undefined)
      throw new InvalidError(`attempt: ${attemptNumber} is no payment of this invoice`, { field: "attempt" });
    return named;
  }
  const inOrder = [...paid].sort(
    (a, b) => (a.closedAt?.toMillis() ?? 0) - (b.closedAt?.toMillis() ?? 0) || a.number - b.number,
  );
  const [first, ...surplus] = inOrder;
  const order = invoice.state === "paid" && first !== undefined ? [...surplus, first] : inOrder;
  const hasMoney = (attempt: Attempt) => (asked.get(attempt.number)?.asked ?? 0) < attempt.amount;
  return order.find(hasMoney) ?? (order.at(-1) as Attempt);
}
