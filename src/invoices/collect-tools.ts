import type { Logger } from "pino";
import type { CustomerTokens } from "../customers/customer-token.flow.ts";
import type { DunningPolicy } from "../dunning/policy.ts";
import type { PolicyBook } from "../dunning/policy-book.ts";
import type { Gateway } from "../gateway/gateway.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
import type { Permits } from "../platform/permits.ts";

/** What deciding and recording need. */
export type DecideTools = {
  readonly db: Database;
  readonly clock: Clock;
  /** The built-in policy: of what no invoice is at hand for. */
  readonly policy: DunningPolicy;
  readonly policies: PolicyBook;
  readonly log: Logger;
  /** Real ms after a send in which "not found" does not count; 0 unless the clock is turned. */
  readonly notFoundBlindMs: number;
  /** The least that is charged, in rupiah. */
  readonly minCharge: number;
};

/** What collecting needs besides. */
export type CollectTools = DecideTools & {
  readonly gateway: Gateway;
  readonly tokens: CustomerTokens;
  readonly permits: Permits;
  /** A call to the gateway takes at most this long (real time). */
  readonly gatewayTimeoutMs: number;
  /** How long a worker has an invoice to itself (real time): six time-outs. */
  readonly leaseMs: number;
  /** The share of calls without a usable answer above which the shared breaker opens, in percent. */
  readonly breakerPercent: number;
};
