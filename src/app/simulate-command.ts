import { generateKeyPairSync } from "node:crypto";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { InvalidError } from "../kernel/errors.ts";
import { loadConfig } from "../platform/config.ts";
import { type Database, openDatabase } from "../platform/database.ts";
import { openEmbedded } from "../platform/embedded/embedded.ts";
import { openLogger } from "../platform/logger.ts";
import { privatePemOf, publicPemOf } from "../platform/pem.ts";
import { newEncryptionKey } from "../platform/secrets.ts";
import { isWhole, type LifeOrder, type SimulationOutcome } from "../simulation/outcome.ts";
import { FAULT_LEVELS, type FaultLevel } from "../simulation/population.ts";
import { renderLife } from "../simulation/render-life.ts";
import { simulate } from "../simulation/simulate.flow.ts";
import type { Ground } from "../simulation/town.flow.ts";
import { openHouse } from "./house.ts";
import { migrate, openHouseDatabase } from "./schema.ts";
import { apiRoutes, gatewayRoutes } from "./server.ts";
import { merchant } from "./simulator-command.ts";

/** What is typed. */
export type SimulateFlags = {
  readonly subscriptions: string;
  readonly months: string;
  readonly seed: string;
  readonly faults: string;
  readonly workers: string;
  readonly lenient?: boolean;
  readonly json?: boolean;
};

const CLIENT_ID = "BRN-0000-0000000000001";
const SECRET = "SK-simulated-00000001";
const PUBLIC_URL = "http://127.0.0.1:1";
const CONNECTIONS = 16;

/** `tagih simulate`: answers true when no rule was broken. */
export async function simulateCommand(flags: SimulateFlags): Promise<boolean> {
  const order = orderOf(flags);
  const dir = mkdtempSync(join(tmpdir(), "tagih-simulate-"));
  // PostgreSQL runs as a user of its own, who must be let in.
  chmodSync(dir, 0o755);
  const embedded = await openEmbedded({ dir, role: "simulate", durable: false });
  try {
    const outcome = await simulateOn(embedded.url, order, progressOn(process.stderr));
    process.stdout.write(`${flags.json === true ? JSON.stringify(outcome) : renderLife(outcome)}\n`);
    return isWhole(outcome);
  } finally {
    await embedded.leave();
    rmSync(dir, { recursive: true, force: true });
  }
}

const BAR_CELLS = 30;

/** A bar on a terminal; where lines stay nothing is said until the end. */
function progressOn(screen: NodeJS.WriteStream): Parameters<typeof simulate>[2] {
  if (!screen.isTTY) return () => {};
  return (day, days, date) => {
    const full = Math.round((day / days) * BAR_CELLS);
    screen.write(`\r${"█".repeat(full)}${"░".repeat(BAR_CELLS - full)} ${date}${day === days ? "\n" : ""}`);
  };
}

/**
 * Lives on a database of its own at `url`: empty, or a copy of one on which nobody has lived yet. A copy has the tables
 * and not the database's own settings, by which the server's clock is the turned one: it is prepared again.
 */
export async function simulateOn(
  url: string,
  order: LifeOrder,
  progress: Parameters<typeof simulate>[2] = () => {},
): Promise<SimulationOutcome> {
  await prepareSimulation(url);
  const db = await openHouseDatabase(url, "simulate", CONNECTIONS);
  const watch = await openHouseDatabase(url, "simulate-watch", 2);
  try {
    return await simulate(order, groundOf(url, db, watch), progress);
  } finally {
    await db.close();
    await watch.close();
  }
}

/** Makes the tables for a life at `url`; safe to repeat, and a database that was prepared may be copied. */
export async function prepareSimulation(url: string): Promise<void> {
  await layTime(url);
  await migrate(url);
}

/** In this database the server's own clock is a row: leases, ages and allowances live by the turned time. */
async function layTime(url: string): Promise<void> {
  const db = await openDatabase({ url, role: "simulate", poolSize: 1 });
  const name = decodeURIComponent(new URL(url).pathname.slice(1));
  try {
    await db.query(`create table if not exists turned_time (at timestamptz not null)`);
    await db.query(
      `insert into turned_time (at)
       select pg_catalog.clock_timestamp() where not exists (select from turned_time)`,
    );
    await db.query(
      `create or replace function public.clock_timestamp() returns timestamptz language sql stable parallel safe
       as 'select at from public.turned_time'`,
    );
    // What is named first is found first: before the server's own function of this name.
    await db.query(`alter database "${name}" set search_path = public, pg_catalog`);
  } finally {
    await db.close();
  }
}

function groundOf(url: string, db: Database, watch: Database): Ground {
  const ours = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const theirs = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const gatewayKeyPem = privatePemOf(theirs.privateKey);
  const config = loadConfig(
    {
      DATABASE_URL: url,
      PUBLIC_URL,
      DOKU_BASE_URL: PUBLIC_URL,
      DOKU_CLIENT_ID: CLIENT_ID,
      DOKU_SECRET_KEY: SECRET,
      DOKU_PRIVATE_KEY: privatePemOf(ours.privateKey),
      DOKU_PUBLIC_KEY: publicPemOf(theirs.privateKey),
      GATEWAY_RATE_PER_SECOND: "100000",
      TAGIH_ENCRYPTION_KEY: newEncryptionKey("simulate"),
    },
    { gateway: true },
  );
  const log = openLogger({ level: "silent", role: "simulate" });
  return {
    db,
    watch,
    merchant: merchant(PUBLIC_URL, CLIENT_ID, SECRET, publicPemOf(ours.privateKey)),
    gatewayKeyPem,
    gatewayTimeoutMs: config.gatewayTimeoutMs,
    stopwatch: () => performance.now(),
    openHouse: async (role, parts) => {
      const encryptionKeys = config.encryptionKeys ?? [];
      const house = await openHouse(config, { role, databaseUrl: url, encryptionKeys, log, parts });
      return { ...house, apiRoutes: apiRoutes(house), gatewayRoutes: gatewayRoutes(house) };
    },
  };
}

const MOST_SUBSCRIPTIONS = 1_000_000;

/** Reads what is typed; throws `InvalidError` naming the flag. */
export function orderOf(flags: SimulateFlags): LifeOrder {
  const faults = FAULT_LEVELS.find((level) => level === flags.faults);
  if (faults === undefined)
    throw new InvalidError(`--faults: must be ${FAULT_LEVELS.join(", ")}`, { usage: true });
  return {
    subscriptions: wholeFlag("subscriptions", flags.subscriptions, MOST_SUBSCRIPTIONS),
    months: wholeFlag("months", flags.months, 120),
    seed: wholeFlag("seed", flags.seed, 999_999_999, 0),
    workers: wholeFlag("workers", flags.workers, 16),
    faults: faults satisfies FaultLevel,
    lenient: flags.lenient === true,
  };
}

function wholeFlag(name: string, text: string, most: number, least = 1): number {
  const number = Number(text);
  if (/^\d{1,9}$/.test(text) && number >= least && number <= most) return number;
  throw new InvalidError(`--${name}: must be a whole number from ${least} to ${most}`, { usage: true });
}
