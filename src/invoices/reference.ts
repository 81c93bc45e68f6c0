import { parse as uuidBytes, v5 as uuidV5 } from "uuid";
import type { InvoiceId, Reference, SubscriptionId } from "../kernel/ids.ts";

/** Arbitrary and fixed for ever: changing it would give old debts new names. */
const NAMESPACE = "6f6a3a34-6b8e-5d5c-9d0f-7c9a1c6f2b11";
const CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/**
 * The invoice's name follows from what it is for, so that a database that lost its last commits makes the
 * same invoice, with the same references, again, and the gateway can refuse the double.
 */
export function invoiceId(
  subscriptionId: SubscriptionId,
  kind: "period" | "change",
  periodIndex: number,
  issueNumber: number,
): InvoiceId {
  return uuidV5(`${subscriptionId}/${kind}/${periodIndex}/${issueNumber}`, NAMESPACE) as InvoiceId;
}

/** Length of the part of a reference that names the invoice; a hyphen and the attempt's number follow. */
export const INVOICE_LETTERS = 26;

/** Our reference on the wire: 26 characters of the invoice id, a hyphen, the attempt number; at most 32. */
export function attemptReference(id: InvoiceId, attemptNumber: number): Reference {
  let value = uuidBytes(id).reduce((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
  let text = "";
  for (let digit = 0; digit < INVOICE_LETTERS; digit += 1) {
    text = CROCKFORD.charAt(Number(value & 31n)) + text;
    value >>= 5n;
  }
  return `${text}-${attemptNumber}` as Reference;
}
