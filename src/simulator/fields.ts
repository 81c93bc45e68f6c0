import { type Answer, refuse } from "./answer.ts";

/** A parsed body whose fields nobody has looked at yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** One field of a request: its dotted place, whether it must be there, and the form of its text. */
export type FieldRule = {
  readonly at: string;
  readonly required: boolean;
  readonly form: RegExp;
  /** Required only where this is given. */
  readonly within?: string;
};

/** The one channel served here. */
export const CHANNEL = /^EMONEY_OVO_SNAP$/;
/** An address a browser can be sent to. */
export const WEB_ADDRESS = /^https?:\/\/\S+$/;
/** SNAP's money text is 16 digits and two decimals; 15 digits keep it a safe integer. */
export const MONEY = /^\d{1,15}\.\d{2}$/;
/** OVO holds rupiah only. */
export const CURRENCY = /^IDR$/;

/** Text of at most `longest` characters. */
export function textUpTo(longest: number): RegExp {
  return new RegExp(`^[^]{1,${longest}}$`);
}

/** A money object at `at`: both its fields. */
export function money(at: string, required = true): readonly FieldRule[] {
  return [
    { at: `${at}.value`, required, form: MONEY },
    { at: `${at}.currency`, required, form: CURRENCY },
  ];
}

/** Missing fields first (400xx02), then forms (400xx01), each naming the field; null when all is well. */
export function checkFields(service: string, body: JsonObject, rules: readonly FieldRule[]): Answer | null {
  for (const rule of rules) {
    const asked = rule.required && (rule.within === undefined || valueAt(body, rule.within) !== undefined);
    if (asked && isAbsent(valueAt(body, rule.at))) return refuse(`400${service}02`, rule.at);
  }
  for (const rule of rules) {
    const value = valueAt(body, rule.at);
    if (isAbsent(value)) continue;
    if (typeof value !== "string" || !rule.form.test(value)) return refuse(`400${service}01`, rule.at);
  }
  return null;
}

/** The text at a dotted place, or null. */
export function textAt(body: JsonObject, at: string): string | null {
  const value = valueAt(body, at);
  return typeof value === "string" && value !== "" ? value : null;
}

/** Whole rupiah of a money text; null for sen, zero and what is no money. */
export function rupiahOf(text: string | null): number | null {
  if (text === null || !MONEY.test(text) || !text.endsWith(".00")) return null;
  const amount = Number(text.slice(0, -3));
  return amount > 0 ? amount : null;
}

/** `{"value":"25000.00","currency":"IDR"}`. */
export function moneyOf(amount: number): { readonly value: string; readonly currency: string } {
  return { value: `${amount}.00`, currency: "IDR" };
}

/** True for an object, not for an array or null. */
export function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function valueAt(body: JsonObject, at: string): unknown {
  let value: unknown = body;
  for (const step of at.split(".")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as JsonObject)[step];
  }
  return value;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null || value === "";
}
