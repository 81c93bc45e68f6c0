import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { InvalidError } from "../kernel/errors.ts";
import { type EncryptionKey, newEncryptionKey, parseEncryptionKey } from "./secrets.ts";

/**
 * The encryption key that lives beside the data of the embedded PostgreSQL, made at the first call (mode 0600).
 * For trying out: in production the key and the data must not lie in the same place.
 */
export function ownEncryptionKey(dir: string): EncryptionKey {
  const path = join(dir, "encryption.key");
  const key = parseEncryptionKey(read(path) ?? make(dir, path));
  if (key === null)
    throw new InvalidError(`${path} does not hold an encryption key: restore it, or delete it with the data`);
  return key;
}

function make(dir: string, path: string): string {
  mkdirSync(dir, { recursive: true });
  const own = `${path}.${process.pid}`;
  rmSync(own, { force: true });
  writeFileSync(own, `${newEncryptionKey("own")}\n`, { mode: 0o600, flag: "wx" });
  try {
    // A link appears whole or not at all, and never replaces the key of a process that was faster.
    linkSync(own, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    rmSync(own, { force: true });
  }
  return readFileSync(path, "utf8");
}

function read(path: string): string | null {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}
