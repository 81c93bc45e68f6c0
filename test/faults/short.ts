// The short form: workers are killed at random moments while they charge.
import type { Instant } from "../../src/kernel/time.ts";
import { seededRandom } from "../../src/platform/failpoint.ts";
import { sleep } from "../../src/platform/timer.ts";
import { type Arena, openArena } from "./arena.ts";
import { judge } from "./judge.ts";
import { type Outcome, promises, type Settings } from "./outcome.ts";
import { letTimePass } from "./passing-time.ts";
import { PRICE, populate, START } from "./populace.ts";
import { end, isRunning } from "./process.ts";

/** Business days of the run; a daily plan makes one invoice a subscription a day. */
const DAYS = 5;
/** Room for every doubt to be settled: the whole inquiry ladder. */
const AFTERMATH_DAYS = 5;
/** Of every so many wallets one never notifies: only inquiries can settle what a dead worker left behind. */
const SILENT_EVERY = 3;
/** Kills fall within this long after a call was seen on the wire: before, between and after its commits. */
const KILL_WITHIN_MS = 700;
const LATENCY_MS = 400;
const PATIENCE_MS = 240_000;

export async function runShort({ queue, invoices, kills, workers, seed }: Settings): Promise<Outcome> {
  const startedAt = performance.now();
  const arena = await openArena({ queue, workers, latencyMs: LATENCY_MS, start: START });
  try {
    const count = Math.ceil(invoices / DAYS);
    await populate(arena, {
      count,
      days: DAYS,
      prepare: (phone, index) => {
        if (index % SILENT_EVERY === 0)
          arena.simulator.script({ match: { phone }, outcome: "notify-never", times: DAYS });
        return PRICE * DAYS;
      },
    });
    const told = await live(arena, kills, seededRandom(seed));
    const judgement = await judge(arena, count * DAYS);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const calls = `${told.inFlight} with calls on the wire`;
    return {
      judgement,
      told: [`queue ${queue}, seed ${seed}: ${told.killed} workers killed (${calls}), ${seconds} s`],
      checks: [
        ...promises(judgement),
        { promise: "no invoice stays open", kept: judgement.open === 0 },
        { promise: `${kills} workers die`, kept: told.killed >= kills },
      ],
    };
  } finally {
    await arena.close();
  }
}

type Told = { killed: number; inFlight: number };

/** Lives until everything is settled, while the nemesis kills whenever charges are on the wire. */
async function live(arena: Arena, kills: number, random: () => number): Promise<Told> {
  const told: Told = { killed: 0, inFlight: 0 };
  let over = false;
  const nemesis = async () => {
    while (told.killed < kills && !over) {
      if (!arena.simulator.busy()) await sleep(5);
      else await strike(arena, random, told);
    }
  };
  const killing = nemesis();
  try {
    const until = START.plus({ days: DAYS + AFTERMATH_DAYS }) as Instant;
    await letTimePass(arena, { until, patienceMs: PATIENCE_MS });
    return told;
  } finally {
    over = true;
    await killing;
  }
}

async function strike(arena: Arena, random: () => number, told: Told): Promise<void> {
  await sleep(random() * KILL_WITHIN_MS);
  const { simulator, workers } = arena;
  const before = simulator.counts().requests;
  const running = workers.filter(isRunning);
  const victim = running[Math.floor(random() * running.length)];
  if (victim === undefined) return;
  await end(victim, "SIGKILL");
  arena.startWorker();
  told.killed += 1;
  if (simulator.busy() || simulator.counts().requests > before) told.inFlight += 1;
}
