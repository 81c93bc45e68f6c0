import { randomBytes, randomInt, randomUUID } from "node:crypto";

export function randomUuid(): string {
  return randomUUID();
}

/** `length` decimal digits, uniformly random. */
export function randomDigits(length: number): string {
  let digits = "";
  while (digits.length < length) digits += randomInt(1_000_000_000).toString().padStart(9, "0");
  return digits.slice(0, length);
}

/** `bytes` random bytes as hexadecimal text. */
export function randomHex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}
