import type { Instant } from "../kernel/time.ts";
import type { Queryable } from "../platform/database.ts";
import { nextInterruptionEnds } from "./interruption.store.ts";
import { wakeAt } from "./wake-at.ts";

/** The moments at which the first pause or hold of each zone is over: what a turned clock may not jump over. */
export async function interruptionEnds(db: Queryable): Promise<Instant[]> {
  return (await nextInterruptionEnds(db)).map(({ endsOn, zone }) => wakeAt(endsOn, zone, null));
}
