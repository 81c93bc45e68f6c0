import { createHash, timingSafeEqual } from "node:crypto";
import type { Actor, Role } from "./api-route.ts";
import { DoorError } from "./problem.ts";

/** A key of `TAGIH_API_KEYS`. */
export type ApiKey = { readonly name: string; readonly role: Role; readonly key: string };

/**
 * Tells who an Authorization header speaks for; throws `DoorError` "unauthorised". Hashes are compared, in
 * constant time and always against every key, so that the answer's timing tells nothing about the keys.
 */
export function keyring(keys: readonly ApiKey[]): (authorization: string | undefined) => Actor {
  const known = keys.map(({ name, role, key }) => ({ actor: { name, role }, hash: hashOf(key) }));
  return (authorization) => {
    const given = /^Bearer +(\S+)$/i.exec(authorization ?? "")?.[1];
    if (given === undefined) throw new DoorError("unauthorised", "send Authorization: Bearer <api key>");
    const hash = hashOf(given);
    const matching = known.filter((key) => timingSafeEqual(key.hash, hash));
    if (matching[0] === undefined) throw new DoorError("unauthorised", "this API key is not known");
    return matching[0].actor;
  };
}

/** Deny by default: a role passes when the route names it; admin always passes. */
export function demandRole(actor: Actor, roles: readonly Role[]): void {
  if (actor.role === "admin" || roles.includes(actor.role)) return;
  const needed = [...roles, "admin"].join(" or ");
  throw new DoorError("forbidden", `the key "${actor.name}" is ${actor.role}; this needs ${needed}`);
}

function hashOf(key: string): Buffer {
  return createHash("sha256").update(key).digest();
}
