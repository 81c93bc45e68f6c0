import type { Instant } from "../kernel/time.ts";
import { plusDays } from "../subscriptions/local-date.ts";
import type { DunningPolicy } from "./policy.ts";
import { dateAt, momentOn } from "./wall-clock.ts";

/** What a customer in arrears may use, from most to least. */
const ACCESS_LEVELS = ["full", "limited", "none"] as const;
export type Access = (typeof ACCESS_LEVELS)[number];

type Graced = Pick<DunningPolicy, "grace" | "zone">;

/** Midnight of the day on which access stops: the one moment to tell it, whatever collecting does meanwhile. */
export function graceEndsAt({ grace, zone }: Graced, firstFailedAt: Instant): Instant {
  return midnightAfter(firstFailedAt, grace.limitedUntil, zone);
}

/** What the debt that first failed at `firstFailedAt` (null: it has not) leaves the customer at `at`. */
export function accessAt(policy: Graced, firstFailedAt: Instant | null, at: Instant): Access {
  if (firstFailedAt === null) return "full";
  if (at >= graceEndsAt(policy, firstFailedAt)) return "none";
  const limitedAt = midnightAfter(firstFailedAt, policy.grace.fullDays + 1, policy.zone);
  return at >= limitedAt ? "limited" : "full";
}

/** What a subscription with several debts may use: what the worst of them leaves it. */
export function leastAccess(levels: readonly Access[]): Access {
  return ACCESS_LEVELS.findLast((level) => levels.includes(level)) ?? "full";
}

function midnightAfter(from: Instant, days: number, zone: string): Instant {
  return momentOn(plusDays(dateAt(from, zone), days), "00:00", zone);
}
