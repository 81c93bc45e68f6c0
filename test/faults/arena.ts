// Everything one fault run needs: a real PostgreSQL that keeps its promises, the queue's back end, the stand-in
// gateway with its own ledger, and servers and workers as processes of their own that can be killed.
import { generateKeyPairSync } from "node:crypto";
import { createWriteStream } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pino } from "pino";
import { migrate, openHouseDatabase } from "../../src/app/schema.ts";
import { merchant } from "../../src/app/simulator-command.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { setTurnedClock } from "../../src/platform/clock.ts";
import type { Database } from "../../src/platform/database.ts";
import { freePort } from "../../src/platform/embedded/server.ts";
import { privatePemOf, publicPemOf } from "../../src/platform/pem.ts";
import {
  BELLS,
  type BellQueue,
  migrateQueue,
  openQueue,
  type QueueBackend,
} from "../../src/platform/queue.ts";
import { newEncryptionKey } from "../../src/platform/secrets.ts";
import { until } from "../../src/platform/timer.ts";
import type { Companion, TurnTools } from "../../src/scheduler/turn-clock.flow.ts";
import { type Simulator, startSimulator } from "../../src/simulator/simulator.ts";
import { type Backing, openBacking } from "./backing.ts";
import { end, isReady, launch, type Process, type Sentence } from "./process.ts";
import { openProxy } from "./proxy.ts";

export const GATEWAY_TIMEOUT_MS = 1_000;
/** Six time-outs, as the product counts. */
export const LEASE_MS = 6 * GATEWAY_TIMEOUT_MS;
const CLIENT_ID = "BRN-0000-0000000000001";
const SECRET = "SK-faults-only-0000000001";
const API_KEY = "faults-only-key-0000000001";
/** What all processes of the run said. */
export const LOG_FILE = join(tmpdir(), `tagih-faults-${process.pid}.log`);
/** A cold start under tsx on a busy machine. */
const BOOT_PATIENCE_MS = 60_000;

/** A place among the servers; who stands in it may change. */
export type Seat = { readonly url: string; process: Process };

export type Arena = {
  readonly db: Database;
  readonly simulator: Simulator;
  readonly backing: Backing;
  /** Where merchant and gateway reach us. */
  readonly serverUrl: string;
  readonly apiKey: string;
  readonly bells: BellQueue;
  /** All that were ever started. */
  readonly workers: Process[];
  readonly servers: readonly Seat[];
  readonly turn: TurnTools;
  readonly companion: Companion;
  startWorker(sentence?: Sentence): Process;
  /** Fills the seat anew; `isReady` says when. */
  startServer(seat: Seat, sentence?: Sentence): void;
  close(): Promise<void>;
};

export type ArenaOptions = {
  readonly queue: QueueBackend["kind"];
  readonly workers: number;
  /** More than one stand behind a proxy. */
  readonly servers?: number;
  readonly latencyMs: number;
  readonly start: Instant;
  /** What this run sets otherwise than the others. */
  readonly env?: Readonly<Record<string, string>>;
};

export async function openArena(options: ArenaOptions): Promise<Arena> {
  const { workers, latencyMs, start } = options;
  const backing = await openBacking(options.queue);
  await migrate(backing.databaseUrl);
  await migrateQueue(backing.queue);
  const db = await openHouseDatabase(backing.databaseUrl, "faults", 4);
  await db.begin((tx) => setTurnedClock(tx, start));
  const simulator = await startSimulator({ now: start, latencyMs, autoLink: true });
  const ports = await Promise.all(Array.from({ length: options.servers ?? 1 }, freePort));
  const proxy = ports.length > 1 ? await openProxy(ports) : null;
  const serverUrl = proxy?.url ?? urlOf(ports[0] ?? 0);
  const env = environment(backing, simulator, serverUrl, options.env ?? {});
  // Every process of the run writes into it.
  const log = createWriteStream(LOG_FILE).setMaxListeners(0);
  const bells = openQueue(backing.queue, BELLS, pino({ level: "silent" }));
  const running: Process[] = [];
  const startWorker = (sentence?: Sentence) => {
    const worker = launch("worker", `worker-${running.length + 1}`, env, log, sentence);
    running.push(worker);
    return worker;
  };
  const serve = (url: string, sentence?: Sentence) =>
    launch("serve", `server ${url}`, { ...env, PORT: new URL(url).port }, log, sentence);
  const ready = (url: string) => until(`${url} is ready`, BOOT_PATIENCE_MS, () => isReady(url));
  const servers = ports.map(urlOf).map((url): Seat => ({ url, process: serve(url) }));
  await Promise.all(servers.map(({ url }) => ready(url)));
  for (let count = 0; count < workers; count += 1) startWorker();
  return {
    db,
    simulator,
    backing,
    serverUrl,
    apiKey: API_KEY,
    bells,
    workers: running,
    servers,
    turn: {
      db,
      countBells: async () => (await bells.waitingCount()) + (await bells.activeCount()),
      patienceMs: LEASE_MS,
    },
    companion: {
      nextEventAt: async () => simulator.nextEventAt(),
      busy: async () => simulator.busy(),
      moveTo: (at) => simulator.setClock(at),
    },
    startWorker,
    startServer: (seat, sentence) => {
      seat.process = serve(seat.url, sentence);
    },
    close: async () => {
      await Promise.all(
        [...running, ...servers.map((seat) => seat.process)].map((each) => end(each, "SIGTERM")),
      );
      log.end();
      await proxy?.close();
      await simulator.stop();
      await bells.close();
      await db.close();
      await backing.close();
    },
  };
}

function urlOf(port: number): string {
  return `http://127.0.0.1:${port}`;
}

function environment(
  { databaseUrl, queue }: Backing,
  simulator: Simulator,
  serverUrl: string,
  given: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const publicKey = publicPemOf(keys.privateKey);
  simulator.addMerchant(merchant(serverUrl, CLIENT_ID, SECRET, publicKey));
  return {
    PATH: process.env["PATH"],
    DATABASE_URL: databaseUrl,
    ...(queue.kind === "redis" ? { REDIS_URL: queue.url } : { QUEUE_BACKEND: "postgres" }),
    PUBLIC_URL: serverUrl,
    DOKU_BASE_URL: simulator.url,
    DOKU_CLIENT_ID: CLIENT_ID,
    DOKU_SECRET_KEY: SECRET,
    DOKU_PRIVATE_KEY: privatePemOf(keys.privateKey),
    DOKU_PUBLIC_KEY: simulator.publicKeyPem,
    TAGIH_API_KEYS: `faults:admin:${API_KEY}`,
    TAGIH_ENCRYPTION_KEY: newEncryptionKey("faults"),
    TAGIH_CLOCK: "turned",
    CHARGE_WINDOW: "always",
    GATEWAY_TIMEOUT_MS: String(GATEWAY_TIMEOUT_MS),
    GATEWAY_RATE_PER_SECOND: "100000",
    TICK_EVERY_MS: "100",
    ...given,
  };
}
