import { createHash } from "node:crypto";
import { ConflictError } from "../kernel/errors.ts";
import type { Database, Tx } from "./database.ts";

/** A call that must have its effect once, however often it is repeated under the same key. */
export type IdempotentCall = {
  /** Keys of two actors never meet. */
  readonly actor: string;
  readonly key: string;
  /** Method and URL. */
  readonly request: string;
  readonly body: string;
};

export type StoredAnswer = { readonly status: number; readonly body: string };

/**
 * Runs a call once and answers its repetitions from what was stored, byte for byte, for 7 days. When `run`
 * throws, the key is free again: it must throw only if nothing was done. Throws `ConflictError` for another
 * request under the same key and while the first one runs. A call whose process died in the middle is never
 * run again by itself, because nobody knows how far it came.
 */
export async function answerOnce(
  db: Database,
  call: IdempotentCall,
  run: () => Promise<StoredAnswer>,
): Promise<StoredAnswer & { readonly replayed: boolean }> {
  const earlier = await db.begin(async (tx) =>
    (await claim(tx, call)) ? null : await findEarlier(tx, call),
  );
  if (earlier !== null) return { ...earlierAnswer(earlier, call), replayed: true };
  let answer: StoredAnswer;
  try {
    answer = await run();
  } catch (error) {
    await db.begin((tx) => release(tx, call));
    throw error;
  }
  await db.begin((tx) => store(tx, call, answer));
  return { ...answer, replayed: false };
}

/** Forgets keys older than 7 days, at most `limit`; answers how many. */
export async function purgeIdempotencyKeys(tx: Tx, limit: number): Promise<number> {
  const rows = await tx.query<{ key: string }>(
    `delete from idempotency_keys
     where (actor, key) in (
       select actor, key from idempotency_keys
       where created_at < clock_timestamp() - interval '7 days'
       order by created_at, actor, key limit $1)
     returning key`,
    [limit],
  );
  return rows.length;
}

type Earlier = {
  readonly request: string;
  readonly bodyHash: string;
  readonly status: number | null;
  readonly body: string | null;
  /** Longer ago than any call of ours may take. */
  readonly abandoned: boolean;
};

/** True when the key is ours now: never used, or last used so long ago that it is forgotten. */
async function claim(tx: Tx, call: IdempotentCall): Promise<boolean> {
  const rows = await tx.query<{ key: string }>(
    `insert into idempotency_keys (actor, key, request, body_hash) values ($1, $2, $3, $4)
     on conflict (actor, key) do update
       set request = excluded.request, body_hash = excluded.body_hash,
           status = null, answer = null, created_at = clock_timestamp()
       where idempotency_keys.created_at < clock_timestamp() - interval '7 days'
     returning key`,
    [call.actor, call.key, call.request, hashOf(call.body)],
  );
  return rows.length === 1;
}

async function findEarlier(tx: Tx, call: IdempotentCall): Promise<Earlier> {
  const [row] = await tx.query<Earlier>(
    `select request, body_hash as "bodyHash", status, answer #>> '{}' as body,
            created_at < clock_timestamp() - interval '5 minutes' as abandoned
     from idempotency_keys where actor = $1 and key = $2 limit 1`,
    [call.actor, call.key],
  );
  if (row === undefined)
    throw new ConflictError("the first call with this Idempotency-Key just ended: repeat it");
  return row;
}

function earlierAnswer(earlier: Earlier, call: IdempotentCall): StoredAnswer {
  if (earlier.request !== call.request || earlier.bodyHash !== hashOf(call.body)) {
    throw new ConflictError("this Idempotency-Key was used for another request: take a new key");
  }
  if (earlier.status !== null && earlier.body !== null) return { status: earlier.status, body: earlier.body };
  throw new ConflictError(
    earlier.abandoned
      ? "the first call with this Idempotency-Key ended without an answer: look what it did, then take a new key"
      : "the first call with this Idempotency-Key still runs: repeat in a moment",
  );
}

async function release(tx: Tx, call: IdempotentCall): Promise<void> {
  await tx.query(`delete from idempotency_keys where actor = $1 and key = $2 and status is null`, [
    call.actor,
    call.key,
  ]);
}

/** The answer is kept as one JSON string, because jsonb would reorder the keys of an object. */
async function store(tx: Tx, call: IdempotentCall, answer: StoredAnswer): Promise<void> {
  await tx.query(
    `update idempotency_keys set status = $3, answer = to_jsonb($4::text)
     where actor = $1 and key = $2 and status is null`,
    [call.actor, call.key, answer.status, answer.body],
  );
}

function hashOf(body: string): string {
  return createHash("sha256").update(body).digest("hex");
}
