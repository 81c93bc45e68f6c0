import { createPublicKey, type KeyObject } from "node:crypto";

/** A private key as the PKCS #8 PEM that the configuration takes. */
export function privatePemOf(privateKey: KeyObject): string {
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}

/** The public half of a private key (a `KeyObject` or PEM), as the SPKI PEM that the other side is given. */
export function publicPemOf(privateKey: KeyObject | string): string {
  return createPublicKey(privateKey).export({ type: "spki", format: "pem" }).toString();
}
