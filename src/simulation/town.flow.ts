import { createHash } from "node:crypto";
import type { DunningPolicy } from "../dunning/policy.ts";
import { type Database, sqlState } from "../platform/database.ts";
import type { BellQueue } from "../platform/queue.ts";
import { nextRound } from "../platform/timer.ts";
import { followTime } from "../platform/turned-time.ts";
import { type InProcessSimulator, simulatorInProcess } from "../simulator/in-process.ts";
import type { MerchantOrder } from "../simulator/operations.ts";
import type { Post } from "../simulator/world.ts";
import { type Agenda, gatewayClock, makeAgenda } from "./agenda.ts";
import { type Chance, chanceOf } from "./chance.ts";
import { gatewayLine } from "./gateway-line.ts";
import { type Process, type SimulatedHouse, type SimulatedParts, startProcess } from "./installation.flow.ts";
import { answerBell, memoryBells } from "./memory-bells.ts";
import { beginningWhen, type Mishaps, mishapsOf } from "./mishaps.ts";
import { findSend } from "./outcome.store.ts";
import type { LifeCounts, LifeOrder } from "./outcome.ts";
import { type WatchedOutside, watchOutside } from "./outside.ts";
import { steppedDatabase } from "./stepped-database.ts";
import { type Actor, makeStepper, type Stepper } from "./stepper.ts";

/** What `app` brings: a database of its own, and how a house is wired. */
export type Ground = {
  readonly db: Database;
  /** A second connection, to ask who waits for whom. */
  readonly watch: Database;
  readonly openHouse: (role: string, parts: SimulatedParts) => Promise<SimulatedHouse>;
  readonly merchant: MerchantOrder;
  /** The gateway's own key, PEM. */
  readonly gatewayKeyPem: string;
  readonly gatewayTimeoutMs: number;
  /** Real milliseconds, for figures only. */
  readonly stopwatch: () => number;
};

/** Everything that lives in a simulation: our processes, the gateway, and the one clock. */
export type Town = {
  readonly order: LifeOrder;
  readonly ground: Ground;
  readonly stepper: Stepper;
  readonly agenda: Agenda;
  readonly gateway: InProcessSimulator;
  readonly mishaps: Mishaps;
  readonly outside: WatchedOutside;
  /** Who is given what to do. */
  readonly lots: Chance;
  readonly workers: Process[];
  readonly server: { process: Process };
  /** Moments in a row at which something was due and could not be done. */
  stalls: number;
  /** Transactions of all processes. */
  readonly open: { count: number };
  /** What nobody expected, by its words. */
  readonly surprises: Map<string, number>;
  /** The end of the line in which people wait for what they wish. */
  wishes: Promise<void>;
  readonly counts: LifeCounts;
  close(): void;
};

/** Connections of all processes together. */
const CONNECTIONS = 12;
/** Transactions that run at once where none of them can change another's outcome. */
const SIDE_BY_SIDE = 8;
const GATEWAY: Actor = { name: "gateway", alive: true, asleep: false, endings: new Set() };
/** A process that died is there again after this, at the most. */
const RESTART_WITHIN_MS = 180_000;

/** Builds it, with nobody in it yet; from then on this process lives by the town's clock, until `close`. */
export async function buildTown(order: LifeOrder, ground: Ground, startMs: number): Promise<Town> {
  const { seed, faults } = order;
  const agenda = makeAgenda(startMs, seed);
  const mishaps = beginningWhen(() => agenda.nowMs() > startMs, mishapsOf(seed, faults));
  const outside = watchOutside();
  const counts: LifeCounts = {
    deaths: 0,
    sleeps: 0,
    deadlocks: 0,
    unwritten_sends: 0,
    unleased_sends: 0,
    refused_evidence: 0,
    wishes: 0,
    refusals: 0,
  };
  const surprises = new Map<string, number>();
  const fine = faults === "hostile";
  const stepper = makeStepper({
    chance: chanceOf(seed, "turns"),
    outside,
    fateAt: (actor) => fateOf(town, actor),
    onDeath: (actor) => bury(town, actor),
    hasTimers: () => agenda.nextAtMs() !== null,
    width: fine ? 1 : SIDE_BY_SIDE,
  });
  const gateway = simulatorInProcess({
    clock: gatewayClock(agenda, (work) => void stepper.start(GATEWAY, work)),
    privateKeyPem: ground.gatewayKeyPem,
    post: (url, headers, body) => deliver(town, url, headers, body),
    chooses: mishaps.atGateway,
    settings: { acceptsTwice: order.lenient },
  });
  gateway.addMerchant(ground.merchant);
  const town: Town = {
    order,
    ground,
    stepper,
    agenda,
    gateway,
    mishaps,
    outside,
    lots: chanceOf(seed, "lots"),
    workers: [],
    server: { process: undefined as never },
    stalls: 0,
    open: { count: 0 },
    surprises,
    wishes: Promise.resolve(),
    counts,
    close: () => {
      outside.stop();
      followTime(null);
    },
  };
  const sleep = (ms: number) => (stepper.isInside() ? nextRound() : agenda.time.sleep(ms));
  followTime({ ...agenda.time, sleep });
  town.server.process = await openProcess(town, "server");
  for (let number = 1; number <= order.workers; number += 1)
    town.workers.push(await openProcess(town, `worker-${number}`));
  return town;
}

