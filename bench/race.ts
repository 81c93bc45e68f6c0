// One contender at one latency: stage, warm-up, the timed batch, the ledger's verdict.
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../src/platform/embedded/server.ts";
import { sleep } from "../src/platform/timer.ts";
import type { Batch, Contender, Running } from "./contender.ts";
import { newIdentity } from "./identity.ts";
import { type GatewaySummary, launchGateway, type RunningGateway } from "./launch.ts";
import type { Place } from "./place.ts";
import { cpuMicros, machineMicros, peakMegabytes } from "./proc.ts";

export type Race = {
  readonly latencyMs: number;
  /** Not timed: connections, statements and the compiler become warm. */
  readonly warmUp: number;
  readonly charges: number;
  /** A second batch that is due at one moment, for the time to the first byte; 0: none. */
  readonly burst: number;
  readonly profileFolder: string | null;
};

/** The middle and the late end of many times, in milliseconds. */
export type Spread = { readonly p50: number; readonly p99: number };

/** What one batch took. Times in milliseconds from the moment it was due. */
export type Lap = {
  readonly charges: number;
  readonly elapsedMs: number;
  readonly dueToPaid: Spread;
  readonly dueToFirstByte: Spread;
  /** Deliveries of a notification that were not answered with 200, and were repeated. */
  readonly failedDeliveries: number;
  /** CPU microseconds of the whole batch; null where they cannot be read. */
  readonly cpu: {
    readonly node: number | null;
    readonly postgres: number | null;
    readonly redis: number | null;
    readonly gateway: number;
  };
  /** CPU microseconds that other programs took from this machine meanwhile. */
  readonly others: number | null;
};

export type Result = {
  readonly contender: string;
  readonly latencyMs: number;
  readonly main: Lap;
  readonly burst: Lap | null;
  readonly peakMegabytes: readonly { readonly name: string; readonly megabytes: number | null }[];
};

/** A batch is announced this long before it is due, so that announcing it costs nothing that is measured. */
const NOTICE_MS = { least: 1_500, each: 0.25 };
const LOOK_EVERY_MS = 50;
const LOOK_LAST_EVERY_MS = 10;
/** Without one more delivery in this time a run is stuck. */
const PATIENCE_MS = 60_000;

/** Runs it; throws when the ledger does not show exactly one payment for each invoice. */
export async function run(place: Place, contender: Contender, race: Race): Promise<Result> {
  const folder = mkdtempSync(join(place.folder, `${contender.name}-`));
  const name = `bench_${process.pid}_${contender.name.replaceAll("-", "_")}_${race.latencyMs}`;
  const databaseUrl = await place.createDatabase(name);
  const identity = newIdentity();
  const merchantPort = await freePort();
  const { clientId, secretKey, gatewayPrivateKey: privateKey } = identity;
  const merchantUrl = `http://127.0.0.1:${merchantPort}`;
  const { latencyMs, profileFolder } = race;
  const gateway = await launchGateway({ latencyMs, merchantUrl, clientId, secretKey, privateKey }, folder);
  let running: Running | null = null;
  try {
    running = await contender.open({
      databaseUrl,
      redisUrl: place.redis?.url ?? null,
      gatewayUrl: gateway.url,
      merchantPort,
      identity,
      latencyMs,
      invoices: race.warmUp + race.charges + race.burst,
      folder,
      profileFolder,
    });
    return await runLaps(place, { contender, race, databaseUrl, gateway, running });
  } catch (error) {
    const kept = mkdtempSync(join(tmpdir(), `tagih-bench-${contender.name}-`));
    cpSync(folder, kept, { recursive: true });
    console.error(`${contender.name} at ${latencyMs} ms FAILED; its logs are in ${kept}`);
    throw error;
  } finally {
    await running?.stop();
    await gateway.launched.stop();
    await place.dropDatabase(name);
    rmSync(folder, { recursive: true, force: true });
  }
}

type Track = {
  readonly contender: Contender;
  readonly race: Race;
  readonly databaseUrl: string;
  readonly gateway: RunningGateway;
  readonly running: Running;
};

async function runLaps(place: Place, track: Track): Promise<Result> {
  const { race, running } = track;
  const warmedUp = race.warmUp;
  const done = warmedUp + race.charges;
  if (warmedUp > 0) await runLap(place, track, { from: 0, to: warmedUp });
  await place.settle(track.databaseUrl);
  const main = await runLap(place, track, { from: warmedUp, to: done });
  const burst = race.burst === 0 ? null : await runLap(place, track, { from: done, to: done + race.burst });
  return {
    contender: track.contender.name,
    latencyMs: race.latencyMs,
    main,
    burst,
    peakMegabytes: running.processes.map(({ name, pid }) => ({ name, megabytes: peakMegabytes(pid) })),
  };
}

