import { randomBytes, randomInt, randomUUID } from "node:crypto";
import { followedTime } from "./turned-time.ts";

export function randomUuid(): string {
  if (followedTime() === null) return randomUUID();
  const hex = randomHex(16);
  const variant = "89ab"[Number.parseInt(hex.charAt(16), 16) % 4];
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/** `length` decimal digits, uniformly random. */
export function randomDigits(length: number): string {
  let digits = "";
  while (digits.length < length) digits += below(1_000_000_000).toString().padStart(9, "0");
  return digits.slice(0, length);
}

/** `bytes` random bytes as hexadecimal text. */
export function randomHex(bytes: number): string {
  if (followedTime() === null) return randomBytes(bytes).toString("hex");
  return Array.from({ length: bytes }, () => below(256).toString(16).padStart(2, "0")).join("");
}

function below(limit: number): number {
  const turned = followedTime();
  return turned === null ? randomInt(limit) : Math.floor(turned.draw() * limit);
}
