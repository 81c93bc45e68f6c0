import { type Instant, instant } from "../kernel/time.ts";
import { followedTime } from "./turned-time.ts";

/** The machine's own time: for the wire, tokens, time-outs and leases. Billing never reads it. */
export function realNow(): Instant {
  const turned = followedTime();
  return instant(turned === null ? new Date() : new Date(turned.nowMs()));
}

/** Milliseconds that only grow, unmoved by clock changes. */
export function monotonicMs(): number {
  return followedTime()?.monotonicMs() ?? performance.now();
}
