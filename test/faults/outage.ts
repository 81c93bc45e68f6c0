// Ten minutes without any gateway in the middle of a wave: nobody is to blame, and nobody is charged twice for it.
import type { Instant } from "../../src/kernel/time.ts";
import { until } from "../../src/platform/timer.ts";
import { turnClock } from "../../src/scheduler/turn-clock.flow.ts";
import { type Arena, openArena } from "./arena.ts";
import { judge } from "./judge.ts";
import { type Outcome, promises, type Settings } from "./outcome.ts";
import { letTimePass } from "./passing-time.ts";
import { PRICE, populate, START } from "./populace.ts";

const DAYS = 5;
const AFTERMATH_DAYS = 6;
const LATENCY_MS = 300;
/** Slow enough that the gateway goes away while much of the wave has not been sent. */
const CALLS_PER_SECOND = 200;
const OUTAGE_MINUTES = 10;
/** The gateway goes away on this day of the run, when so much of its wave is paid. */
const ON_DAY = 3;
const PAID_SHARE = 0.25;
const PATIENCE_MS = 600_000;

export async function runOutage({ queue, invoices, workers, seed }: Settings): Promise<Outcome> {
  const startedAt = performance.now();
  const env = { GATEWAY_RATE_PER_SECOND: String(CALLS_PER_SECOND) };
  const arena = await openArena({ queue, workers, latencyMs: LATENCY_MS, start: START, env });
  try {
    const count = Math.ceil(invoices / DAYS);
    await populate(arena, { count, days: DAYS, prepare: () => PRICE * DAYS });
    const told = await live(arena, count);
    const judgement = await judge(arena, count * DAYS);
    const failed = await countFailures(arena);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const { from, to, caught } = told;
    return {
      judgement,
      told: [
        `queue ${queue}, seed ${seed}, ${seconds} s`,
        `no gateway from ${from.toISO()} to ${to.toISO()}: ${caught} of the wave's ${count} invoices were unpaid`,
        `${failed} invoices in dunning for it, back to charging after ${(told.recoveryMs / 1_000).toFixed(1)} s`,
      ],
      checks: [
        ...promises(judgement),
        { promise: "nothing is paid in these ten minutes", kept: told.alone },
        { promise: "it meets a wave in the middle", kept: caught > 0 && caught < count },
        { promise: "no invoice fails for it", kept: failed === 0 },
        { promise: "all are paid after", kept: judgement.paid === count * DAYS },
      ],
    };
  } finally {
    await arena.close();
  }
}

type Told = {
  readonly from: Instant;
  readonly to: Instant;
  readonly caught: number;
  /** Nothing was paid while the gateway was away. */
  readonly alone: boolean;
  readonly recoveryMs: number;
};

async function live(arena: Arena, count: number): Promise<Told> {
  const { simulator } = arena;
  const pass = (until: Instant, halt?: () => boolean) =>
    letTimePass(arena, { until, patienceMs: PATIENCE_MS, ...(halt === undefined ? {} : { halt }) });
  // Noon: the wave before is over, and the next one begins at midnight.
  await pass(START.plus({ days: ON_DAY - 1 }) as Instant);
  const before = simulator.counts().movements;
  const paid = () => simulator.counts().movements - before;
  await pass(START.plus({ days: ON_DAY }) as Instant, () => paid() >= count * PAID_SHARE);
  const from = simulator.now();
  await simulator.stopListening();
  const caught = count - paid();
  const to = from.plus({ minutes: OUTAGE_MINUTES }) as Instant;
  await pass(to);
  await turnClock(arena.turn, () => to, to);
  await simulator.setClock(to);
  const alone = paid() === count - caught;
  const recovery = recoveryAfter(arena);
  await simulator.listenAgain();
  await pass(START.plus({ days: DAYS + AFTERMATH_DAYS }) as Instant);
  return { from, to, caught, alone, recoveryMs: await recovery };
}

/** Real time from now until money moves again. */
async function recoveryAfter({ simulator }: Arena): Promise<number> {
  const sinceMs = performance.now();
  const { movements } = simulator.counts();
  await until("money moves again", PATIENCE_MS, async () => simulator.counts().movements > movements);
  return performance.now() - sinceMs;
}

/** Invoices that began dunning: none may, for no wallet was short. */
async function countFailures({ db }: Arena): Promise<number> {
  const [row] = await db.begin((tx) =>
    tx.query<{ count: number }>(
      `select count(*)::int as count from invoices where first_failed_at is not null or state not in ('open', 'paid')`,
    ),
  );
  return row?.count ?? 0;
}
