import { bindingRoutes } from "../customers/binding.routes.ts";
import { customerRoutes } from "../customers/customer.routes.ts";
import { defaultPolicy } from "../dunning/default-policy.ts";
import { policyRoutes } from "../dunning/policy.routes.ts";
import { exceptionRoutes } from "../exceptions/exception.routes.ts";
import { type FallbackToken, inboundKeys } from "../gateway/snap/inbound.ts";
import { findOwnToken, tokenIssuer } from "../gateway/snap/own-token.store.ts";
import { ruleAlarms } from "../invariants/nightly-check.flow.ts";
import { billedSince } from "../invoices/billed-since.store.ts";
import { byHandRoutes } from "../invoices/by-hand.routes.ts";
import { catchUpRoutes } from "../invoices/catch-up.routes.ts";
import { whyCustomerIsNeeded } from "../invoices/customer-needed.store.ts";
import { invoiceRoutes } from "../invoices/invoice.routes.ts";
import { payLinkRoutes } from "../invoices/pay-link.routes.ts";
import { planChangeRoutes } from "../invoices/plan-change.routes.ts";
import { runningInvoices } from "../invoices/policy-move.store.ts";
import { stopRoutes } from "../invoices/stop.routes.ts";
import { subscriptionEventRoutes } from "../invoices/subscription-events.routes.ts";
import { timelineRoutes } from "../invoices/timeline.routes.ts";
import { noteWalletGone } from "../invoices/wallet-gone.flow.ts";
import { AwayError, InvariantError } from "../kernel/errors.ts";
import { receiveRoutes } from "../notifications/receive.routes.ts";
import { planRoutes } from "../plans/plan.routes.ts";
import { descriptionRoutes } from "../platform/api-description.ts";
import type { ApiRoute } from "../platform/api-route.ts";
import type { Config, GatewayConfig } from "../platform/config.ts";
import {
  type HttpServer,
  type HttpServerTools,
  openHttpServer,
  type RawRoute,
  type ReadyCheck,
} from "../platform/http-server.ts";
import { pingQueue } from "../platform/queue.ts";
import { refundRoutes } from "../refunds/refund.routes.ts";
import { reportRoutes } from "../reports/reports.routes.ts";
import { readClockSkew } from "../scheduler/scheduler.store.ts";
import { calendarEventRoutes } from "../subscriptions/calendar-events.routes.ts";
import { importRoutes } from "../subscriptions/import.routes.ts";
import { planMigrationRoutes } from "../subscriptions/plan-migration.routes.ts";
import { subscriptionRoutes } from "../subscriptions/subscription.routes.ts";
import type { House } from "./house.ts";

/** Signed times and leases stop making sense when our clock and PostgreSQL's differ by more. */
export const MAX_CLOCK_SKEW_MS = 2_000;

/** Opens the HTTP doors of a house: the merchant's API, the gateway's calls on us, health and readiness. */
export function openDoors(
  house: House,
  options: Pick<HttpServerTools, "host" | "port" | "farewellMs">,
): Promise<HttpServer> {
  const routes = apiRoutes(house);
  return openHttpServer({
    ...options,
    db: house.db,
    log: house.log,
    apiKeys: house.config.apiKeys,
    apiRoutes: routes,
    rawRoutes: [...gatewayRoutes(house), ...descriptionRoutes(routes)],
    readyChecks: readyChecks(house),
    alarms: () => ruleAlarms(house.db),
  });
}

/** Every route below `/api/v1`. */
export function apiRoutes(house: House): ApiRoute[] {
  const { db, clock, sealer, config, policy, decide, bindings } = house;
  const { billingZone, minCharge } = config;
  return [
    ...planRoutes({ db, clock, billingZone, minCharge }),
    ...planMigrationRoutes({ db, clock, billingZone, minCharge, billedSince }),
    ...policyRoutes({ db, clock, builtIn: () => builtInPolicy(config), running: runningInvoices }),
    ...customerRoutes({ db, clock, sealer, whyNeeded: whyCustomerIsNeeded }),
    ...bindingRoutes({
      ...bindings,
      customerToken: house.collect.tokens,
      onGone: (tx, customerId, says, now) =>
        noteWalletGone(tx, customerId, { says, policyVersion: policy.version }, now),
    }),
    ...subscriptionRoutes({ db, clock, billingZone, minCharge, windowFrom: policy.window?.from ?? null }),
    ...importRoutes({ db, clock, sealer, billingZone, minCharge, windowFrom: policy.window?.from ?? null }),
    ...calendarEventRoutes({ db, clock, billingZone, minCharge, windowFrom: policy.window?.from ?? null }),
    ...subscriptionEventRoutes({ decide, ring: house.ringInvoices }),
    ...planChangeRoutes({ decide, ring: house.ringInvoices }),
    ...timelineRoutes({ db }),
    ...catchUpRoutes({ db, clock, minCharge, windowFrom: policy.window?.from ?? null }),
    ...invoiceRoutes({ decide, ring: house.ringInvoices }),
    ...byHandRoutes({ collect: house.collect, ring: house.ringInvoices }),
    ...payLinkRoutes(house.collect),
    ...refundRoutes({
      ...decide,
      terms: { windowDays: config.refundWindowDays, parts: config.refundParts },
      ring: house.ringRefunds,
    }),
    ...stopRoutes(decide),
    ...exceptionRoutes({ db, clock }),
    ...reportRoutes({ db, clock, zone: billingZone }),
  ];
}

function builtInPolicy({ billingZone, chargeWindow, inquiryLadderMs }: Config) {
  return defaultPolicy({ zone: billingZone, window: chargeWindow, inquiryLadderMs });
}

/** The routes that the gateway calls. */
export function gatewayRoutes(house: House): RawRoute[] {
  const { db, clock, log, config, sealer } = house;
  const gateway = gatewayOf(config);
  return receiveRoutes({
    db,
    clock,
    log,
    sealer,
    ring: house.ringDeliveries,
    keys: inboundKeys({ ...gateway, callers: gateway.notifyClientIds, dokuPublicKey: gateway.publicKey }),
    publicUrl: config.publicUrl,
    ...(gateway.notifyFallback ? { fallbacks: () => fallbackTokens(house) } : {}),
    countRefusal: () => {},
  });
}

function gatewayOf({ gateway }: Config): GatewayConfig {
  if (gateway === null) throw new InvariantError("the doors were opened without the gateway's configuration");
  return gateway;
}

/** The token that DOKU gave us, and none: what its own libraries and samples sign with. */
async function fallbackTokens({ db, sealer, config }: House): Promise<FallbackToken[]> {
  const { clientId, baseUrl } = gatewayOf(config);
  const own = await db.begin((tx) => findOwnToken(tx, sealer, tokenIssuer(clientId, baseUrl)));
  const doku = own === null ? [] : [{ kind: "doku" as const, token: own.token }];
  return [...doku, { kind: "empty", token: "" }];
}

function readyChecks({ db, backend }: House): ReadyCheck[] {
  return [
    { name: "postgres", check: () => db.ping() },
    { name: "queue", check: () => pingQueue(backend) },
    {
      name: "migrations",
      check: async () => {
        if (await db.pendingMigrations()) throw new AwayError("run `tagih migrate`");
      },
    },
    {
      name: "clock",
      check: async () => {
        const skewMs = Math.abs(await db.begin((tx) => readClockSkew(tx)));
        if (skewMs > MAX_CLOCK_SKEW_MS)
          throw new AwayError(`this machine's clock is ${skewMs} ms off PostgreSQL's`);
      },
    },
  ];
}
