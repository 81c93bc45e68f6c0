// The product: its own processes from its own command line, one server and two workers.
import { join } from "node:path";
import pg from "pg";
import { until } from "../../src/platform/timer.ts";
import type { Contender, Running, Stage } from "../contender.ts";
import { demandAlive, launch, untilSaid, WORKER_MEMORY } from "../launch.ts";
import { countPaidInvoices, handledAt, populate, scheduleSubscriptions } from "../tagih-rows.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/tagih.mjs");
const WORKERS = 2;
const BOOT_PATIENCE_MS = 60_000;

export const tagihOnRedis: Contender = {
  name: "tagih-redis",
  open: (stage) => open(stage, { QUEUE_BACKEND: "redis", REDIS_URL: stage.redisUrl ?? "" }),
};

export const tagihOnPostgres: Contender = {
  name: "tagih-postgres",
  open: (stage) => open(stage, { QUEUE_BACKEND: "postgres" }),
};

async function open(stage: Stage, queue: Readonly<Record<string, string>>): Promise<Running> {
  const env = { ...environment(stage), ...queue };
  const start = (name: string, command: string, flags: readonly string[] = []) =>
    launch(name, [...flags, PROGRAM, command], { env, folder: stage.folder });
  const migration = start("migrate", "migrate");
  await new Promise((resume) => migration.child.once("exit", resume));
  if (migration.child.exitCode !== 0) demandAlive(migration);
  const client = new pg.Client({ connectionString: stage.databaseUrl });
  await client.connect();
  const ids = await populate(client, stage.identity.encryptionKey, stage.invoices);

  const server = start("server", "serve", profiling(stage, "server"));
  const workers = Array.from({ length: WORKERS }, (_, index) =>
    start(`worker-${index + 1}`, "worker", [...WORKER_MEMORY, ...profiling(stage, `worker-${index + 1}`)]),
  );
  const url = `http://127.0.0.1:${stage.merchantPort}/readyz`;
  await until("the server is ready", BOOT_PATIENCE_MS, async () => {
    demandAlive(server);
    return fetch(url).then(
      (answer) => answer.ok,
      () => false,
    );
  });
  for (const worker of workers) await untilSaid(worker, `"event":"worker.started"`);
  const processes = [server, ...workers];
  return {
    processes,
    schedule: (batch, at) => scheduleSubscriptions(client, ids, batch, at),
    countPaid: async () => {
      for (const each of processes) demandAlive(each);
      return countPaidInvoices(client);
    },
    paidAt: (batch) => handledAt(client, ids, batch),
    stop: async () => {
      await Promise.all(processes.map((each) => each.stop()));
      await client.end();
    },
  };
}

/** The default of everything but addresses, keys, the gateway's quota and the hours of the day. */
function environment({ databaseUrl, gatewayUrl, merchantPort, identity }: Stage): Record<string, string> {
  return {
    NODE_ENV: "production",
    DATABASE_URL: databaseUrl,
    LOG_LEVEL: "info",
    PORT: String(merchantPort),
    PUBLIC_URL: `http://127.0.0.1:${merchantPort}`,
    DOKU_BASE_URL: gatewayUrl,
    DOKU_CLIENT_ID: identity.clientId,
    DOKU_SECRET_KEY: identity.secretKey,
    DOKU_PRIVATE_KEY: identity.merchantPrivateKey,
    DOKU_PUBLIC_KEY: identity.gatewayPublicKey,
    TAGIH_API_KEYS: "bench:admin:bench-only-key-0000000001",
    TAGIH_ENCRYPTION_KEY: identity.encryptionKey,
    CHARGE_WINDOW: "always",
    GATEWAY_RATE_PER_SECOND: "100000",
  };
}

function profiling({ profileFolder }: Stage, name: string): string[] {
  return profileFolder === null
    ? []
    : ["--cpu-prof", `--cpu-prof-dir=${profileFolder}`, `--cpu-prof-name=${name}.cpuprofile`];
}
