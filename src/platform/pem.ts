import { createPublicKey, type KeyObject } from "node:crypto";

/** The public half of a private key (a `KeyObject` or PEM), as the SPKI PEM that the other side is given. */
export function publicPemOf(privateKey: KeyObject | string): string {
  return createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
}
