import { type Instant, instant } from "../kernel/time.ts";

/** The machine's own time: for the wire, tokens, time-outs and leases. Billing never reads it. */
export function realNow(): Instant {
  return instant(new Date());
}

/** Milliseconds that only grow, unmoved by clock changes. */
export function monotonicMs(): number {
  return performance.now();
}
