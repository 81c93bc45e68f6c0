import type { Instant } from "../../kernel/time.ts";
import type { Database } from "../../platform/database.ts";
import type { ReadFailure } from "../gateway.ts";
import { readFailure, readOutcome } from "./answers.ts";
import { meaningOf } from "./codes.ts";
import type { Outcome } from "./http.ts";
import { textIn } from "./json-text.ts";
import {
  findOwnToken,
  lockOwnToken,
  type OwnToken,
  saveOwnToken,
  type TokenSealer,
} from "./own-token.store.ts";

type OwnTokenAnswer =
  /** `fresh`: fetched just now, and not what this process kept or the table holds. */
  { readonly kind: "token"; readonly token: string; readonly fresh: boolean } | ReadFailure;

/**
 * Our B2B token, one for all processes, because the gateway may void a token when it issues the next.
 * Calls at the same time share one renewal.
 */
export type OwnTokens = {
  current(): Promise<OwnTokenAnswer>;
  /** The gateway refused `token`: the next `current` renews it, unless another process already has. */
  refused(token: string): void;
  /** Fetches a new token whatever is stored: proves that our keys work now. */
  renew(): Promise<OwnTokenAnswer>;
};

type OwnTokenTools = {
  readonly db: Database;
  readonly sealer: TokenSealer;
  /** Whose token this is: gateway and client. A token of another gateway is never used. */
  readonly issuer: string;
  readonly fetch: () => Promise<Outcome>;
  /** The wire's time. */
  readonly now: () => Instant;
};

/** Renewed this long before it expires, or at half its life if that is shorter. */
const RENEW_BEFORE_MS = 60_000;
/** Used when the gateway's lifetime is unreadable. */
const FALLBACK_SECONDS = 300;
/** The gateway says 900; a token is asked for anew every day whatever it says. */
const LONGEST_SECONDS = 86_400;

/** Makes the token keeper of this process. */
export function ownTokens(tools: OwnTokenTools): OwnTokens {
  let cached: OwnToken | null = null;
  let refused: string | null = null;
  const usable = (own: OwnToken): boolean => own.token !== refused && isFresh(own, tools.now());

  const take = async (mayReuse: boolean): Promise<OwnTokenAnswer> => {
    try {
      const answer = await renewUnderLock(tools, mayReuse ? usable : () => false);
      if ("own" in answer) cached = answer.own;
      return "own" in answer ? { kind: "token", token: answer.own.token, fresh: answer.fetched } : answer;
    } catch (error) {
      // Without the table nobody may fetch: another process's token could be voided under its feet.
      const cause = error instanceof Error ? error.message : String(error);
      return { kind: "away", code: `token store: ${cause}`.slice(0, 200), sent: false };
    }
  };
  const share = singleFlight(() => take(true));
  const force = singleFlight(() => take(false));
  return {
    current: async () =>
      cached !== null && usable(cached)
        ? { kind: "token", token: cached.token, fresh: false }
        : await share(),
    refused: (token) => {
      if (token === cached?.token) refused = token;
    },
    renew: force,
  };
}

type Renewal = { readonly own: OwnToken; readonly fetched: boolean } | ReadFailure;

/**
 * The transaction holds nothing but an advisory lock while the gateway is asked: no row waits for the
 * network, the call has its own deadline, and the lock dies with the process.
 */
function renewUnderLock(tools: OwnTokenTools, mayReuse: (stored: OwnToken) => boolean): Promise<Renewal> {
  const { db, sealer, issuer } = tools;
  return db.begin(async (tx) => {
    await lockOwnToken(tx);
    const stored = await findOwnToken(tx, sealer, issuer);
    if (stored !== null && mayReuse(stored)) return { own: stored, fetched: false };
    const renewal = readTokenAnswer(await tools.fetch(), tools.now());
    if ("own" in renewal) await saveOwnToken(tx, sealer, issuer, renewal.own);
    return renewal;
  });
}

function readTokenAnswer(outcome: Outcome, now: Instant): Renewal {
  const reading = readOutcome(outcome, ["73"]);
  if (reading.kind === "uncoded" || meaningOf(reading.code, reading.message)?.codeClass !== "success")
    return readFailure(reading);
  const token = textIn(reading.body, "accessToken", 4096);
  if (token === null) return { kind: "away", code: `${reading.code.text} without a token`, sent: true };
  const seconds = Number(reading.body["expiresIn"]);
  const lifetime = seconds > 0 ? Math.min(seconds, LONGEST_SECONDS) : FALLBACK_SECONDS;
  return { own: { token, madeAt: now, expiresAt: now.plus({ seconds: lifetime }) }, fetched: true };
}

function isFresh(own: OwnToken, now: Instant): boolean {
  const lifetimeMs = own.expiresAt.toMillis() - own.madeAt.toMillis();
  return now.toMillis() < own.expiresAt.toMillis() - Math.min(RENEW_BEFORE_MS, lifetimeMs / 2);
}

function singleFlight<T>(work: () => Promise<T>): () => Promise<T> {
  let flight: Promise<T> | null = null;
  return () => {
    flight ??= work().finally(() => {
      flight = null;
    });
    return flight;
  };
}
