// What a worker process holds in memory: idle, and while it charges everything that is due.
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type pg from "pg";
import { freePort } from "../../src/platform/embedded/server.ts";
import { parseEncryptionKey, sealer } from "../../src/platform/secrets.ts";
import { sleep, until } from "../../src/platform/timer.ts";
import {
  demandAlive,
  type Launched,
  launch,
  launchGateway,
  type RunningGateway,
  untilSaid,
  WORKER_MEMORY,
} from "../launch.ts";
import { peakMegabytes } from "../proc.ts";
import { makeDue, makeTokens, scatter } from "./rows.ts";
import { type Addresses, environmentFor, identity } from "./stage.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/tagih.mjs");
/** Beats of a second; what an idle worker needs it has taken by then. */
const IDLE_MS = 15_000;
const BOOT_PATIENCE_MS = 60_000;
/** Without one more notification in this time the drain is stuck. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 100;
const SAY_EVERY_MS = 10_000;

/** Processes that run now, to be ended with the run whatever happens. */
const running = new Set<Launched>();

/** Ends what still runs. */
export async function stopProcesses(): Promise<void> {
  await Promise.all([...running].map((each) => each.stop()));
  running.clear();
}

/** Peak memory of a worker that has nothing to do, in MB; null where it cannot be read. */
export async function measureIdleWorker(databaseUrl: string): Promise<number | null> {
  return withFolder(async (folder) => {
    const worker = start("worker", "worker", { databaseUrl }, folder);
    await untilSaid(worker, `"event":"worker.started"`);
    await sleep(IDLE_MS);
    demandAlive(worker);
    return peakMegabytes(worker.pid);
  });
}

export type Drain = {
  readonly charges: number;
  /** From the moment all are due until the last notification is handled. */
  readonly seconds: number;
  /** Peaks in MB; null where they cannot be read. */
  readonly workerMegabytes: number | null;
  readonly serverMegabytes: number | null;
};

/** One worker and one server charge `count` invoices that are due at once; throws unless each is paid exactly once. */
export async function measureDrain(
  client: pg.Client,
  databaseUrl: string,
  {
    size,
    count,
    say,
  }: { readonly size: number; readonly count: number; readonly say: (line: string) => void },
): Promise<Drain> {
  const rows = scatter(size, count, 0);
  const key = parseEncryptionKey(identity.encryptionKey);
  if (key === null) throw new Error("the run's own encryption key cannot be read");
  await makeTokens(client, sealer([key]), rows);
  return withFolder(async (folder) => {
    const merchantPort = await freePort();
    const gateway = await launchGateway(gatewayFor(merchantPort), folder);
    running.add(gateway.launched);
    const addresses = { databaseUrl, gatewayUrl: gateway.url, merchantPort };
    const server = start("server", "serve", addresses, folder);
    const worker = start("worker", "worker", addresses, folder);
    await untilSaid(server, `"event":"server.listening"`);
    await untilSaid(worker, `"event":"worker.started"`);
    await makeDue(client, rows);
    const started = performance.now();
    const sayHowFar = (paid: number) =>
      say(`charged ${paid}, worker ${peakMegabytes(worker.pid)} MB, server ${peakMegabytes(server.pid)} MB`);
    await untilPaid(client, gateway, { processes: [server, worker], count, sayHowFar });
    const seconds = (performance.now() - started) / 1_000;
    const { payments, duplicates } = await gateway.summary();
    if (payments !== count || duplicates > 0)
      throw new Error(`${payments} payments, ${duplicates} of them twice, for ${count} invoices`);
    return {
      charges: count,
      seconds,
      workerMegabytes: peakMegabytes(worker.pid),
      serverMegabytes: peakMegabytes(server.pid),
    };
  });
}

function gatewayFor(merchantPort: number) {
  const { clientId, secretKey, gatewayPrivateKey: privateKey } = identity;
  return { latencyMs: 0, merchantUrl: `http://127.0.0.1:${merchantPort}`, clientId, secretKey, privateKey };
}

/** Counting rows would cost more than charging them: the gateway counts, and the last look is at the open ones. */
async function untilPaid(
  client: pg.Client,
  gateway: RunningGateway,
  drain: {
    readonly processes: readonly Launched[];
    readonly count: number;
    readonly sayHowFar: (paid: number) => void;
  },
): Promise<void> {
  const trace = { paid: 0, movedMs: performance.now(), saidMs: performance.now() };
  while (trace.paid < drain.count) {
    for (const each of drain.processes) demandAlive(each);
    const { delivered } = await gateway.summary();
    if (delivered > trace.paid) trace.movedMs = performance.now();
    trace.paid = delivered;
    if (performance.now() - trace.movedMs > PATIENCE_MS)
      throw new Error(`stuck at ${delivered} of ${drain.count} charges`);
    if (performance.now() - trace.saidMs > SAY_EVERY_MS) {
      trace.saidMs = performance.now();
      drain.sayHowFar(delivered);
    }
    await sleep(LOOK_EVERY_MS);
  }
  await until("no invoice is open", BOOT_PATIENCE_MS, async () => {
    const { rows } = await client.query(`select id from invoices where state = 'open' limit 1`);
    return rows.length === 0;
  });
}

function start(name: string, command: string, addresses: Addresses, folder: string): Launched {
  const env = { ...environmentFor(addresses), NODE_ENV: "production" };
  const launched = launch(name, [...(command === "worker" ? WORKER_MEMORY : []), PROGRAM, command], {
    env,
    folder,
  });
  running.add(launched);
  return launched;
}

async function withFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "tagih-scale-logs-"));
  chmodSync(folder, 0o755);
  try {
    const done = await work(folder);
    await stopProcesses();
    rmSync(folder, { recursive: true, force: true });
    return done;
  } catch (cause) {
    await stopProcesses();
    throw new Error(`what the processes said is kept in ${folder}`, { cause });
  }
}
