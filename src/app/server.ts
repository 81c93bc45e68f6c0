import { bindingRoutes } from "../customers/binding.routes.ts";
import { customerRoutes } from "../customers/customer.routes.ts";
import { exceptionRoutes } from "../exceptions/exception.routes.ts";
import { inboundKeys } from "../gateway/snap/inbound.ts";
import { invoiceRoutes } from "../invoices/invoice.routes.ts";
import { stopRoutes } from "../invoices/stop.routes.ts";
import { AwayError } from "../kernel/errors.ts";
import { receiveRoutes } from "../notifications/receive.routes.ts";
import { planRoutes } from "../plans/plan.routes.ts";
import type { ApiRoute } from "../platform/api-route.ts";
import { type HttpServer, openHttpServer, type RawRoute, type ReadyCheck } from "../platform/http-server.ts";
import { pingQueue } from "../platform/queue.ts";
import { reportRoutes } from "../reports/reports.routes.ts";
import { readClockSkew } from "../scheduler/scheduler.store.ts";
import { subscriptionRoutes } from "../subscriptions/subscription.routes.ts";
import type { House } from "./house.ts";

/** Signed times and leases stop making sense when our clock and PostgreSQL's differ by more. */
export const MAX_CLOCK_SKEW_MS = 2_000;

/** Opens the HTTP doors of a house: the merchant's API, the gateway's calls on us, health and readiness. */
export function openDoors(
  house: House,
  options: { readonly host: string; readonly port: number },
): Promise<HttpServer> {
  return openHttpServer({
    ...options,
    db: house.db,
    log: house.log,
    apiKeys: house.config.apiKeys,
    apiRoutes: apiRoutes(house),
    rawRoutes: gatewayRoutes(house),
    readyChecks: readyChecks(house),
  });
}

/** Every route below `/api/v1`. */
function apiRoutes(house: House): ApiRoute[] {
  const { db, clock, sealer, config, policy, decide, bindings } = house;
  const { billingZone, minCharge } = config;
  return [
    ...planRoutes({ db, clock, billingZone, minCharge }),
    ...customerRoutes({ db, clock, sealer }),
    ...bindingRoutes({ ...bindings, customerToken: house.collect.tokens }),
    ...subscriptionRoutes({ db, clock, billingZone, windowFrom: policy.window?.from ?? null }),
    ...invoiceRoutes({ decide, ring: house.ringInvoices }),
    ...stopRoutes(decide),
    ...exceptionRoutes({ db, clock }),
    ...reportRoutes({ db, clock, zone: billingZone }),
  ];
}

function gatewayRoutes(house: House): RawRoute[] {
  const { db, clock, log, config, sealer } = house;
  const { gateway } = config;
  return receiveRoutes({
    db,
    clock,
    log,
    sealer,
    ring: house.ringDeliveries,
    keys: inboundKeys({ ...gateway, callers: gateway.notifyClientIds, dokuPublicKey: gateway.publicKey }),
    publicUrl: config.publicUrl,
    countRefusal: () => {},
  });
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
