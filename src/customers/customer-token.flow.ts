import { openExceptions } from "../exceptions/exception.store.ts";
import type { CustomerToken, ExchangeAnswer, Gateway, ReadFailure } from "../gateway/gateway.ts";
import type { BindingId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Clock } from "../platform/clock.ts";
import { coalesce } from "../platform/coalesce.ts";
import type { Database, Tx } from "../platform/database.ts";
import type { Sealer } from "../platform/secrets.ts";
import { sleep } from "../platform/timer.ts";
import { bindingById, lockBinding } from "./binding.store.ts";
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
  leaseExchange,
  releaseExchange,
  revokeBinding,
  saveToken,
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

/**
 * Customer tokens of live bindings, stored sealed and exchanged when they are old. At most one exchange per binding
 * is on the wire: within the process by sharing it, between processes by a lease on the row.
 */
export function customerTokens(tools: TokenTools): CustomerTokens {
  const stored = coalesce(MAX_SET, (ids: readonly BindingId[]) => readStored(tools, ids));
  const flying = new Map<string, Promise<TokenAnswer>>();
  const find = async (id: BindingId, force: boolean): Promise<TokenAnswer> =>
    (force ? null : await stored(id)) ?? findToken(tools, id, force);
  return (id, { force = false } = {}) => {
    const key = `${id} ${force}`;
    const shared = flying.get(key);
    if (shared !== undefined) return shared;
    const flight = find(id, force).finally(() => flying.delete(key));
    flying.set(key, flight);
    return flight;
  };
}

/** A page of collections asks for all its tokens at once, and nearly all of them are there. */
const MAX_SET = 250;

/** The token of each binding where the stored one will do, else null; in the order given. */
async function readStored(
  { db, sealer, wireNow }: TokenTools,
  ids: readonly BindingId[],
): Promise<(TokenAnswer | null)[]> {
  const rows = new Map((await db.begin((tx) => findTokens(tx, ids))).map((row) => [row.id, row]));
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

async function findToken(tools: TokenTools, id: BindingId, force: boolean): Promise<TokenAnswer> {
  const since = force ? tools.wireNow() : null;
  for (let times = 0; times < WAIT.times; times += 1) {
    const found = await tools.db.begin((tx) => lookOrLease(tools, tx, id, since));
    if (found.kind === "exchange") return exchangeUnderLease(tools, found.binding);
    if (found.kind !== "busy") return found;
    await sleep(WAIT.everyMs);
  }
  return { kind: "away", code: "exchange_busy", sent: false };
}

type Look =
  | TokenAnswer
  | { readonly kind: "exchange"; readonly binding: Binding }
  | { readonly kind: "busy" };

/** `since`: only a token exchanged after this moment will do. */
async function lookOrLease(tools: TokenTools, tx: Tx, id: BindingId, since: Instant | null): Promise<Look> {
  const found = await look(tools, tx, id, since);
  if (found.kind !== "exchange") return found;
  if (!(await leaseExchange(tx, id))) return { kind: "busy" };
  // Another process may have exchanged between our look and our lease.
  const again = await look(tools, tx, id, since);
  if (again.kind !== "exchange") await releaseExchange(tx, id);
  return again;
}

/** What the row says: a token that will do, no consent, or that an exchange is needed. */
async function look(
  { sealer, wireNow }: TokenTools,
  tx: Tx,
  id: BindingId,
  since: Instant | null,
): Promise<Look> {
  const binding = await bindingById(tx, id);
  if (!isLive(binding)) return { kind: "revoked" };
  const { customerToken, customerTokenAt } = binding;
  const newEnough = since === null || (customerTokenAt !== null && customerTokenAt > since);
  if (customerToken === null || !newEnough || !tokenIsUsable(binding, wireNow()))
    return { kind: "exchange", binding };
  const token = sealer.open(customerToken, sealContext("customer_token", id));
  return { kind: "token", token, fresh: since !== null };
}

/** A crash in here leaves the lease to run out. */
async function exchangeUnderLease(tools: TokenTools, binding: Binding): Promise<TokenAnswer> {
  const answer = await exchangeSurely(tools, binding);
  return tools.db.begin(async (tx) => {
    if (answer.kind === "token") return keepToken(tools, tx, binding.id, answer);
    await releaseExchange(tx, binding.id);
    return answer.kind === "unauthorised" ? recordRefusal(tools, tx, binding.id) : answer;
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

async function keepToken(
  tools: TokenTools,
  tx: Tx,
  id: BindingId,
  token: CustomerToken,
): Promise<TokenAnswer> {
  const kept = await saveToken(tx, id, sealToken(tools.sealer, id, token, tools.wireNow()));
  return kept ? { kind: "token", token: token.token, fresh: true } : { kind: "revoked" };
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
