import { ConflictError } from "../kernel/errors.ts";
import type { Instant } from "../kernel/time.ts";
import { readTurnedClock, setTurnedClock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
import { monotonicMs } from "../platform/real-time.ts";
import { sleep } from "../platform/timer.ts";
import { interruptionEnds } from "../subscriptions/interruption-ends.flow.ts";
import { findInFlight, findNextDue } from "./in-flight.store.ts";

export type TurnTools = {
  readonly db: Database;
  /** Bells that wait or are being answered. */
  readonly countBells: () => Promise<number>;
  /** How long to wait for work in flight: one lease (real time). */
  readonly patienceMs: number;
};

/** Between two looks at what is in flight. */
const LOOK_EVERY_MS = 20;
/** Two steppers may not interleave their "is it idle" and their step. Arbitrary, the same everywhere. */
const STEP_LOCK = 7_401_002;

/** Everything in flight now, in words; empty when business time may move. */
async function whatIsInFlight({ db, countBells }: TurnTools): Promise<string[]> {
  const bells = await countBells();
  const rest = await db.begin((tx) => findInFlight(tx));
  return bells > 0 ? [`${bells} bells wait or ring`, ...rest] : rest;
}

/** Moves business time once nothing is in flight; throws `ConflictError` naming what is, after one lease. */
export async function turnClock(
  tools: TurnTools,
  target: (now: Instant) => Instant,
  initial: Instant,
): Promise<Instant> {
  const endMs = monotonicMs() + tools.patienceMs;
  for (;;) {
    const moved = await tools.db.begin(async (tx) => {
      await tx.query(`select pg_advisory_xact_lock($1)`, [STEP_LOCK]);
      const blocking = await whatIsInFlight(tools);
      if (blocking.length > 0) return { kind: "blocked" as const, blocking };
      const now = (await readTurnedClock(tx)) ?? initial;
      return { kind: "moved" as const, at: await setTurnedClock(tx, target(now)) };
    });
    if (moved.kind === "moved") return moved.at;
    if (monotonicMs() > endMs)
      throw new ConflictError(`the clock stands still: ${moved.blocking.join("; ")}`, {
        blocking: moved.blocking,
      });
    await sleep(LOOK_EVERY_MS);
  }
}

/** What the gateway's simulator has planned, and how its clock is moved with ours. */
export type Companion = {
  /** Its next event; null when none is planned. */
  nextEventAt(): Promise<Instant | null>;
  /** True while it delivers something. */
  busy(): Promise<boolean>;
  moveTo(at: Instant): Promise<void>;
};

/** What an idle step did: nothing yet, for work is in flight; moved on; or nothing is planned before the limit. */
export type Step =
  | { readonly kind: "busy" }
  | { readonly kind: "moved"; readonly at: Instant }
  | { readonly kind: "quiet" };

/**
 * One idle step: when nothing is in flight and nothing is due, business time jumps to the next moment at which
 * something is, at most `until`, and the simulator's clock with it. With nothing planned before `until` it stays.
 */
export async function stepWhenIdle(tools: TurnTools, companion: Companion, until: Instant): Promise<Step> {
  return tools.db.begin(async (tx) => {
    await tx.query(`select pg_advisory_xact_lock($1)`, [STEP_LOCK]);
    if ((await companion.busy()) || (await whatIsInFlight(tools)).length > 0) return { kind: "busy" };
    const now = await readTurnedClock(tx);
    const planned = [await findNextDue(tx), await companion.nextEventAt()].filter((time) => time !== null);
    const times = [...planned, ...(await interruptionEnds(tx))];
    const [next] = times.sort((a, b) => a.toMillis() - b.toMillis());
    // What is already due is for the workers: the clock waits for them.
    if (now !== null && next !== undefined && next <= now) return { kind: "busy" };
    if (now === null || next === undefined || next > until) return { kind: "quiet" };
    await companion.moveTo(next);
    return { kind: "moved", at: await setTurnedClock(tx, next) };
  });
}
