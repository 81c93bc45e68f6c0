import { DateTime } from "luxon";
import type { CustomerToken } from "../gateway/gateway.ts";
import type { BindingId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Sealer } from "../platform/secrets.ts";
import { sealContext } from "./binding.ts";
import type { SealedToken } from "./token.store.ts";

/** A token as it is stored; an expiry that cannot be read is null, and then the token is not used a second time. */
export function sealToken(
  sealer: Sealer,
  id: BindingId,
  token: CustomerToken,
  wireNow: Instant,
): SealedToken {
  const { refreshToken } = token;
  return {
    token: sealer.seal(token.token, sealContext("customer_token", id)),
    at: wireNow,
    expiresAt: instantFrom(token.expiresAt),
    refreshToken: refreshToken === null ? null : sealer.seal(refreshToken, sealContext("refresh_token", id)),
    refreshExpiresAt: instantFrom(token.refreshExpiresAt),
  };
}

function instantFrom(iso: string | null): Instant | null {
  const at = iso === null ? null : DateTime.fromISO(iso, { zone: "utc" });
  return at?.isValid ? (at as Instant) : null;
}
