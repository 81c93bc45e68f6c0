// A process of five workers, each with a collector and BullMQ connections of its own. Every page of invoices it is
// given it holds at a gate: it says "taken <worker>" and collects when it reads "go", so that many start at once.
import { once } from "node:events";
import { createInterface } from "node:readline";
import { pino } from "pino";
import { openHouse } from "../../src/app/house.ts";
import { collector } from "../../src/invoices/collect.flow.ts";
import { collectJob } from "../../src/invoices/collect.job.ts";
import { deliveryHandler } from "../../src/notifications/handle.flow.ts";
import { handleJob } from "../../src/notifications/handle.job.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { BELLS, openBellWorker } from "../../src/platform/queue.ts";

const WORKERS = 5;
/** Two bells at a time: forty bells are in the hands of twenty workers before the gate opens. */
const CONCURRENCY = 2;
const DRAIN_MS = 10_000;

const config = loadConfig(process.env, { gateway: true });
const log = pino({ level: "error" }, pino.destination(2));
const house = await openHouse(config, {
  role: "worker",
  databaseUrl: config.databaseUrl ?? "",
  encryptionKeys: config.encryptionKeys ?? [],
  log,
});
const orders = createInterface(process.stdin);
const gate = once(orders, "line");
const stopped = once(orders, "close");
const say = (text: string) => process.stdout.write(`${text}\n`);

const handling = deliveryHandler({ decide: house.decide, bindings: house.bindings, log });
const workers = Array.from({ length: WORKERS }, (_, number) => {
  const collecting = collector(house.collect);
  const answers = {
    [collectJob.name]: async (data: unknown) => {
      say(`taken ${number}`);
      await gate;
      await collectJob.run(collecting, data);
    },
    [handleJob.name]: (data: unknown) => handleJob.run(handling, data),
  };
  const lockMs = house.collect.leaseMs;
  return openBellWorker(house.backend, BELLS, answers, { concurrency: CONCURRENCY, lockMs, log });
});
say("ready");

await stopped;
await Promise.all(workers.map((worker) => worker.close(DRAIN_MS)));
await house.close();
process.exit(0);
