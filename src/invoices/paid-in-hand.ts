import { ConflictError, InvalidError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { BillingPeriod } from "../subscriptions/billing-period.ts";
import type { InvoiceState } from "./invoice.ts";

/** An invoice of one period, with what its days are worth. */
export type ChargedInHand = {
  readonly id: InvoiceId;
  readonly kind: "period" | "change";
  readonly state: InvoiceState;
  readonly from: LocalDate;
  readonly to: LocalDate;
  /** Price less discounts: what its days cost, however it was settled. */
  readonly worth: Rupiah;
  /** What of that the customer's credit settled. */
  readonly creditUsed: Rupiah;
  /** Given back of what was paid. */
  readonly refunded: Rupiah;
  /** The invoice that was issued in its place. */
  readonly reissuedAs: InvoiceId | null;
};

/** What the last plan change in period `index` came to: the days that it covers. */
export type ChangeInHand = {
  readonly from: LocalDate;
  readonly worth: Rupiah;
  /** Null: credit settled it, no invoice was needed. */
  readonly invoice: InvoiceId | null;
};

/** What was paid for the days in hand, and the first of these days. */
export type PaidInHand = { readonly paid: Rupiah; readonly since: LocalDate };

export type PaidAsked = {
  readonly inHand: BillingPeriod;
  readonly charged: readonly ChargedInHand[];
  readonly change: ChangeInHand | null;
  /** What somebody says was paid elsewhere; null: nobody said anything. */
  readonly told: Rupiah | null;
};

/**
 * What was really paid for the period in hand, or since the last plan change in it. Throws `ConflictError` naming the
 * invoice while that is not known, and `InvalidError` when nobody can know it but the caller.
 */
export function paidInHand({ inHand, charged, change, told }: PaidAsked): PaidInHand {
  const since = change?.from ?? inHand.start;
  if (change !== null && change.invoice === null) return { since, paid: change.worth };
  const billed = standing(charged, change);
  if (billed === null) return { since, paid: paidElsewhere(inHand, told) };
  if (told !== null) {
    const says = `paid: invoice ${billed.id} says what was paid for ${billed.from} to ${billed.to}; leave it out`;
    throw new InvalidError(says, { field: "paid" });
  }
  return { since, paid: paidFor(billed) };
}

/** The invoice of the days in hand: of a void one, the one that was issued in its place. */
function standing(charged: readonly ChargedInHand[], change: ChangeInHand | null): ChargedInHand | null {
  const first =
    change === null
      ? charged.findLast(({ kind }) => kind === "period")
      : charged.find(({ id }) => id === change.invoice);
  let billed = first ?? null;
  while (billed?.reissuedAs != null) billed = charged.find(({ id }) => id === billed?.reissuedAs) ?? null;
  return billed;
}

function paidFor({ id, state, worth, creditUsed, refunded, from, to }: ChargedInHand): Rupiah {
  switch (state) {
    case "open":
      throw new ConflictError(
        `invoice ${id} for ${from} to ${to} is not paid yet: collect it, void it or wait, then change the plan`,
      );
    case "paid":
      return rupiah(Math.max(0, worth - refunded));
    case "void":
      return rupiah(0);
    case "uncollectible":
      return rupiah(Math.min(worth, creditUsed));
  }
}

function paidElsewhere({ start, end }: BillingPeriod, told: Rupiah | null): Rupiah {
  if (told !== null) return told;
  const says = `paid: there is no invoice for ${start} to ${end}; say what was paid for it elsewhere, 0 if nothing`;
  throw new InvalidError(says, { field: "paid" });
}
