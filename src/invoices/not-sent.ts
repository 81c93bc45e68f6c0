import type { Instant } from "../kernel/time.ts";

/** A request that could not leave is tried again after these minutes, the last one for ever. */
const NOT_SENT_MINUTES = [1, 2, 5, 15, 30] as const;

/** When to try again after the `count`-th time in a row (≥ 1) that nothing could leave. */
export function afterNotSent(count: number, now: Instant): Instant {
  const minutes = NOT_SENT_MINUTES[Math.min(count, NOT_SENT_MINUTES.length) - 1] ?? 30;
  return now.plus({ minutes });
}
