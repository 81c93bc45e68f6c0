import type { Instant } from "../kernel/time.ts";

/** One breaker for all workers on the line to the gateway. Every further time-out would make one more doubt. */
export type Breaker =
  | { readonly state: "closed" }
  /** Nothing is sent before `halfOpenAt` (business time). */
  | { readonly state: "open"; readonly halfOpenAt: Instant }
  /** A few calls may try the line; the rest waits. These trials began at `halfOpenAt`. */
  | { readonly state: "half_open"; readonly halfOpenAt: Instant; readonly trials: number };

/** Calls to the gateway, and how many of them never left or got no usable answer. */
export type CallCounts = { readonly calls: number; readonly bad: number };

/** The window of real time over which calls are counted. */
export const COUNTED_SECONDS = 30;
/** Fewer calls than this say nothing about the line. */
const MIN_CALLS = 20;
const OPEN_SECONDS = 60;
/** Calls that may try the line while it is half open. */
const TRIALS = 5;

/** How many of `wanted` steps may use the line `now`, and until when the others wait. */
export function admit(
  breaker: Breaker,
  wanted: number,
  now: Instant,
): { readonly admitted: number; readonly othersWaitUntil: Instant; readonly after: Breaker } {
  if (breaker.state === "closed") return { admitted: wanted, othersWaitUntil: now, after: breaker };
  if (now < breaker.halfOpenAt) return { admitted: 0, othersWaitUntil: breaker.halfOpenAt, after: breaker };
  // Trials whose worker died report nothing: after as long as the line rested, others may try.
  const trying = breaker.state === "half_open" && now < breaker.halfOpenAt.plus({ seconds: OPEN_SECONDS });
  const trials = trying ? breaker.trials : 0;
  const admitted = Math.min(wanted, Math.max(0, TRIALS - trials));
  const halfOpenAt = trying ? breaker.halfOpenAt : now;
  const after: Breaker = { state: "half_open", halfOpenAt, trials: trials + admitted };
  return { admitted, othersWaitUntil: now.plus({ seconds: OPEN_SECONDS }), after };
}

/** The breaker after `report`, with `recent` the counts of the last half minute, `report` included. */
export function afterCalls(
  breaker: Breaker,
  report: CallCounts,
  recent: CallCounts,
  percent: number,
  now: Instant,
): Breaker {
  const opened: Breaker = { state: "open", halfOpenAt: now.plus({ seconds: OPEN_SECONDS }) };
  switch (breaker.state) {
    case "closed":
      return recent.calls >= MIN_CALLS && recent.bad * 100 > recent.calls * percent ? opened : breaker;
    case "open":
      return breaker;
    case "half_open":
      if (report.calls > report.bad) return { state: "closed" };
      // Every trial was spent and none was answered: the line rests again.
      return breaker.trials >= TRIALS && report.bad > 0 ? opened : breaker;
  }
}
