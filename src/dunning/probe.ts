import type { Instant } from "../kernel/time.ts";
import { plusDays } from "../subscriptions/local-date.ts";
import type { DunningPolicy } from "./policy.ts";
import { dateAt, momentOn } from "./wall-clock.ts";

/** The next look at the balance after `after`; null: the policy takes none. It costs no request. */
export function nextProbe(
  { probes, zone }: Pick<DunningPolicy, "probes" | "zone">,
  after: Instant,
): { readonly at: Instant; readonly time: string } | null {
  const today = dateAt(after, zone);
  for (const date of [today, plusDays(today, 1)])
    for (const time of probes.at) {
      const at = momentOn(date, time, zone);
      if (at > after) return { at, time };
    }
  return null;
}
