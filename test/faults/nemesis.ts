// A seeded enemy: what it does, to whom and when follows from the seed and from what happens on the wire.
import { sleep } from "../../src/platform/timer.ts";
import { type Arena, LEASE_MS } from "./arena.ts";
import type { Chronicle } from "./chronicle.ts";
import { isRunning } from "./process.ts";
import type { Warden } from "./warden.ts";

const FAULTS = [
  "kill-worker",
  "kill-server",
  "stop-worker",
  "wipe-queue",
  "cut-connections",
  "restart-postgres",
  "stop-redis",
] as const;
type Fault = (typeof FAULTS)[number];
/** How often each fault strikes. */
export type Plan = Readonly<Partial<Record<Fault, number>>>;

/** A strike falls within this long after a call was seen on the wire: before, between and after its commits. */
const STRIKE_WITHIN_MS = 700;
/** Time for a replacement to start: an enemy that never rests proves only that nothing runs while nobody runs. */
const REST_MS = 1_200;
const POSTGRES_DOWN_MS = 2_000;
const REDIS_DOWN_MS = 60_000;
const LOOK_EVERY_MS = 5;

export type Nemesis = {
  /** How many faults have not struck yet. */
  left(): number;
  stop(): Promise<void>;
};

/** Strikes while charges are on the wire, in an order drawn by `random`, until the plan is done or it is stopped. */
export function openNemesis(
  arena: Arena,
  plan: Plan,
  { chronicle, warden, random }: { chronicle: Chronicle; warden: Warden; random: () => number },
): Nemesis {
  const faults = shuffled(
    FAULTS.flatMap((fault) => Array.from({ length: plan[fault] ?? 0 }, () => fault)),
    random,
  );
  let over = false;
  const live = async () => {
    while (faults.length > 0 && !over) {
      await sleep(arena.simulator.busy() ? random() * STRIKE_WITHIN_MS : LOOK_EVERY_MS);
      const [fault] = faults;
      if (fault === undefined || !arena.simulator.busy()) continue;
      if (!(await strike(arena, fault, { chronicle, warden, random }))) continue;
      faults.shift();
      await sleep(REST_MS);
    }
  };
  // Heard when it is stopped: until then the run has to be kept in order.
  const living = live().then(
    () => null,
    (error: unknown) => error,
  );
  return {
    left: () => faults.length,
    stop: async () => {
      over = true;
      const failure = await living;
      if (failure !== null) throw failure;
    },
  };
}

type Hands = { readonly chronicle: Chronicle; readonly warden: Warden; readonly random: () => number };

/** False when there was nobody to strike. */
async function strike(arena: Arena, fault: Fault, hands: Hands): Promise<boolean> {
  const { chronicle, warden, random } = hands;
  const running = arena.workers.filter(isRunning);
  const victim = running[Math.floor(random() * running.length)];
  const seat = arena.servers.filter(({ process }) => isRunning(process))[0];
  switch (fault) {
    case "kill-worker":
      if (victim === undefined) return false;
      warden.kill(victim);
      untilNextCharge(arena, chronicle, "worker killed");
      return true;
    case "kill-server":
      if (seat === undefined) return false;
      warden.kill(seat.process);
      return true;
    case "stop-worker":
      if (victim === undefined) return false;
      victim.child.kill("SIGSTOP");
      untilNextCharge(arena, chronicle, "worker stopped");
      await sleep(LEASE_MS + STRIKE_WITHIN_MS + REST_MS);
      victim.child.kill("SIGCONT");
      chronicle.note("worker stopped for longer than a lease");
      return true;
    case "wipe-queue":
      await arena.backing.wipeQueue();
      untilNextCharge(arena, chronicle, "queue wiped");
      chronicle.note("queue wiped");
      return true;
    case "cut-connections":
      chronicle.note(`PostgreSQL's connections cut`);
      await arena.backing.cutConnections();
      untilNextCharge(arena, chronicle, "connections cut");
      return true;
    case "restart-postgres":
      await arena.backing.stopPostgres();
      await sleep(POSTGRES_DOWN_MS);
      await arena.backing.startPostgres();
      untilNextCharge(arena, chronicle, "PostgreSQL back");
      chronicle.note("PostgreSQL restarted");
      return true;
    case "stop-redis":
      await arena.backing.redis?.stop();
      await sleep(REDIS_DOWN_MS);
      await arena.backing.redis?.start();
      untilNextCharge(arena, chronicle, "Redis back");
      chronicle.note("Redis away for a minute");
      return true;
  }
}

/** From now until somebody calls the gateway again, and until money moves again: in a later wave if this one is over. */
function untilNextCharge({ simulator }: Arena, chronicle: Chronicle, kind: string): void {
  const before = simulator.counts();
  const sinceMs = performance.now();
  chronicle.watch(
    `${kind}, until the next call`,
    sinceMs,
    () => simulator.counts().requests > before.requests,
  );
  chronicle.watch(
    `${kind}, until the next charge`,
    sinceMs,
    () => simulator.counts().movements > before.movements,
  );
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last -= 1) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other] as T, mixed[last] as T];
  }
  return mixed;
}
