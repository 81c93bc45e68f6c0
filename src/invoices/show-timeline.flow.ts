import type { Database } from "../platform/database.ts";
import { subscriptionByReference } from "../subscriptions/subscription-view.store.ts";
import { type TimelineRow, timelineOf } from "./timeline.store.ts";

/** The timeline of the subscription called `reference`, newest first; throws `NotFoundError`. */
export async function showTimeline(
  db: Database,
  { reference, after }: { readonly reference: string; readonly after: string | null },
  limit: number,
): Promise<TimelineRow[]> {
  return db.begin(async (tx) => {
    const { id } = (await subscriptionByReference(tx, reference)).subscription;
    return timelineOf(tx, { id, after }, limit);
  });
}