async function runLap(place: Place, { gateway, running }: Track, batch: Batch): Promise<Lap> {
  const charges = batch.to - batch.from;
  await gateway.reset();
  const dueAt = Date.now() + NOTICE_MS.least + Math.ceil(charges * NOTICE_MS.each);
  await running.schedule(batch, new Date(dueAt));
  if (Date.now() > dueAt) throw new Error("announcing the batch took longer than its notice");
  await sleep(dueAt - Date.now());
  const before = await readMeters(place, gateway, running);
  await untilDelivered(gateway, running, charges);
  await untilPaid(running, batch.to);
  const elapsedMs = Date.now() - dueAt;
  const after = await readMeters(place, gateway, running);
  const { failedTries } = await judge(gateway, charges);
  const since = (moments: readonly number[]) => spreadOf(moments.map((at) => at - dueAt));
  const grown = (meter: keyof typeof before) => growth(before[meter], after[meter]);
  const ours = [grown("node"), grown("postgres"), grown("redis"), grown("gateway"), grown("bench")];
  return {
    charges,
    elapsedMs,
    dueToPaid: since(await running.paidAt(batch)),
    dueToFirstByte: since(await gateway.firstBytes()),
    failedDeliveries: failedTries,
    cpu: {
      node: grown("node"),
      postgres: grown("postgres"),
      redis: grown("redis"),
      gateway: after.gateway - before.gateway,
    },
    others: restOf(grown("machine"), ours),
  };
}

function growth(from: number | null, to: number | null): number | null {
  return from === null || to === null ? null : to - from;
}

/** What is left of a sum when known parts are taken away; null when one of them is not known. */
function restOf(whole: number | null, parts: readonly (number | null)[]): number | null {
  if (whole === null || parts.includes(null)) return null;
  return Math.max(0, whole - parts.reduce<number>((sum, part) => sum + (part ?? 0), 0));
}

async function readMeters(place: Place, gateway: RunningGateway, running: Running) {
  return {
    node: cpuMicros(running.processes.map(({ pid }) => pid)),
    postgres: cpuMicros(place.postmaster === null ? [] : [place.postmaster]),
    redis: place.redis === null ? 0 : cpuMicros([place.redis.pid]),
    gateway: await gateway.cpuMicros(),
    bench: ownMicros(),
    machine: machineMicros(),
  };
}

function ownMicros(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

/** Looking at the gateway is cheap; the database is asked only when there is nothing left to wait for. */
async function untilDelivered(gateway: RunningGateway, running: Running, charges: number): Promise<void> {
  let last = { delivered: -1, at: Date.now() };
  for (;;) {
    const { delivered, payments } = await gateway.summary();
    if (delivered >= charges) return;
    if (delivered > last.delivered) last = { delivered, at: Date.now() };
    if (Date.now() - last.at > PATIENCE_MS) {
      const paid = await running.countPaid();
      throw new Error(`stuck: ${payments} payments, ${delivered} notifications taken, ${paid} paid in all`);
    }
    await sleep(LOOK_EVERY_MS);
  }
}

async function untilPaid(running: Running, total: number): Promise<void> {
  const giveUpAt = Date.now() + PATIENCE_MS;
  for (;;) {
    const paid = await running.countPaid();
    if (paid >= total) return;
    if (Date.now() > giveUpAt) throw new Error(`all were notified, but only ${paid} of ${total} became paid`);
    await sleep(LOOK_LAST_EVERY_MS);
  }
}

/** The ledger's verdict: exactly one payment an invoice, or the run fails. */
async function judge(gateway: RunningGateway, charges: number): Promise<GatewaySummary> {
  const summary = await gateway.summary();
  const { payments, duplicates, refusedTwice, delivered, givenUp } = summary;
  const wrong = [
    payments === charges ? null : `${payments} payments for ${charges} invoices`,
    duplicates === 0 ? null : `${duplicates} invoices were paid TWICE`,
    refusedTwice === 0 ? null : `${refusedTwice} payments were sent a second time, and refused`,
    delivered === charges ? null : `${delivered} notifications were taken, not ${charges}`,
    givenUp === 0 ? null : `${givenUp} notifications were given up`,
  ].filter((each) => each !== null);
  if (wrong.length > 0) throw new Error(`the ledger does not agree: ${wrong.join("; ")}`);
  return summary;
}

function spreadOf(times: readonly number[]): Spread {
  const sorted = times.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}
