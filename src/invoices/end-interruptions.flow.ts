import { openExceptions } from "../exceptions/exception.store.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { isOutage } from "../platform/database.ts";
import {
  type EndingInterruption,
  type InterruptionCursor,
  interruptionsEndingBy,
  parkInterruption,
} from "../subscriptions/interruption.store.ts";
import type { Subscription } from "../subscriptions/subscription.ts";
import { HOUSE_ACTOR } from "../subscriptions/subscription-change.ts";
import { wakeAt } from "../subscriptions/wake-at.ts";
import type { DecideTools } from "./collect-tools.ts";
import { releaseSubscription, resumeSubscription } from "./interrupt-subscription.flow.ts";

/** One beat ends at most so many pages of them: what is due otherwise must not wait. */
const MOST_PAGES = 20;

/**
 * Ends the pauses and holds whose last day has gone by in their own zone; answers how many.
 * One that fails is left to a person, with an exception, and stops no other.
 */
export async function endInterruptions(tools: DecideTools, page: number): Promise<number> {
  const { db, clock } = tools;
  const now = await clock.now(db);
  // No zone is more than 14 hours ahead of UTC.
  const latest = now.plus({ hours: 14 }).toISODate();
  let ended = 0;
  let after: InterruptionCursor | null = null;
  for (let read = 0; read < MOST_PAGES; read += 1) {
    const found: EndingInterruption[] = await interruptionsEndingBy(db, latest, after, page);
    for (const each of found) if (isOver(each, now)) ended += (await endOne(tools, each, now)) ? 1 : 0;
    after = found.at(-1) ?? null;
    if (found.length < page) break;
  }
  return ended;
}

function isOver({ endsOn, zone }: Pick<EndingInterruption, "endsOn" | "zone">, now: Instant): boolean {
  return wakeAt(endsOn, zone, null) <= now;
}

async function endOne(
  tools: DecideTools,
  { id, reference, kind, endsOn }: EndingInterruption,
  now: Instant,
): Promise<boolean> {
  const order = { reference, reason: "its last day went by", actor: { name: HOUSE_ACTOR } };
  try {
    const { done } =
      kind === "pause"
        ? await resumeSubscription(tools, {
            ...order,
            anchor: "keep",
            // On its own day, also when the house was away then: what is due since is late, not lost.
            on: endsOn,
            if: (subscription, at) => stillOver(subscription, subscription.resumesOn, at),
          })
        : await releaseSubscription(tools, {
            ...order,
            if: (subscription, at) => stillOver(subscription, subscription.hold?.endsOn ?? null, at),
          });
    return done;
  } catch (error) {
    if (isOutage(error)) throw error;
    tools.log.error({ event: "subscription.parked", subscriptionId: id, err: error });
    const says = `${reference}: its ${kind} cannot be ended: ${error instanceof Error ? error.message : "unknown"}`;
    const exception = { kind: "parked", subject: `${id}/${kind}`, says: says.slice(0, 300), at: now };
    await tools.db.begin(async (tx) => {
      await parkInterruption(tx, { id, kind });
      await openExceptions(tx, [exception]);
    });
    return false;
  }
}

/** Somebody may have ended it, or begun another one, since it was found. */
function stillOver({ zone }: Subscription, endsOn: LocalDate | null, now: Instant): boolean {
  return endsOn !== null && isOver({ endsOn, zone }, now);
}
