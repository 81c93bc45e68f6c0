import type { Instant } from "../../kernel/time.ts";
import { instant } from "../../kernel/time.ts";
import type { Tx } from "../../platform/database.ts";
import { SealError, type Sealer } from "../../platform/secrets.ts";

/** What keeps the token unreadable at rest. */
export type TokenSealer = Pick<Sealer, "seal" | "open">;

/** Our B2B token. Times are the wire's. */
export type OwnToken = { readonly token: string; readonly madeAt: Instant; readonly expiresAt: Instant };

/** Number is arbitrary; it only has to be the same in every process of ours. */
const TOKEN_LOCK = 7_401_010;
/** Longer than one renewal by another process, which has its own deadline. */
const LOCK_WAIT = "20s";

/** Whose token it is: a token of the sandbox must never be taken for one of production. */
export function tokenIssuer(clientId: string, baseUrl: string): string {
  return `${clientId}@${new URL(baseUrl).origin}`;
}

/** Waits for the right to renew; held until the transaction ends, also when the process dies. */
export async function lockOwnToken(tx: Tx): Promise<void> {
  await tx.query(`select set_config('lock_timeout', $1, true)`, [LOCK_WAIT]);
  await tx.query(`select pg_advisory_xact_lock($1)`, [TOKEN_LOCK]);
}

/** The stored token if it was issued by `issuer` to us, else null. */
export async function findOwnToken(tx: Tx, sealer: TokenSealer, issuer: string): Promise<OwnToken | null> {
  const rows = await tx.query<{ token: string; made_at: Date; expires_at: Date }>(
    `select token, made_at, expires_at from gateway_tokens where issuer = $1 limit 1`,
    [issuer],
  );
  const row = rows[0];
  const token = row === undefined ? null : unsealed(sealer, row.token, issuer);
  if (row === undefined || token === null) return null;
  return { token, madeAt: instant(row.made_at), expiresAt: instant(row.expires_at) };
}

/** A token that our keys no longer open is as good as none: unlike other secrets it can be had anew. */
function unsealed(sealer: TokenSealer, sealed: string, issuer: string): string | null {
  try {
    return sealer.open(sealed, sealContext(issuer));
  } catch (error) {
    if (error instanceof SealError) return null;
    throw error;
  }
}

/** Replaces the one row. */
export async function saveOwnToken(
  tx: Tx,
  sealer: TokenSealer,
  issuer: string,
  own: OwnToken,
): Promise<void> {
  await tx.query(
    `insert into gateway_tokens (id, issuer, token, made_at, expires_at) values (1, $1, $2, $3, $4)
     on conflict (id) do update
       set issuer = excluded.issuer, token = excluded.token,
           made_at = excluded.made_at, expires_at = excluded.expires_at`,
    [issuer, sealer.seal(own.token, sealContext(issuer)), own.madeAt.toJSDate(), own.expiresAt.toJSDate()],
  );
}

function sealContext(issuer: string): string {
  return `gateway_tokens:${issuer}`;
}
