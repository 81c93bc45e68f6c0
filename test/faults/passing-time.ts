// Business time passes: it steps on whenever everything that is due has been done.
import type { Instant } from "../../src/kernel/time.ts";
import { sleep } from "../../src/platform/timer.ts";
import { stepWhenIdle } from "../../src/scheduler/turn-clock.flow.ts";
import type { Arena } from "./arena.ts";

const LOOK_EVERY_MS = 20;
/** While PostgreSQL or the queue is away nobody can say whether the house is idle. */
const AWAY_MS = 100;

type Passage = {
  readonly until: Instant;
  /** Nothing in a run of this size takes longer, unless it is stuck. */
  readonly patienceMs: number;
  /** Ends it early, also in the middle of things. */
  readonly halt?: () => boolean;
  /** Called after every step, before the next look. */
  readonly onStep?: (at: Instant) => Promise<void>;
};

/** Lets time pass until nothing is planned before `until`; throws when that takes longer than its patience. */
export async function letTimePass(arena: Arena, { until, patienceMs, halt, onStep }: Passage): Promise<void> {
  const deadline = performance.now() + patienceMs;
  let last: unknown = "work in flight";
  while (halt?.() !== true) {
    if (performance.now() > deadline) throw new Error("the run is stuck: see the log", { cause: last });
    const step = await stepWhenIdle(arena.turn, arena.companion, until).catch((error: unknown) => {
      last = error;
      return { kind: "away" } as const;
    });
    if (step.kind === "quiet") return;
    if (step.kind === "moved") await onStep?.(step.at);
    else await sleep(step.kind === "away" ? AWAY_MS : LOOK_EVERY_MS);
  }
}
