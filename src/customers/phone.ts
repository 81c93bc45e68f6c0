import { InvalidError } from "../kernel/errors.ts";

/** `62`, then a mobile number beginning with 8; together 9 to 16 digits, as the gateway takes them. */
const WIRE_FORM = /^628\d{6,13}$/;

/**
 * An Indonesian mobile number as the gateway wants it, `62…`, digits only. Takes `08…`, `628…` and `+628…` with
 * spaces, dots, dashes and brackets; throws `InvalidError` on anything else.
 */
export function parsePhone(text: string): string {
  const digits = text.replace(/[ .()-]/g, "").replace(/^(\+62|0)(?=8)/, "62");
  if (!WIRE_FORM.test(digits)) {
    throw new InvalidError(
      "phone: give the OVO wallet's mobile number, e.g. 081234567890 or +6281234567890",
      {
        field: "phone",
      },
    );
  }
  return digits;
}

/** What may be shown of a number: `+62812****789`. */
export function maskPhone(phone: string): string {
  return `+${phone.slice(0, 5)}****${phone.slice(-3)}`;
}
