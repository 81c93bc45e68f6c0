import { generateKeyPairSync } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { pino } from "pino";
import { ConflictError } from "../../kernel/errors.ts";
import type { Instant } from "../../kernel/time.ts";
import { setTurnedClock } from "../../platform/clock.ts";
import { loadConfig } from "../../platform/config.ts";
import { findEmbedded, openEmbedded } from "../../platform/embedded/embedded.ts";
import { freePort } from "../../platform/embedded/server.ts";
import type { HttpServer } from "../../platform/http-server.ts";
import { openLogger } from "../../platform/logger.ts";
import { privatePemOf, publicPemOf } from "../../platform/pem.ts";
import { migrateQueue } from "../../platform/queue.ts";
import { randomHex } from "../../platform/random.ts";
import { newEncryptionKey } from "../../platform/secrets.ts";
import { type Simulator, startSimulator } from "../../simulator/simulator.ts";
import { type House, openHouse } from "../house.ts";
import { EMBEDDED_DIR } from "../process.ts";
import { migrate } from "../schema.ts";
import { openDoors } from "../server.ts";
import { merchant } from "../simulator-command.ts";
import { startWorker } from "../worker.ts";

/** Everything the demo runs in one process: the real server and worker, and a stand-in for the gateway. */
export type Stage = {
  readonly house: House;
  readonly simulator: Simulator;
  readonly doors: HttpServer;
  readonly apiKey: string;
  readonly notice: string;
  readonly logFile: string;
  close(): Promise<void>;
};

const DEMO_DIR = join(EMBEDDED_DIR, "demo");
const CLIENT_ID = "BRN-0000-0000000000001";
/** The gateway of the demo answers as quickly as a near one would. */
const LATENCY_MS = 5;

/** Builds the stage anew: the demo's own database below `.tagih/demo`, empty, with business time at `start`. */
export async function buildStage(start: Instant): Promise<Stage> {
  await clearOrphan();
  if (existsSync(DEMO_DIR)) rmSync(DEMO_DIR, { recursive: true, force: true });
  const embedded = await openEmbedded({ dir: DEMO_DIR, role: "demo" });
  await migrate(embedded.url);
  await migrateQueue({ kind: "postgres", url: embedded.url });
  const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const simulator = await startSimulator({ now: start, latencyMs: LATENCY_MS });
  const apiKey = randomHex(24);
  const port = await freePort();
  const secretKey = `SK-${randomHex(16)}`;
  const config = loadConfig(
    {
      ...FAST,
      DATABASE_URL: embedded.url,
      PORT: String(port),
      DOKU_BASE_URL: simulator.url,
      DOKU_CLIENT_ID: CLIENT_ID,
      DOKU_SECRET_KEY: secretKey,
      DOKU_PRIVATE_KEY: privatePemOf(keys.privateKey),
      DOKU_PUBLIC_KEY: simulator.publicKeyPem,
      TAGIH_API_KEYS: `demo:admin:${apiKey}`,
      TAGIH_ENCRYPTION_KEY: newEncryptionKey("demo"),
    },
    { gateway: true, api: true },
  );
  const logFile = join(DEMO_DIR, "demo.log");
  const log = openLogger({
    level: config.logLevel,
    role: "demo",
    to: pino.destination({ dest: logFile, sync: true }),
  });
  const encryptionKeys = config.encryptionKeys ?? [];
  const house = await openHouse(config, {
    role: "demo",
    databaseUrl: embedded.url,
    encryptionKeys,
    log,
    wireNow: () => simulator.now(),
  });
  await house.db.begin((tx) => setTurnedClock(tx, start));
  const doors = await openDoors(house, { host: "127.0.0.1", port });
  const publicKeyPem = publicPemOf(keys.privateKey);
  simulator.addMerchant(merchant(doors.url, CLIENT_ID, secretKey, publicKeyPem));
  const worker = await startWorker(house);
  return {
    house,
    simulator,
    doors,
    apiKey,
    notice: embedded.notice,
    logFile,
    close: async () => {
      await worker.stop(DRAIN_MS);
      await simulator.stop();
      await doors.close();
      await house.close();
      await embedded.leave();
    },
  };
}

const DRAIN_MS = 5_000;

/** Stops the server that a killed demo left behind; one that somebody still uses is left alone. */
async function clearOrphan(): Promise<void> {
  if ((await findEmbedded(DEMO_DIR)) === null) return;
  const found = await openEmbedded({ dir: DEMO_DIR, role: "demo" });
  // Whoever is the last to leave stops it.
  await found.leave();
  if ((await findEmbedded(DEMO_DIR)) !== null)
    throw new ConflictError("a demo runs in this folder already: end it first (Ctrl-C where it runs)");
}

/** A gateway that may be asked as fast as it answers, a beat twenty times a second, and weeks in seconds. */
const FAST = {
  TAGIH_CLOCK: "turned",
  GATEWAY_RATE_PER_SECOND: "100000",
  GATEWAY_TIMEOUT_MS: "2500",
  TICK_EVERY_MS: "50",
  CHARGE_WINDOW: "08:00-20:00",
  LOG_LEVEL: "info",
} as const;