function openProcess(town: Town, name: string): Promise<Process> {
  const { ground, stepper, agenda, mishaps, gateway } = town;
  const db = steppedDatabase(ground.db, stepper, {
    fine: town.order.faults === "hostile",
    open: town.open,
    connections: CONNECTIONS,
    isBlocked: async (pid) => {
      const [row] = await ground.watch.query<{ blocked: boolean }>(
        `select cardinality(pg_blocking_pids($1)) > 0 as blocked`,
        [pid],
      );
      return row?.blocked ?? false;
    },
    faultAtCommit: () => mishaps.atCommit(),
    onError: (error) => countFailure(town, error),
  });
  const http = gatewayLine({
    stepper,
    gateway,
    fine: town.order.faults === "hostile",
    timeoutMs: ground.gatewayTimeoutMs,
    faultOf: mishaps.onLine,
    onSend: (path, externalId) => watchSend(town, path, externalId),
  });
  const bells = memoryBells({
    fateOf: (job) => mishaps.ofBell(job),
    answer: (job, data) => answerLater(town, job, data),
    later: (ms, work) => void agenda.at(agenda.nowMs() + ms, work),
  });
  return startProcess(name, (role) =>
    ground.openHouse(role, { db, bells: bells as BellQueue, http, policyOf: withoutSpread }),
  );
}

/** First tries of a day go out together: a day has few moments then, and a year is lived in a minute or two. */
function withoutSpread(policy: DunningPolicy): DunningPolicy {
  return { ...policy, spread: null };
}

function countFailure({ counts }: Town, error: unknown): void {
  if (sqlState(error) === "40P01") counts.deadlocks += 1;
  const table = (error as { readonly table?: unknown } | null)?.table;
  if (table === "evidence" || table === "refund_evidence") counts.refused_evidence += 1;
}

/** Leases that were taken before the clocks were set end by another time than their holders count. */
const SHORTEST_OLD_LEASE_MS = 600_000;

/** A payment that leaves was written down before, by who holds the lease. Only hostile lives are worth the question. */
async function watchSend(town: Town, path: string, externalId: string): Promise<void> {
  const { ground, order, counts } = town;
  if (order.faults !== "hostile" || !path.endsWith("/payment-host-to-host")) return;
  const sends = await town.outside.during(() => findSend(ground.watch, externalId));
  if (sends === null) counts.unwritten_sends += 1;
  else if (sends.kind === "recurring" && !sends.leased && !town.agenda.steppedWithin(SHORTEST_OLD_LEASE_MS))
    counts.unleased_sends += 1;
}

/** One of the workers that live, drawn by lot. */
export function someWorker({ workers, lots }: Town): Process | undefined {
  const living = workers.filter(({ actor }) => actor.alive);
  return living[Math.floor(lots() * living.length)];
}

/** Some worker that lives takes the bell. */
function answerLater(town: Town, job: string, data: object): void {
  const worker = someWorker(town);
  if (worker === undefined) return;
  void town.stepper.start(worker.actor, () =>
    answerBell(worker.handlers, { job, data }, (error) => note(town, error)),
  );
}

/** The gateway's notification reaches our server, if it is there. */
function deliver(town: Town, ...[url, headers, body]: Parameters<Post>): ReturnType<Post> {
  const { actor, house } = town.server.process;
  const route = house.gatewayRoutes.find((each) => each.path === url.pathname && each.method === "POST");
  if (!actor.alive || route === undefined) return Promise.reject(new Error("connect ECONNREFUSED"));
  return new Promise((resolve, reject) => {
    const dies = async () => reject(new Error("socket hang up"));
    actor.endings.add(dies);
    void town.stepper
      .start(actor, () =>
        route.run({ headers, rawBody: Buffer.from(body), query: url.search.slice(1), ip: "127.0.0.1" }),
      )
      .then(({ status, body: answer }) => {
        actor.endings.delete(dies);
        resolve({ httpStatus: status, answer: answer.toString() });
      }, reject);
  });
}

/** PostgreSQL ends a transaction that stands idle for longer, so that a process never sleeps longer in one. */
const LONGEST_IDLE_MS = 25_000;

function fateOf(town: Town, actor: Actor): "dies" | "sleeps" | "goes on" {
  if (town.order.faults !== "hostile" || actor === GATEWAY) return "goes on";
  const fate = town.mishaps.ofProcess();
  if (fate !== "sleeps") return fate;
  const ms = town.mishaps.sleepMs();
  town.counts.sleeps += 1;
  actor.asleep = true;
  town.agenda.at(town.agenda.nowMs() + (actor.endings.size > 0 ? Math.min(ms, LONGEST_IDLE_MS) : ms), () => {
    actor.asleep = false;
  });
  return fate;
}

/** Somebody died: after a while another takes the place, and remembers nothing. */
function bury(town: Town, actor: Actor): void {
  town.counts.deaths += 1;
  const waitMs = Math.floor(town.lots() * RESTART_WITHIN_MS);
  town.agenda.at(town.agenda.nowMs() + waitMs, () => {
    void openProcess(town, actor.name).then((process) => {
      if (actor.name === "server") town.server.process = process;
      else town.workers[town.workers.findIndex((each) => each.actor === actor)] = process;
    });
  });
}

/** Counts what nobody expected. */
export function note({ surprises }: Pick<Town, "surprises">, error: unknown): void {
  const words = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  surprises.set(words, (surprises.get(words) ?? 0) + 1);
}

/** What all of it came to, as one short text: equal lives have equal digests. */
export function digestOf(lines: readonly string[]): string {
  return createHash("sha256").update(lines.join("\n")).digest("hex").slice(0, 16);
}
