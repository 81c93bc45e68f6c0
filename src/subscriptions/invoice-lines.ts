import { formatRupiah, type Rupiah, rupiah } from "../kernel/money.ts";
import type { BillingPeriod } from "./billing-period.ts";
import { type Discount, discountNote, discountOff } from "./discount.ts";

/** One reason for an invoice's amount; `amount` is whole rupiah with its sign. */
export type InvoiceLine = {
  readonly kind: "period" | "proration" | "discount" | "rollover" | "credit";
  readonly amount: number;
  readonly note: string;
};

/** What a subscription brings to its next invoice besides the period itself. */
type Carried = {
  /** Owed to the customer. */
  readonly credit: Rupiah;
  /** Owed by the customer from invoices that were too small to charge. */
  readonly rollover: Rupiah;
};

export type Billed = {
  readonly lines: readonly InvoiceLine[];
  /** Always the sum of the lines, never negative; 0 is paid without an attempt. */
  readonly amount: Rupiah;
  /** What the invoice after this one is brought. */
  readonly carried: Carried;
  /** True when too little is left to charge and no later invoice will take it: a person decides. */
  readonly needsPerson: boolean;
};

export type ToBill = {
  readonly period: BillingPeriod;
  /** The full price, for the note of a part. */
  readonly price: Rupiah;
  readonly discounts: readonly Discount[];
  readonly carried: Carried;
  /** The least that is charged; less is carried over. */
  readonly minCharge: number;
  readonly isLast: boolean;
};

/** The lines of a period's invoice in the order they are read: price, discounts, carried over, credit, carried on. */
export function billPeriod({ period, price, discounts, ...rest }: ToBill): Billed {
  const { index, amount, proration, note } = period;
  const lines: InvoiceLine[] = [
    proration === null
      ? { kind: "period", amount, note }
      : { kind: "proration", amount, note: `${proration.days} of ${proration.of} days of ${price}` },
  ];
  let left = amount;
  for (const discount of discounts) {
    const off = discountOff(discount, index, left);
    if (off > 0) lines.push({ kind: "discount", amount: -off, note: discountNote(discount, index) });
    left = rupiah(left - off);
  }
  return settle(lines, rest);
}

/**
 * Closes lines of a non-negative sum (a period's, or those of a plan change with a charge) with what is carried: nothing
 * is lost and nothing is charged twice.
 */
export function settle(
  begun: readonly InvoiceLine[],
  { carried, minCharge, isLast }: Pick<ToBill, "carried" | "minCharge" | "isLast">,
): Billed {
  const lines = [...begun];
  if (carried.rollover > 0) lines.push({ kind: "rollover", amount: carried.rollover, note: "carried over" });
  const used = Math.min(carried.credit, sum(lines));
  if (used > 0) lines.push({ kind: "credit", amount: -used, note: "credit used" });
  const due = sum(lines);
  const small = due > 0 && due < minCharge;
  const carriesOn = small && !isLast;
  if (carriesOn) {
    lines.push({
      kind: "rollover",
      amount: -due,
      note: `below ${formatRupiah(minCharge)}: on the next invoice`,
    });
  }
  return {
    lines,
    amount: rupiah(sum(lines)),
    carried: { credit: rupiah(carried.credit - used), rollover: rupiah(carriesOn ? due : 0) },
    needsPerson: small && isLast,
  };
}

function sum(lines: readonly InvoiceLine[]): number {
  return lines.reduce((total, line) => total + line.amount, 0);
}
