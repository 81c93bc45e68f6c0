import type { Branded } from "./brand.ts";
import { InvariantError } from "./errors.ts";

/** Whole rupiah, never negative. IDR wallets have no sen in use; `.00` is added only on the wire. */
export type Rupiah = Branded<number, "Rupiah">;

/** Brands whole, non-negative rupiah; throws `InvariantError` on sen, negatives and unsafe integers. */
export function rupiah(value: number): Rupiah {
  if (!Number.isSafeInteger(value) || value < 0) throw new InvariantError("not whole rupiah", { value });
  return value as Rupiah;
}

/** `Rp 1.234.567`, as Indonesian finance writes it. */
export function formatRupiah(amount: number): string {
  const digits = Math.abs(amount)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, ".");
  return `${amount < 0 ? "-" : ""}Rp ${digits}`;
}
