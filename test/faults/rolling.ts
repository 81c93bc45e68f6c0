// A rolling restart under load: two servers and the workers are told to stop and started again, one after another.
import type { Instant } from "../../src/kernel/time.ts";
import { sleep, until } from "../../src/platform/timer.ts";
import { type Arena, openArena } from "./arena.ts";
import { judge } from "./judge.ts";
import { medianAndMax, type Outcome, promises, type Settings } from "./outcome.ts";
import { letTimePass } from "./passing-time.ts";
import { PRICE, populate, START } from "./populace.ts";
import { end, isReady, isRunning, untilLogged } from "./process.ts";

const DAYS = 5;
const AFTERMATH_DAYS = 5;
const LATENCY_MS = 300;
/** Slow enough that every restart meets a wave. */
const CALLS_PER_SECOND = 50;
/** Everybody is restarted this often. */
const ROUNDS = 2;
const PATIENCE_MS = 600_000;
const LOOK_EVERY_MS = 5;

type Restarts = { readonly exits: (number | null)[]; readonly stopMs: number[]; underLoad: number };

export async function runRolling({ queue, invoices, workers, seed }: Settings): Promise<Outcome> {
  const startedAt = performance.now();
  const env = { GATEWAY_RATE_PER_SECOND: String(CALLS_PER_SECOND) };
  const arena = await openArena({ queue, workers, servers: 2, latencyMs: LATENCY_MS, start: START, env });
  try {
    const count = Math.ceil(invoices / DAYS);
    await populate(arena, { count, days: DAYS, prepare: () => PRICE * DAYS });
    const restarts: Restarts = { exits: [], stopMs: [], underLoad: 0 };
    let over = false;
    const rolling = roll(arena, workers, restarts, () => over);
    try {
      const end = START.plus({ days: DAYS + AFTERMATH_DAYS }) as Instant;
      await letTimePass(arena, { until: end, patienceMs: PATIENCE_MS });
    } finally {
      over = true;
      await rolling;
    }
    const judgement = await judge(arena, count * DAYS);
    const refusals = refusedDeliveries(arena);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const wanted = ROUNDS * (workers + 2);
    const { exits, stopMs, underLoad } = restarts;
    return {
      judgement,
      told: [
        `queue ${queue}, seed ${seed}, ${seconds} s`,
        `${exits.length} restarts, ${underLoad} with calls on the wire; from SIGTERM to the end: ${medianAndMax(stopMs)}`,
        `${arena.simulator.notifications().length} notifications, ${refusals.length} deliveries refused or cut`,
        ...refusals.slice(0, 5),
      ],
      checks: [
        ...promises(judgement),
        {
          promise: "everybody is restarted, under load",
          kept: exits.length === wanted && underLoad * 2 > wanted,
        },
        { promise: "everybody ends with exit code 0", kept: exits.every((code) => code === 0) },
        { promise: "no notification is refused or cut", kept: refusals.length === 0 },
        { promise: "no charge is cut: every request has its answer", kept: judgement.unanswered === 0 },
        { promise: "all are paid", kept: judgement.paid === count * DAYS },
      ],
    };
  } finally {
    await arena.close();
  }
}

/** Stops and starts one after another, each while charges are on the wire. */
async function roll(arena: Arena, workers: number, restarts: Restarts, over: () => boolean): Promise<void> {
  const untilBusy = async () => {
    while (!arena.simulator.busy() && !over()) await sleep(LOOK_EVERY_MS);
  };
  const stop = async (running: Parameters<typeof end>[0]) => {
    const sinceMs = performance.now();
    if (arena.simulator.busy()) restarts.underLoad += 1;
    restarts.exits.push(await end(running, "SIGTERM"));
    restarts.stopMs.push(performance.now() - sinceMs);
  };
  for (let round = 0; round < ROUNDS; round += 1) {
    for (const seat of arena.servers) {
      await untilBusy();
      if (over()) return;
      await stop(seat.process);
      arena.startServer(seat);
      await until(`${seat.url} is ready again`, PATIENCE_MS, () => isReady(seat.url));
    }
    for (const worker of arena.workers.filter(isRunning).slice(0, workers)) {
      await untilBusy();
      if (over()) return;
      await stop(worker);
      await untilLogged(arena.startWorker(), "worker.started");
    }
  }
}

/** Deliveries that did not end with 2xx. */
function refusedDeliveries({ simulator }: Arena): string[] {
  return simulator
    .notifications()
    .flatMap(({ kind, reference, attempts }) =>
      attempts
        .filter(({ httpStatus }) => httpStatus === null || httpStatus >= 300)
        .map(
          ({ at, httpStatus, answer }) =>
            `${kind} ${reference} at ${at}: ${httpStatus ?? "cut"} ${answer.slice(0, 100)}`,
        ),
    );
}
