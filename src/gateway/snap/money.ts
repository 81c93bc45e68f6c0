import { InvariantError } from "../../kernel/errors.ts";
import { type Rupiah, rupiah } from "../../kernel/money.ts";
import { isObject } from "./json-text.ts";

/** Money as SNAP writes it. The only place where `.00` exists. */
type WireMoney = { readonly value: string; readonly currency: "IDR" };

/** `25000.00`; throws `InvariantError` on zero, which no payment may carry. */
export function wireMoney(amount: Rupiah): WireMoney {
  if (amount === 0) throw new InvariantError("a payment of nothing");
  return { value: `${amount}.00`, currency: "IDR" };
}

/** What a money field says: nothing, whole rupiah, or something we never ordered, told in words. */
type ReadMoney =
  | { readonly kind: "absent" }
  | { readonly kind: "rupiah"; readonly amount: Rupiah }
  | { readonly kind: "odd"; readonly says: string };

/** Reads `25000.00`, `25000.0`, `25000` as exact decimals, text or number. Sen and other currencies are odd. */
export function readMoney(field: unknown): ReadMoney {
  if (field === undefined || field === null) return { kind: "absent" };
  if (!isObject(field)) return { kind: "odd", says: "amount is not a money object" };
  const { value, currency } = field;
  const spelled = `amount ${String(value).slice(0, 40)} ${String(currency ?? "").slice(0, 10)}`.trimEnd();
  const whole = /^(\d{1,16})(?:\.0*)?$/.exec(typeof value === "number" ? String(value) : asText(value))?.[1];
  const amount = Number(whole ?? Number.NaN);
  if (!Number.isSafeInteger(amount)) return { kind: "odd", says: spelled };
  if (currency !== undefined && currency !== "IDR") return { kind: "odd", says: spelled };
  return { kind: "rupiah", amount: rupiah(amount) };
}

function asText(value: unknown): string {
  return typeof value === "string" ? value : "";
}
