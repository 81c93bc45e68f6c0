import { openExceptions } from "../exceptions/exception.store.ts";
import type { CustomerToken, ExchangeAnswer, Gateway, ReadFailure } from "../gateway/gateway.ts";
import type { BindingId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Clock } from "../platform/clock.ts";
import { coalesce } from "../platform/coalesce.ts";
import type { Database, Tx } from "../platform/database.ts";
import type { Sealer } from "../platform/secrets.ts";
import { sleep } from "../platform/timer.ts";
import { bindingsById, lockBinding } from "./binding.store.ts";
import {
  afterRefusal,
  type Binding,
  BREAKER_WINDOW,
  isLive,
  sealContext,
  suspensionBreakerIsOpen,
  tokenIsUsable,
} from "./binding.ts";
import { sealToken } from "./seal-token.ts";
import {
  countActiveBindings,
  countSuspendedSince,
  findTokens,
  leaseExchanges,
  releaseExchanges,
  revokeBinding,
  saveTokens,
  suspendBinding,
} from "./token.store.ts";

export type TokenTools = {
  readonly db: Database;
  readonly clock: Clock;
  readonly sealer: Sealer;
  readonly gateway: Gateway;
  /** The wire's time, by which tokens live: real, except against our own simulator. */
  readonly wireNow: () => Instant;
};

export type TokenAnswer =
  /** `fresh`: the gateway gave it just now, so the consent stands. */
  | { readonly kind: "token"; readonly token: string; readonly fresh: boolean }
  /** Refused once; the customer may have unlinked. Ask again in some minutes. */
  | { readonly kind: "suspended" }
  /** There is no consent (any more). */
  | { readonly kind: "revoked" }
  | ReadFailure;

/** `force`: the stored token was refused, so a new one is exchanged. */
export type CustomerTokens = (id: BindingId, options?: { readonly force?: boolean }) => Promise<TokenAnswer>;

/** The transactions of one process, each over a set of whatever arrives together. */
type Sets = {
  readonly stored: (id: BindingId) => Promise<TokenAnswer | null>;
  readonly lease: (wanted: Wanted) => Promise<Look>;
  readonly keep: (exchanged: Exchanged) => Promise<TokenAnswer>;
};

/** A page of collections asks for all its tokens at once; most of them are a month old. */
const MAX_SET = 250;

/**
 * Customer tokens of live bindings, stored sealed and exchanged when they are old. At most one exchange per binding
 * is on the wire: within the process by sharing it, between processes by a lease on the row.
 */
export function customerTokens(tools: TokenTools): CustomerTokens {
  const sets: Sets = {
    stored: coalesce(MAX_SET, (ids) => readStored(tools, ids)),
    lease: coalesce(MAX_SET, (wanted) => tools.db.begin((tx) => lookOrLease(tools, tx, wanted))),
    keep: coalesce(MAX_SET, (exchanged) => tools.db.begin((tx) => keepTokens(tools, tx, exchanged))),
  };
  const flying = new Map<string, Promise<TokenAnswer>>();
  const find = async (id: BindingId, force: boolean): Promise<TokenAnswer> =>
    (force ? null : await sets.stored(id)) ?? findToken(tools, sets, id, force);
  return (id, { force = false } = {}) => {
    const key = `${id} ${force}`;
    const shared = flying.get(key);
    if (shared !== undefined) return shared;
    const flight = find(id, force).finally(() => flying.delete(key));
    flying.set(key, flight);
    return flight;
  };
}

/** The token of each binding where the stored one will do, else null; in the order given. */
async function readStored(
  { db, sealer, wireNow }: TokenTools,
  ids: readonly BindingId[],
): Promise<(TokenAnswer | null)[]> {
  const rows = new Map((await findTokens(db, ids)).map((row) => [row.id, row]));
  const now = wireNow();
  return ids.map((id) => {
    const row = rows.get(id);
    if (row === undefined || row.customerToken === null || !tokenIsUsable(row, now)) return null;
    const token = sealer.open(row.customerToken, sealContext("customer_token", id));
    return { kind: "token", token, fresh: false };
  });
}

/** Another process's exchange takes a second; whoever waits longer comes back with its next step. */
const WAIT = { everyMs: 50, times: 200 };

async function findToken(tools: TokenTools, sets: Sets, id: BindingId, force: boolean): Promise<TokenAnswer> {
  const since = force ? tools.wireNow() : null;
  for (let times = 0; times < WAIT.times; times += 1) {
    const found = await sets.lease({ id, since });
    if (found.kind === "exchange") return exchangeUnderLease(tools, sets, found.binding);
    if (found.kind !== "busy") return found;
    await sleep(WAIT.everyMs);
  }
  return { kind: "away", code: "exchange_busy", sent: false };
}

/** `since`: only a token exchanged after this moment will do. */
type Wanted = { readonly id: BindingId; readonly since: Instant | null };

type Look =
  | TokenAnswer
  | { readonly kind: "exchange"; readonly binding: Binding }
  | { readonly kind: "busy" };

