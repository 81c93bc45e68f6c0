import type { DeliveryId, Reference } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";

export type DeliveryKind = "payment" | "binding";

/**
 * `received` waits to be handled; `unmatched` names a reference that no attempt has (yet);
 * `rejected` is genuine but says nothing we can use.
 */
export type DeliveryState = "received" | "handled" | "rejected" | "unmatched";

const FALLBACK = "fallback";

/** How a delivery is marked whose signature fitted only a token that is not ours. */
export function fallbackForm(signedWith: string, form: string): string {
  return `${FALLBACK} ${signedWith} ${form}`;
}

/** True when a delivery proves too little to be believed: the gateway is asked instead. */
export function isFallback({ signatureForm }: Pick<NewDelivery, "signatureForm">): boolean {
  return signatureForm.startsWith(FALLBACK);
}

/** What a binding's notice is sealed with: it carries the wallet owner's authorisation. */
export function bodyContext(bodyHash: string): string {
  return `inbox.body:${bodyHash}`;
}

/** A verified delivery on its way into the inbox. */
export type NewDelivery = {
  readonly kind: DeliveryKind;
  readonly externalId: string;
  /** As it came; sealed when it is about a binding. */
  readonly body: string;
  /** SHA-256 of the bytes as they came, hexadecimal. */
  readonly bodyHash: string;
  /** The attempt's reference as the notice states it; null for bindings and unreadable notices. */
  readonly reference: Reference | null;
  /** Which spelling of the body the gateway had signed; and, if it was not ours, with which token. */
  readonly signatureForm: string;
  /** Its X-EXTERNAL-ID came with another body earlier that day: the attempt needs an inquiry. */
  readonly reusedId: boolean;
  readonly state: DeliveryState;
  readonly problem: string | null;
};

/** An inbox row: what was delivered never changes, only its state does. */
export type Delivery = NewDelivery & {
  readonly id: DeliveryId;
  /** Real time, of the database. */
  readonly receivedAt: Instant;
  readonly at: Instant;
  readonly tries: number;
};
