import type { ActivateBindingTools } from "../customers/activate-binding.flow.ts";
import type { DunningPolicy } from "../dunning/policy.ts";
import type { Http } from "../gateway/snap/http.ts";
import { collector } from "../invoices/collect.flow.ts";
import { collectJob } from "../invoices/collect.job.ts";
import type { CollectTools, DecideTools } from "../invoices/collect-tools.ts";
import type { DeliveryId, InvoiceId, RefundId } from "../kernel/ids.ts";
import { deliveryHandler } from "../notifications/handle.flow.ts";
import { handleJob } from "../notifications/handle.job.ts";
import type { ApiRoute } from "../platform/api-route.ts";
import type { Database } from "../platform/database.ts";
import type { RawRoute } from "../platform/http-server.ts";
import type { BellHandlers, BellQueue } from "../platform/queue.ts";
import { giveBackJob } from "../refunds/give-back.job.ts";
import { tick } from "../scheduler/tick.flow.ts";
import type { Actor } from "./stepper.ts";

/** The ends that the simulation gives to a house. */
export type SimulatedParts = {
  readonly db: Database;
  readonly bells: BellQueue;
  readonly http: Http;
  readonly policyOf: (builtIn: DunningPolicy) => DunningPolicy;
};

/** What the simulation needs of a house; `app` wires it. */
export type SimulatedHouse = {
  readonly decide: DecideTools;
  readonly collect: CollectTools;
  readonly bindings: ActivateBindingTools;
  readonly ringInvoices: (ids: readonly InvoiceId[]) => Promise<void>;
  readonly ringRefunds: (ids: readonly RefundId[]) => Promise<void>;
  readonly ringDeliveries: (ids: readonly DeliveryId[]) => Promise<void>;
  readonly apiRoutes: readonly ApiRoute[];
  readonly gatewayRoutes: readonly RawRoute[];
};

/** One process of the installation: it dies as a whole, and another of its name takes its place. */
export type Process = {
  readonly actor: Actor;
  readonly house: SimulatedHouse;
  readonly handlers: BellHandlers;
};

/** Starts a process: what it keeps in memory begins anew. */
export async function startProcess(
  name: string,
  open: (role: string) => Promise<SimulatedHouse>,
): Promise<Process> {
  const house = await open(name);
  const { collect, decide, bindings } = house;
  const collecting = collector(collect);
  const handling = deliveryHandler({ decide, bindings, log: decide.log });
  return {
    actor: { name, alive: true, asleep: false, endings: new Set() },
    house,
    handlers: {
      [collectJob.name]: (data) => collectJob.run(collecting, data as never),
      [giveBackJob.name]: (data) => giveBackJob.run(collect, data as never),
      [handleJob.name]: (data) => handleJob.run(handling, data as never),
    },
  };
}

/** One beat of the scheduler in a process. */
export async function beat({ house }: Process): Promise<void> {
  await tick({
    decide: house.decide,
    ringInvoices: async (pages) => {
      for (const page of pages) await house.ringInvoices(page);
    },
    ringRefunds: house.ringRefunds,
    ringDeliveries: house.ringDeliveries,
    countWaiting: async () => 0,
    backlogLimit: 1,
    log: house.decide.log,
  });
}
