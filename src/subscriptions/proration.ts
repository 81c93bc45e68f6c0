import { InvariantError } from "../kernel/errors.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";

/** `days` of the `of` days that the full price is for. */
export type Fraction = { readonly days: number; readonly of: number };

/**
 * The two halves of a price: the part for `days`, half-up to whole rupiah, and the rest, which is never rounded
 * on its own, so that both always add up to the price.
 */
export function prorate(
  price: Rupiah,
  { days, of }: Fraction,
): { readonly part: Rupiah; readonly rest: Rupiah } {
  if (days < 0 || days > of || of <= 0) throw new InvariantError("not a fraction of a period", { days, of });
  // BigInt: price × days may pass 2^53, and half-up must be exact.
  const twice = BigInt(price) * BigInt(days) * 2n;
  const part = rupiah(Number((twice + BigInt(of)) / (BigInt(of) * 2n)));
  return { part, rest: rupiah(price - part) };
}
