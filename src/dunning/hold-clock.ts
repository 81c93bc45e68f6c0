import type { Instant } from "../kernel/time.ts";
import { daysBetween, plusDays } from "../subscriptions/local-date.ts";
import type { DunningPolicy } from "./policy.ts";
import { dateAt } from "./wall-clock.ts";

/**
 * The first failure as it counts after a hold from `heldAt` to `releasedAt`: where the clock stops, later by the local
 * days of the hold, and with it ladder, end and grace. A hold that began before the failure counts from there.
 */
export function firstFailureAfterHold(
  { holdClock, zone }: Pick<DunningPolicy, "holdClock" | "zone">,
  firstFailedAt: Instant,
  hold: { readonly heldAt: Instant; readonly releasedAt: Instant },
): Instant {
  if (holdClock === "runs" || hold.releasedAt <= firstFailedAt) return firstFailedAt;
  const from = hold.heldAt > firstFailedAt ? hold.heldAt : firstFailedAt;
  const days = daysBetween(dateAt(from, zone), dateAt(hold.releasedAt, zone));
  return days === 0 ? firstFailedAt : sameTimeOn(firstFailedAt, days, zone);
}

function sameTimeOn(at: Instant, days: number, zone: string): Instant {
  const moved = at.setZone(zone).plus({ days }).toUTC() as Instant;
  // A clock that jumps may not put it on another day.
  return dateAt(moved, zone) === plusDays(dateAt(at, zone), days) ? moved : at.plus({ days });
}
