import { DateTime } from "luxon";
import type { House } from "../../src/app/house.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { setTurnedClock } from "../../src/platform/clock.ts";
import { monotonicMs } from "../../src/platform/real-time.ts";
import { until } from "../../src/platform/timer.ts";
import { tick } from "../../src/scheduler/tick.flow.ts";
import { stepWhenIdle } from "../../src/scheduler/turn-clock.flow.ts";
import type { Simulator } from "../../src/simulator/simulator.ts";

/** No story takes longer (real time) between two moments of business time. */
const PATIENCE_MS = 20_000;

export type Home = {
  readonly house: House;
  readonly simulator: Simulator;
  /** Answers the bells that rang, and tells how many ids they named. */
  readonly answer: () => Promise<number>;
};

/** Beats and answers bells until nothing is due now and nothing is on its way. */
export async function settle({ house, simulator, answer }: Home): Promise<void> {
  const endMs = monotonicMs() + PATIENCE_MS;
  for (;;) {
    await beat(house);
    const answered = await answer();
    if (answered === 0 && !simulator.busy()) return;
    if (monotonicMs() > endMs) throw new Error(`the house never settles: ${await whatIsDue(house)}`);
    // What is due and not answered yet waits for permits, which real time brings: the next beat rings again.
    await until("the gateway is quiet", PATIENCE_MS, async () => !simulator.busy());
  }
}

/** One beat of the house; nobody answers. */
export async function beat(house: House): Promise<void> {
  await tick({
    decide: house.decide,
    ringInvoices: async (pages) => house.ringInvoices(pages.flat()),
    ringRefunds: house.ringRefunds,
    ringDeliveries: house.ringDeliveries,
    countWaiting: async () => 0,
    backlogLimit: 1,
    log: house.log,
  });
}

/** Business time and the gateway's, together. */
export async function moveClocks(
  { house, simulator }: Pick<Home, "house" | "simulator">,
  to: Instant,
): Promise<void> {
  await house.db.begin((tx) => setTurnedClock(tx, to));
  await simulator.setClock(to);
}

/** Jumps from one due thing to the next until a moment (ISO) or for a while. */
export async function live(home: Home, limit: string | Readonly<Record<string, number>>): Promise<void> {
  const { house, simulator } = home;
  const now = await house.db.begin((tx) => house.clock.now(tx));
  const end = (
    typeof limit === "string" ? DateTime.fromISO(limit, { zone: "utc" }) : now.plus(limit)
  ) as Instant;
  const turn = { db: house.db, countBells: async () => 0, patienceMs: PATIENCE_MS };
  const companion = {
    nextEventAt: async () => simulator.nextEventAt(),
    busy: async () => simulator.busy(),
    moveTo: (at: Instant) => simulator.setClock(at),
  };
  const endMs = monotonicMs() + PATIENCE_MS;
  for (;;) {
    await settle(home);
    const step = await stepWhenIdle(turn, companion, end);
    if (step.kind === "quiet") break;
    if (monotonicMs() > endMs) throw new Error(`time stands still: ${await whatIsDue(house)}`);
  }
  await moveClocks(home, end);
  await settle(home);
}

async function whatIsDue({ db, clock }: House): Promise<string> {
  const rows = await db.begin(async (tx) =>
    tx.query(
      `select (select json_agg(json_build_array(state, waiting_for, next_action_at, leased_until)) from invoices
                where next_action_at <= $1 or leased_until > clock_timestamp()) as invoices,
              (select json_agg(json_build_array(refund_reference, state, next_action_at)) from refunds
                where next_action_at <= $1) as refunds,
              (select json_agg(json_build_array(id, state, problem)) from inbox where state = 'received') as inbox,
              (select json_agg(says) from (select says from decisions order by id desc limit 5) d) as last`,
      [(await clock.now(tx)).toJSDate()],
    ),
  );
  return JSON.stringify(rows);
}
