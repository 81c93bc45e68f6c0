import type { BindingId } from "../kernel/ids.ts";
import { type Instant, instantOrNull } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import type { Binding } from "./binding.ts";

/** Four calls (exchange, own token, exchange, refresh) of 20 s each, and a little. */
const EXCHANGE_LEASE = "90 seconds";

/** What a stored token is judged by. The token is sealed. */
export type StoredToken = Pick<
  Binding,
  "id" | "state" | "customerToken" | "customerTokenAt" | "customerTokenExpiresAt"
>;

/** The stored tokens of these bindings; those that are not there are left out. */
export async function findTokens(tx: Tx, ids: readonly BindingId[]): Promise<StoredToken[]> {
  type Row = Pick<StoredToken, "id" | "state" | "customerToken"> & {
    at: Date | null;
    expires_at: Date | null;
  };
  const rows = await tx.query<Row>(
    `select id, state, customer_token as "customerToken", customer_token_at as at,
            customer_token_expires_at as expires_at
       from bindings
      where id = any($1::uuid[])
      order by id
      limit $2`,
    [ids, ids.length],
  );
  return rows.map(({ at, expires_at, ...row }) => ({
    ...row,
    customerTokenAt: instantOrNull(at),
    customerTokenExpiresAt: instantOrNull(expires_at),
  }));
}

/** Takes the sole right to exchange for this binding, unless somebody has it; real time, the database's clock. */
export async function leaseExchange(tx: Tx, id: BindingId): Promise<boolean> {
  const rows = await tx.query(
    `update bindings set exchange_leased_until = clock_timestamp() + $2::interval
      where id = $1 and (exchange_leased_until is null or exchange_leased_until <= clock_timestamp())
      returning id`,
    [id, EXCHANGE_LEASE],
  );
  return rows.length === 1;
}

export async function releaseExchange(tx: Tx, id: BindingId): Promise<void> {
  await tx.query(`update bindings set exchange_leased_until = null where id = $1`, [id]);
}

/** Sealed texts; times of the wire. */
export type SealedToken = {
  readonly token: string;
  readonly at: Instant;
  readonly expiresAt: Instant | null;
  /** Null keeps the one that is stored. */
  readonly refreshToken: string | null;
  readonly refreshExpiresAt: Instant | null;
};

/** Keeps a new token of a live binding and ends its suspension; false when it was revoked meanwhile. */
export async function saveToken(tx: Tx, id: BindingId, token: SealedToken): Promise<boolean> {
  return writeToken(tx, id, token, { from: ["active", "suspended"], activatedAt: null });
}

/** The first token makes a binding active. Breaks a unique index when the wallet or the customer has another. */
export async function activateWithToken(
  tx: Tx,
  id: BindingId,
  token: SealedToken,
  now: Instant,
): Promise<boolean> {
  return writeToken(tx, id, token, { from: ["pending", "expired", "failed"], activatedAt: now });
}

async function writeToken(
  tx: Tx,
  id: BindingId,
  token: SealedToken,
  { from, activatedAt }: { readonly from: readonly string[]; readonly activatedAt: Instant | null },
): Promise<boolean> {
  const rows = await tx.query(
    `update bindings
        set state = 'active', activated_at = coalesce(activated_at, $8), suspended_at = null, ended_at = null,
            reason = null, exchange_leased_until = null, customer_token = $3, customer_token_at = $4,
            customer_token_expires_at = $5, refresh_token = coalesce($6, refresh_token),
            refresh_expires_at = case when $6::text is null then refresh_expires_at else $7 end
      where id = $1 and state = any($2)
      returning id`,
    [
      id,
      from,
      token.token,
      token.at.toJSDate(),
      token.expiresAt?.toJSDate() ?? null,
      token.refreshToken,
      token.refreshExpiresAt?.toJSDate() ?? null,
      activatedAt?.toJSDate() ?? null,
    ],
  );
  return rows.length === 1;
}

export async function suspendBinding(tx: Tx, id: BindingId, now: Instant): Promise<void> {
  await tx.query(
    `update bindings set state = 'suspended', suspended_at = $2 where id = $1 and state = 'active'`,
    [id, now.toJSDate()],
  );
}

/** The customer took the consent back; what could be charged with is forgotten. */
export async function revokeBinding(
  tx: Tx,
  id: BindingId,
  ending: { readonly reason: string; readonly at: Instant },
): Promise<void> {
  await tx.query(
    `update bindings
        set state = 'revoked', reason = $2, ended_at = $3, customer_token = null, customer_token_expires_at = null,
            refresh_token = null, refresh_expires_at = null
      where id = $1 and state in ('active', 'suspended')`,
    [id, ending.reason, ending.at.toJSDate()],
  );
}

/** How many bindings were suspended since `since` and still are. */
export async function countSuspendedSince(tx: Tx, since: Instant): Promise<number> {
  const [row] = await tx.query<{ count: number }>(
    `select count(*)::int as count from bindings where state = 'suspended' and suspended_at >= $1`,
    [since.toJSDate()],
  );
  return row?.count ?? 0;
}

export async function countActiveBindings(tx: Tx): Promise<number> {
  const [row] = await tx.query<{ count: number }>(
    `select count(*)::int as count from bindings where state = 'active'`,
  );
  return row?.count ?? 0;
}
