import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { AppError, InvariantError } from "../kernel/errors.ts";

/** One key of `TAGIH_ENCRYPTION_KEY`; its id is written into every text it seals. */
export type EncryptionKey = { readonly id: string; readonly key: KeyObject };

/** Keeps phone numbers and tokens unreadable in the database. */
export type Sealer = {
  /** `v1:<key id>:<iv>:<ciphertext+tag>`, sealed with the first key. `context` names the table and row it belongs to. */
  seal(text: string, context: string): string;
  /** The text that was sealed under this very `context`; throws `SealError` otherwise. */
  open(sealed: string, context: string): string;
  /** The same text always gives the same index, which tells nothing about it: for unique indexes and look-ups. */
  blindIndex(text: string): string;
};

/** A sealed text cannot be opened: an unknown key, another row's text, or a changed one. */
export class SealError extends AppError {
  readonly code = "sealed";
  readonly retry = "never";
}

const IV_BYTES = 12;
const TAG_BYTES = 16;

/**
 * AES-256-GCM. The first key seals, every key opens. The blind index comes from the last key, the oldest: a new
 * key goes in front and changes no index, so the last key must stay in the list even when it opens nothing more.
 */
export function sealer(keys: readonly EncryptionKey[]): Sealer {
  const [writing] = keys;
  const oldest = keys.at(-1);
  if (writing === undefined || oldest === undefined) throw new InvariantError("a sealer needs a key");
  const indexKey = Buffer.from(hkdfSync("sha256", oldest.key.export(), "", "tagih blind index v1", 32));
  return {
    seal: (text, context) => seal(writing, text, context),
    open: (sealed, context) => open(keys, sealed, context),
    blindIndex: (text) => createHmac("sha256", indexKey).update(text).digest("base64url"),
  };
}

function seal({ id, key }: EncryptionKey, text: string, context: string): string {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(context));
  const body = Buffer.concat([cipher.update(text, "utf8"), cipher.final(), cipher.getAuthTag()]);
  return ["v1", id, iv.toString("base64url"), body.toString("base64url")].join(":");
}

function open(keys: readonly EncryptionKey[], sealed: string, context: string): string {
  const [version, id, iv = "", body = ""] = sealed.split(":");
  if (version !== "v1") throw new SealError("this text is not sealed, or by a newer version", { context });
  const key = keys.find((known) => known.id === id)?.key;
  if (key === undefined)
    throw new SealError(`TAGIH_ENCRYPTION_KEY lacks the key "${id}" that sealed this text`, { context });
  const bytes = Buffer.from(body, "base64url");
  try {
    const ivBytes = Buffer.from(iv, "base64url");
    const decipher = createDecipheriv("aes-256-gcm", key, ivBytes, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(context));
    decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
    return Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]).toString("utf8");
  } catch (cause) {
    throw new SealError(
      "a sealed text was changed, or belongs to another row or key",
      { context },
      { cause },
    );
  }
}

/** `<id>:<32 bytes base64>` with fresh random bytes, as `TAGIH_ENCRYPTION_KEY` wants it. */
export function newEncryptionKey(id: string): string {
  return `${id}:${randomBytes(32).toString("base64")}`;
}

/** Reads `<id>:<32 bytes base64>`; null when it is anything else. */
export function parseEncryptionKey(text: string): EncryptionKey | null {
  const [, id, base64] = /^([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/_-]{43}=?)$/.exec(text.trim()) ?? [];
  if (id === undefined || base64 === undefined) return null;
  const bytes = Buffer.from(base64, "base64");
  return bytes.length === 32 ? { id, key: createSecretKey(bytes) } : null;
}
