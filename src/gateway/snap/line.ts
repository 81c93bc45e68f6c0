import { monotonicMs } from "../../platform/real-time.ts";
import type { Raw, ReadFailure } from "../gateway.ts";
import { type Reading, rawOf, readOutcome } from "./answers.ts";
import { meaningOf } from "./codes.ts";
import type { Http, Outcome } from "./http.ts";
import type { OwnTokens } from "./own-token.flow.ts";
import { postSigned, type WireIdentity } from "./wire.ts";

/** What every call needs: the connections, who we are, and our own token. */
export type Line = { readonly http: Http; readonly us: WireIdentity; readonly tokens: OwnTokens };

type MoneyCall = {
  readonly path: string;
  readonly body: string;
  readonly externalId: string;
  readonly customerToken: string | null;
  /** After this moment (monotonic ms) nothing may leave. */
  readonly leaveByMs: number;
};

/**
 * Sends a call that moves money, once: no renewal inside, because a second send is a decision that belongs to who
 * holds the attempt. A token refused by this call is renewed before the next one.
 */
export async function sendOnce(
  line: Line,
  call: MoneyCall,
  services: readonly string[],
): Promise<{ readonly reading: Reading; readonly raw: Raw }> {
  const own = await line.tokens.current();
  if (own.kind !== "token") return notSent(`token call failed: ${own.code}`);
  // A token that had to be fetched first may have taken its time.
  if (monotonicMs() >= call.leaveByMs) return notSent("the lease was almost over");
  const { path, body, externalId, customerToken } = call;
  const outcome = await postSigned(line.http, line.us, {
    path,
    body,
    externalId,
    ownToken: own.token,
    ...(customerToken === null ? {} : { customerToken }),
  });
  const reading = readOutcome(outcome, services);
  if (refusesOwnToken(reading)) line.tokens.refused(own.token);
  return { reading, raw: rawOf(outcome) };
}

function notSent(cause: string): { readonly reading: Reading; readonly raw: Raw } {
  return { reading: { kind: "uncoded", sent: false, cause }, raw: { httpStatus: null, body: null } };
}

type SignedRead = {
  readonly path: string;
  readonly body: string;
  /** A new one for each try, unless the id is already stored for this very call. */
  readonly externalId: () => string;
  readonly customerToken?: string;
};

/** A call that moves no money: a refused token of ours is renewed once and the call repeated once. */
export async function readSigned(
  line: Line,
  call: SignedRead,
  services: readonly string[],
): Promise<{ readonly kind: "read"; readonly reading: Reading; readonly outcome: Outcome } | ReadFailure> {
  for (let tries = 1; ; tries += 1) {
    const own = await line.tokens.current();
    if (own.kind !== "token") return own;
    const outcome = await postSigned(line.http, line.us, {
      ...call,
      externalId: call.externalId(),
      ownToken: own.token,
    });
    const reading = readOutcome(outcome, services);
    const refused = refusesOwnToken(reading);
    if (refused) line.tokens.refused(own.token);
    // The second token may be another process's, and as old as ours: only a fetched one proves that we are refused.
    if (!refused || tries >= 3 || (tries === 2 && own.fresh)) return { kind: "read", reading, outcome };
  }
}

function refusesOwnToken(reading: Reading): boolean {
  return reading.kind === "coded" && meaningOf(reading.code, reading.message)?.codeClass === "own_token";
}
