import { DateTime } from "luxon";
import type { Instant } from "../kernel/time.ts";

/** The machine's own time: for the wire, tokens, time-outs and leases. Billing never reads it. */
export function realNow(): Instant {
  return DateTime.utc();
}

/** Milliseconds that only grow, unmoved by clock changes. */
export function monotonicMs(): number {
  return performance.now();
}
