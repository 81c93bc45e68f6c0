import type { BindingId } from "../kernel/ids.ts";
import { type Instant, instantOrNull } from "../kernel/time.ts";
import type { Queryable, Tx } from "../platform/database.ts";
import type { Binding } from "./binding.ts";

/** Four calls (exchange, own token, exchange, refresh) of 20 s each, and a little. */
const EXCHANGE_LEASE = "90 seconds";

/** What a stored token is judged by. The token is sealed. */
export type StoredToken = Pick<
  Binding,
  "id" | "state" | "customerToken" | "customerTokenAt" | "customerTokenExpiresAt"
>;

/** The stored tokens of these bindings; those that are not there are left out. */
export async function findTokens(db: Queryable, ids: readonly BindingId[]): Promise<StoredToken[]> {
  type Row = Pick<StoredToken, "id" | "state" | "customerToken"> & {
    at: Date | null;
    expires_at: Date | null;
  };
  const rows = await db.query<Row>(
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

/**
 * Takes the sole right to exchange for each of these bindings that is live, unless somebody has it or holds the row;
 * answers those for which it did. Real time, the database's clock.
 */
export async function leaseExchanges(tx: Tx, ids: readonly BindingId[]): Promise<Set<BindingId>> {
  const rows = await tx.query<{ id: BindingId }>(
    `update bindings set exchange_leased_until = clock_timestamp() + $2::interval
      where id in (select id from bindings
                    where id = any($1::uuid[]) and state in ('active', 'suspended')
                      and (exchange_leased_until is null or exchange_leased_until <= clock_timestamp())
                    order by id limit $3 for no key update skip locked)
      returning id`,
    [ids, EXCHANGE_LEASE, ids.length],
  );
  return new Set(rows.map(({ id }) => id));
}

/** Gives the right back. */
export async function releaseExchanges(tx: Tx, ids: readonly BindingId[]): Promise<void> {
  if (ids.length === 0) return;
  await tx.query(
    `update bindings set exchange_leased_until = null
      where id in (select id from bindings where id = any($1::uuid[]) order by id limit $2 for no key update)`,
    [ids, ids.length],
  );
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

/** Keeps new tokens of live bindings and ends their suspension; answers those that were not revoked meanwhile. */
export async function saveTokens(
  tx: Tx,
  tokens: ReadonlyMap<BindingId, SealedToken>,
): Promise<Set<BindingId>> {
  return writeTokens(tx, tokens, { from: ["active", "suspended"], activatedAt: null });
}

/** The first token makes a binding active. Breaks a unique index when the wallet or the customer has another. */
export async function activateWithToken(
  tx: Tx,
  id: BindingId,
  token: SealedToken,
  now: Instant,
): Promise<boolean> {
  const from = ["pending", "expired", "failed"];
  return (await writeTokens(tx, new Map([[id, token]]), { from, activatedAt: now })).has(id);
}

async function writeTokens(
  tx: Tx,
  tokens: ReadonlyMap<BindingId, SealedToken>,
  { from, activatedAt }: { readonly from: readonly string[]; readonly activatedAt: Instant | null },
): Promise<Set<BindingId>> {
  const given = [...tokens].map(([id, token]) => ({
    id,
    token: token.token,
    at: token.at.toISO(),
    expires_at: token.expiresAt?.toISO() ?? null,
    refresh_token: token.refreshToken,
    refresh_expires_at: token.refreshExpiresAt?.toISO() ?? null,
  }));
  const rows = await tx.query<{ id: BindingId }>(
    `with held as (
       select id from bindings where id = any($2::uuid[]) and state = any($3)
        order by id limit $5 for no key update
     )
     update bindings b
        set state = 'active', activated_at = coalesce(b.activated_at, $4), suspended_at = null, ended_at = null,
            reason = null, exchange_leased_until = null, customer_token = x.token, customer_token_at = x.at,
            customer_token_expires_at = x.expires_at, refresh_token = coalesce(x.refresh_token, b.refresh_token),
            refresh_expires_at = case when x.refresh_token is null then b.refresh_expires_at
                                      else x.refresh_expires_at end
       from held
       join json_to_recordset($1::json) as x (id uuid, token text, at timestamptz, expires_at timestamptz,
                                              refresh_token text, refresh_expires_at timestamptz) on x.id = held.id
      where b.id = held.id
      returning b.id`,
    [JSON.stringify(given), [...tokens.keys()], from, activatedAt?.toJSDate() ?? null, tokens.size],
  );
  return new Set(rows.map(({ id }) => id));
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
