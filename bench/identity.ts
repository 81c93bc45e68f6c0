// Who the merchant and the gateway of a run are to each other: every contender gets the same keys.
import { generateKeyPairSync } from "node:crypto";
import { publicPemOf } from "../src/platform/pem.ts";
import { newEncryptionKey } from "../src/platform/secrets.ts";

/** One currency unit amount for all; whole rupiah. */
export const PRICE = 50_000;

export type Identity = {
  readonly clientId: string;
  readonly secretKey: string;
  readonly merchantPrivateKey: string;
  readonly gatewayPrivateKey: string;
  readonly gatewayPublicKey: string;
  readonly encryptionKey: string;
};

/** Fresh keys for one run. */
export function newIdentity(): Identity {
  const gateway = newPrivateKey();
  return {
    clientId: "BRN-0000-0000000000001",
    secretKey: "SK-bench-only-0000000001",
    merchantPrivateKey: newPrivateKey(),
    gatewayPrivateKey: gateway,
    gatewayPublicKey: publicPemOf(gateway),
    encryptionKey: newEncryptionKey("bench"),
  };
}

function newPrivateKey(): string {
  const { privateKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  return privateKey.export({ type: "pkcs8", format: "pem" }).toString();
}