/** The lease comes before the look: another process may just have exchanged, and then its token will do. */
async function lookOrLease(tools: TokenTools, tx: Tx, wanted: readonly Wanted[]): Promise<Look[]> {
  const ids = [...new Set(wanted.map(({ id }) => id))];
  const leased = await leaseExchanges(tx, ids);
  const bindings = await bindingsById(tx, ids);
  const looks = wanted.map((each) => look(tools, bindings.get(each.id), each.since));
  const exchanging = new Set(
    wanted.filter((_, index) => looks[index]?.kind === "exchange").map(({ id }) => id),
  );
  await releaseExchanges(
    tx,
    [...leased].filter((id) => !exchanging.has(id)),
  );
  return looks.map((found, index) => {
    const { id } = wanted[index] as Wanted;
    // One who wants a new token and one who wants any may stand in the same set: the lease is for the first of them.
    if (found.kind !== "exchange" || leased.delete(id)) return found;
    return { kind: "busy" };
  });
}

/** What the row says: a token that will do, no consent, or that an exchange is needed. */
function look(
  { sealer, wireNow }: TokenTools,
  binding: Binding | undefined,
  since: Instant | null,
): TokenAnswer | { readonly kind: "exchange"; readonly binding: Binding } {
  if (binding === undefined || !isLive(binding)) return { kind: "revoked" };
  const { id, customerToken, customerTokenAt } = binding;
  const newEnough = since === null || (customerTokenAt !== null && customerTokenAt > since);
  if (customerToken === null || !newEnough || !tokenIsUsable(binding, wireNow()))
    return { kind: "exchange", binding };
  const token = sealer.open(customerToken, sealContext("customer_token", id));
  return { kind: "token", token, fresh: since !== null };
}

/** A crash in here leaves the lease to run out. */
async function exchangeUnderLease(tools: TokenTools, sets: Sets, binding: Binding): Promise<TokenAnswer> {
  const { id } = binding;
  const answer = await exchangeSurely(tools, binding);
  if (answer.kind === "token") return sets.keep({ id, token: answer });
  return tools.db.begin(async (tx) => {
    await releaseExchanges(tx, [id]);
    return answer.kind === "unauthorised" ? recordRefusal(tools, tx, id) : answer;
  });
}

/** `unauthorised` only if our own keys work and every grant we hold was refused. */
async function exchangeSurely(tools: TokenTools, binding: Binding): Promise<ExchangeAnswer> {
  const { sealer, gateway } = tools;
  const authCode = sealer.open(binding.authCode ?? "", sealContext("auth_code", binding.id));
  const first = await gateway.exchange({ authCode });
  if (first.kind !== "unauthorised") return first;
  const own = await gateway.renewOwnToken();
  if (own.kind !== "ok") return own;
  const second = await gateway.exchange({ authCode });
  if (second.kind !== "unauthorised") return second;
  // In case an authorisation is good for one exchange only, which the gateway's documents leave open.
  const refreshToken = usableRefreshToken(tools, binding);
  return refreshToken === null ? second : gateway.exchange({ authCode, refreshToken });
}

function usableRefreshToken({ sealer, wireNow }: TokenTools, binding: Binding): string | null {
  const { id, refreshToken, refreshExpiresAt } = binding;
  if (refreshToken === null || (refreshExpiresAt !== null && refreshExpiresAt <= wireNow())) return null;
  return sealer.open(refreshToken, sealContext("refresh_token", id));
}

type Exchanged = { readonly id: BindingId; readonly token: CustomerToken };

async function keepTokens(
  { sealer, wireNow }: TokenTools,
  tx: Tx,
  exchanged: readonly Exchanged[],
): Promise<TokenAnswer[]> {
  const at = wireNow();
  const sealed = new Map(exchanged.map(({ id, token }) => [id, sealToken(sealer, id, token, at)]));
  const kept = await saveTokens(tx, sealed);
  return exchanged.map(({ id, token }) =>
    kept.has(id) ? { kind: "token", token: token.token, fresh: true } : { kind: "revoked" },
  );
}

async function recordRefusal({ clock }: TokenTools, tx: Tx, id: BindingId): Promise<TokenAnswer> {
  const binding = await lockBinding(tx, id);
  if (!isLive(binding)) return { kind: "revoked" };
  const now = await clock.now(tx);
  if (await breakerIsOpen(tx, now)) return alarm(tx, now);
  switch (afterRefusal(binding, now)) {
    case "suspend":
      await suspendBinding(tx, id, now);
      return { kind: "suspended" };
    case "wait":
      return { kind: "suspended" };
    case "revoke":
      await revokeBinding(tx, id, { reason: "unlinked in the OVO app", at: now });
      return { kind: "revoked" };
  }
}

async function breakerIsOpen(tx: Tx, now: Instant): Promise<boolean> {
  const suspended = await countSuspendedSince(tx, now.minus(BREAKER_WINDOW));
  // Counting the active ones reads them all; few suspensions need no comparison.
  if (!suspensionBreakerIsOpen(suspended, 0)) return false;
  return suspensionBreakerIsOpen(suspended, await countActiveBindings(tx));
}

async function alarm(tx: Tx, now: Instant): Promise<TokenAnswer> {
  const message =
    "too many wallets look unlinked at once, so none is given up and nothing is charged with them";
  const says = `${message}: ask DOKU what happened. Wallets come back by themselves when exchanges work again.`;
  const subject = now.toFormat("yyyy-MM-dd'T'HH");
  await openExceptions(tx, [{ kind: "suspension_breaker", subject, says, at: now }]);
  return { kind: "our_mistake", code: "suspension_breaker", message };
}
