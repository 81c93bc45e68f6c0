import { createPrivateKey, createPublicKey, type KeyObject } from "node:crypto";
import { InvalidError } from "../kernel/errors.ts";

/** The gateway's address: https, or plain http on this machine. Throws `InvalidError`, as all of this file. */
export function gatewayUrl(text: string): string {
  const url = httpUrl(text);
  if (url.protocol === "http:" && !isLoopback(url.hostname))
    throw new InvalidError("must start with https:// (http:// only for a simulator on this machine)");
  return withoutSlash(url);
}

/** Our own address as the gateway and browsers reach it; may have a path. */
export function publicUrl(text: string): string {
  return withoutSlash(httpUrl(text));
}

/** `postgres://user:password@host:port/database`. */
export function postgresUrl(text: string): string {
  return serviceUrl(text, ["postgres:", "postgresql:"], "postgres://user:password@host:5432/database");
}

/** `redis://…` or, over TLS, `rediss://…`. */
export function redisUrl(text: string): string {
  return serviceUrl(text, ["redis:", "rediss:"], "redis://host:6379 or rediss://host:6379");
}

function httpUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null;
  if (url === null || !["http:", "https:"].includes(url.protocol))
    throw new InvalidError("must be a whole address such as https://billing.example.com");
  if (url.username !== "" || url.search !== "" || url.hash !== "")
    throw new InvalidError("must have neither a user name nor ? nor #");
  return url;
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function withoutSlash(url: URL): string {
  return url.href.replace(/\/+$/, "");
}

function serviceUrl(text: string, schemes: readonly string[], example: string): string {
  // The text itself is not repeated: it may hold a password.
  if (!URL.canParse(text) || !schemes.includes(new URL(text).protocol))
    throw new InvalidError(`must be an address such as ${example}`);
  return text;
}

/** Shorter RSA keys can be broken. */
const RSA_BITS = 2048;

/** The merchant's RSA key: PKCS#8 PEM without a pass phrase, parsed to prove that it works. */
export function privateKey(text: string): KeyObject {
  const pem = pemOf(text);
  const label = labelOf(pem);
  if (label === "ENCRYPTED PRIVATE KEY" || pem.includes("Proc-Type: 4,ENCRYPTED"))
    throw new InvalidError("is encrypted with a pass phrase: openssl pkey -in key.pem -out plain.pem");
  if (label === "RSA PRIVATE KEY")
    throw new InvalidError("is PKCS#1, not PKCS#8: openssl pkcs8 -topk8 -nocrypt -in key.pem -out pkcs8.pem");
  if (label.endsWith("PUBLIC KEY") || label === "CERTIFICATE")
    throw new InvalidError("is a public key: give the merchant's private key, whose public half DOKU has");
  if (label !== "PRIVATE KEY")
    throw new InvalidError("must be a PEM text that begins -----BEGIN PRIVATE KEY-----");
  return strongRsa(() => createPrivateKey(pem));
}

/** DOKU's RSA key: SPKI PEM. */
export function publicKey(text: string): KeyObject {
  const pem = pemOf(text);
  const label = labelOf(pem);
  if (label.endsWith("PRIVATE KEY"))
    throw new InvalidError("is a private key: give DOKU's public key, from DOKU's back office");
  if (label !== "PUBLIC KEY")
    throw new InvalidError("must be a PEM text that begins -----BEGIN PUBLIC KEY-----");
  return strongRsa(() => createPublicKey(pem));
}

/** Environment files keep a PEM on one line, with the two characters `\n` for each line break. */
function pemOf(text: string): string {
  return `${text.replaceAll("\\n", "\n").replaceAll("\r", "").trim()}\n`;
}

function labelOf(pem: string): string {
  return /^-----BEGIN ([A-Z ]+)-----$/m.exec(pem)?.[1] ?? "";
}

function strongRsa(parse: () => KeyObject): KeyObject {
  let key: KeyObject;
  try {
    key = parse();
  } catch {
    // The library's reason is about ASN.1 and helps nobody; the key itself must not be shown.
    throw new InvalidError("looks like PEM but cannot be read: was it cut or changed when it was copied?");
  }
  if (key.asymmetricKeyType !== "rsa")
    throw new InvalidError(`must be an RSA key, not ${key.asymmetricKeyType}`);
  const bits = key.asymmetricKeyDetails?.modulusLength ?? 0;
  if (bits < RSA_BITS) throw new InvalidError(`has ${bits} bits: it must have ${RSA_BITS} or more`);
  return key;
}
