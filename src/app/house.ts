import type { Logger } from "pino";
import type { ActivateBindingTools } from "../customers/activate-binding.flow.ts";
import { customerTokens } from "../customers/customer-token.flow.ts";
import { defaultPolicy } from "../dunning/default-policy.ts";
import type { DunningPolicy } from "../dunning/policy.ts";
import { policyBook } from "../dunning/policy-book.flow.ts";
import type { Gateway } from "../gateway/gateway.ts";
import { snapGateway } from "../gateway/snap/gateway.ts";
import type { Http } from "../gateway/snap/http.ts";
import { collectJob } from "../invoices/collect.job.ts";
import type { CollectTools, DecideTools } from "../invoices/collect-tools.ts";
import { wakeWaitingForMethod } from "../invoices/invoice.store.ts";
import type { DeliveryId, InvoiceId, RefundId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import { handleJob } from "../notifications/handle.job.ts";
import { type Clock, systemClock, turnedClock } from "../platform/clock.ts";
import type { Config, GatewayConfig } from "../platform/config.ts";
import type { Database } from "../platform/database.ts";
import { sharedPermits } from "../platform/permits.ts";
import { BELLS, type BellQueue, openQueue, type QueueBackend } from "../platform/queue.ts";
import { realNow } from "../platform/real-time.ts";
import { type EncryptionKey, type Sealer, sealer } from "../platform/secrets.ts";
import { onTheWire } from "../platform/wire-calls.ts";
import { giveBackJob } from "../refunds/give-back.job.ts";
import { activateSubscriptionsOf } from "../subscriptions/activate-subscriptions.flow.ts";
import { noGateway } from "./no-gateway.ts";
import { openHouseDatabase } from "./schema.ts";

/** How many gateway time-outs a lease lasts: room for token, balance and payment, and as much again for a slow machine. */
const LEASE_TIMEOUTS = 6;
/** In turned time "not found" does not count within this many gateway time-outs of real time. */
const BLIND_TIMEOUTS = 2;
/** How many ids one bell carries. */
const BELL_SIZE = 250;

/** Everything wired together, by hand. */
export type House = {
  readonly config: Config;
  readonly db: Database;
  readonly clock: Clock;
  readonly policy: DunningPolicy;
  readonly sealer: Sealer;
  readonly log: Logger;
  readonly gateway: Gateway;
  readonly backend: QueueBackend;
  readonly bells: BellQueue;
  readonly decide: DecideTools;
  readonly collect: CollectTools;
  readonly bindings: ActivateBindingTools;
  /** Rings for these invoices, a page a bell. */
  ringInvoices(ids: readonly InvoiceId[]): Promise<void>;
  ringRefunds(ids: readonly RefundId[]): Promise<void>;
  ringDeliveries(ids: readonly DeliveryId[]): Promise<void>;
  close(): Promise<void>;
};

/** Which queue the configuration asks for. */
export function queueBackendOf(config: Config, databaseUrl: string): QueueBackend {
  return config.redisUrl === null
    ? { kind: "postgres", url: databaseUrl }
    : { kind: "redis", url: config.redisUrl };
}

/** The dunning policy that the configuration's window and ladder make. */
function policyOf(config: Config): DunningPolicy {
  return defaultPolicy({
    zone: config.billingZone,
    window: config.chargeWindow,
    inquiryLadderMs: config.inquiryLadderMs,
  });
}

/** The ends of a house that reach outside. */
export type HouseParts = {
  readonly db: Database;
  readonly bells: BellQueue;
  readonly http: Http;
  /** The built-in policy, as the simulation wants it. */
  readonly policyOf?: (builtIn: DunningPolicy) => DunningPolicy;
};

/** Wires a process; without the configuration of a gateway whoever calls one is told what is missing. `databaseUrl` is resolved by the caller, because an embedded server has to be started first. */
export async function openHouse(
  config: Config,
  options: {
    readonly role: string;
    readonly databaseUrl: string;
    readonly encryptionKeys: readonly EncryptionKey[];
    readonly log: Logger;
    /** The wire's time: real, unless our own simulator's clock is turned with ours. */
    readonly wireNow?: () => Instant;
    /** What the simulation puts in the place of connections, sockets and the queue. */
    readonly parts?: HouseParts;
  },
): Promise<House> {
  const { log, databaseUrl, parts } = options;
  const db = parts?.db ?? (await openHouseDatabase(databaseUrl, options.role));
  const clock = config.turnedClock ? turnedClock : systemClock;
  const builtIn = policyOf(config);
  const policy = parts?.policyOf?.(builtIn) ?? builtIn;
  const box = sealer(options.encryptionKeys);
  const backend = queueBackendOf(config, databaseUrl);
  const bells = parts?.bells ?? openQueue(backend, BELLS, log);
  const wireNow = options.wireNow ?? realNow;
  const gateway =
    config.gateway === null
      ? noGateway
      : wireGateway(config, config.gateway, { db, sealer: box, now: wireNow, http: parts?.http });
  const notFoundBlindMs = config.turnedClock ? BLIND_TIMEOUTS * config.gatewayTimeoutMs : 0;
  const decide = {
    db,
    clock,
    policy,
    policies: policyBook(policy),
    log,
    notFoundBlindMs,
    minCharge: config.minCharge,
  };
  const windowFrom = policy.window?.from ?? null;
  const tracked = config.turnedClock ? onTheWire(gateway, db, config.gatewayTimeoutMs) : gateway;
  return {
    config,
    db,
    clock,
    policy,
    sealer: box,
    log,
    gateway: tracked,
    backend,
    bells,
    decide,
    collect: {
      ...decide,
      gateway,
      tokens: customerTokens({ db, clock, sealer: box, gateway, wireNow }),
      permits: sharedPermits(db, config.gatewayRatePerSecond),
      gatewayTimeoutMs: config.gatewayTimeoutMs,
      leaseMs: LEASE_TIMEOUTS * config.gatewayTimeoutMs,
      breakerPercent: config.breakerPercent,
    },
    bindings: {
      db,
      clock,
      sealer: box,
      gateway: tracked,
      wireNow,
      onActive: async (tx, customerId, now) => {
        await activateSubscriptionsOf(tx, [customerId], now, windowFrom);
        await wakeWaitingForMethod(tx, customerId, now);
      },
    },
    ...ringers(bells),
    close: async () => {
      await bells.close();
      await gateway.close();
      await db.close();
    },
  };
}

function ringers(bells: BellQueue): Pick<House, "ringInvoices" | "ringRefunds" | "ringDeliveries"> {
  return {
    ringInvoices: (ids) =>
      bells.ringBulk(
        collectJob.name,
        pages(ids).map((invoiceIds) => ({ invoiceIds })),
      ),
    ringRefunds: (ids) =>
      bells.ringBulk(
        giveBackJob.name,
        pages(ids).map((refundIds) => ({ refundIds })),
      ),
    ringDeliveries: (ids) =>
      bells.ringBulk(
        handleJob.name,
        pages(ids).map((deliveryIds) => ({ deliveryIds })),
      ),
  };
}

function wireGateway(
  { publicUrl, gatewayTimeoutMs }: Config,
  { baseUrl, clientId, secretKey, privateKey }: GatewayConfig,
  tools: {
    readonly db: Database;
    readonly sealer: Sealer;
    readonly now: () => Instant;
    readonly http: Http | undefined;
  },
) {
  return snapGateway({
    ...tools,
    baseUrl,
    clientId,
    secretKey,
    privateKey,
    returnUrls: { paid: `${publicUrl}/return/paid`, failed: `${publicUrl}/return/failed` },
    timeoutMs: gatewayTimeoutMs,
  });
}

function pages<T>(items: readonly T[]): T[][] {
  const made: T[][] = [];
  for (let from = 0; from < items.length; from += BELL_SIZE) made.push(items.slice(from, from + BELL_SIZE));
  return made;
}
