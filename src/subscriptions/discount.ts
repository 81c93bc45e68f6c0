import { InvariantError } from "../kernel/errors.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";
import { prorate } from "./proration.ts";

/** Less to pay for some periods: once is `periods: 1`; null is for ever. */
export type Discount = {
  readonly off:
    | { readonly kind: "percent"; readonly percent: number }
    | { readonly kind: "amount"; readonly amount: Rupiah };
  /** The first period that it applies to; a short first period is one. */
  readonly fromIndex: number;
  readonly periods: number | null;
};

/**
 * What is taken off `amount`, the price of period `index` or of its part: 0 outside the discount's periods, never more
 * than `amount`. A percentage is rounded half-up; a fixed amount is taken whole also off a part.
 */
export function discountOff(discount: Discount, index: number, amount: Rupiah): Rupiah {
  const { off, fromIndex, periods } = discount;
  if (index < fromIndex || (periods !== null && index >= fromIndex + periods)) return rupiah(0);
  if (off.kind === "amount") return rupiah(Math.min(off.amount, amount));
  if (!Number.isInteger(off.percent)) throw new InvariantError("percent is whole", { percent: off.percent });
  return prorate(amount, { days: off.percent, of: 100 }).part;
}

/** `10 % off` or `Rp 5.000 off`, with which of its periods this is. */
export function discountNote({ off, fromIndex, periods }: Discount, index: number): string {
  const what = off.kind === "percent" ? `${off.percent} % off` : `${off.amount} off`;
  return periods === null ? what : `${what}, ${index - fromIndex + 1} of ${periods}`;
}
