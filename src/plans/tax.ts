import { InvariantError } from "../kernel/errors.ts";
import { type Rupiah, rupiah } from "../kernel/money.ts";

/** The whole of an amount in basis points, the hundredths of a percent in which rates of tax are stored. */
export const WHOLE_BASIS_POINTS = 10_000;

/**
 * The tax that is in `amount`: amount × rate / (1 + rate), half-up to whole rupiah, e.g. 9.811 of 99.000 at 1100 (11 %).
 * Informational: it is a part of what is charged and never added to it.
 */
export function inclusiveTax(amount: Rupiah, basisPoints: number): Rupiah {
  if (!Number.isSafeInteger(basisPoints) || basisPoints < 1 || basisPoints > WHOLE_BASIS_POINTS)
    throw new InvariantError("not a rate of tax", { basisPoints });
  // In whole numbers of any size: amount × rate may be beyond what a double counts exactly.
  const rate = BigInt(basisPoints);
  const whole = BigInt(WHOLE_BASIS_POINTS) + rate;
  return rupiah(Number((2n * BigInt(amount) * rate + whole) / (2n * whole)));
}

/** A rate as people write it: 1100 basis points are 11, and 1150 are 11.5. */
function percentOf(basisPoints: number): number {
  return basisPoints / 100;
}

/** The tax line of an amount as the API shows it; null when its price names no rate. */
export function taxLine(amount: Rupiah, basisPoints: number | null) {
  return basisPoints === null
    ? null
    : { percent: percentOf(basisPoints), amount: inclusiveTax(amount, basisPoints) };
}
