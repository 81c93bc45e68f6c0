import { InvariantError } from "./errors.ts";

/** Compile-time proof that a switch covers every case; throws if data from outside lied. */
export function unreachable(value: never): never {
  throw new InvariantError("unhandled case", { value });
}
