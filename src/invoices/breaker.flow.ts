import { openExceptions } from "../exceptions/exception.store.ts";
import { realNow } from "../platform/real-time.ts";
import { addCalls, countRecentCalls, forgetCalls, lockBreaker, saveBreaker } from "./breaker.store.ts";
import { afterCalls, type CallCounts } from "./breaker.ts";
import type { CollectTools } from "./collect-tools.ts";

/**
 * Tells the shared breaker how calls went. It opens when too many of the last half minute never left or got no
 * usable answer, and closes when a trial gets one.
 */
export async function reportCalls(tools: CollectTools, report: CallCounts): Promise<void> {
  if (report.calls === 0) return;
  const { breaker: seen, recent } = await addCalls(tools.db, report);
  // Whether it changes does not depend on the time; what it changes to is decided under the lock.
  if (afterCalls(seen, report, recent, tools.breakerPercent, realNow()).state === seen.state) return;
  const changed = await tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const breaker = await lockBreaker(tx);
    const after = afterCalls(breaker, report, await countRecentCalls(tx), tools.breakerPercent, now);
    if (after.state === breaker.state) return null;
    await saveBreaker(tx, after);
    if (after.state === "closed") await forgetCalls(tx);
    else {
      const says =
        "the gateway does not answer as it should: nothing is sent for a minute, then a few calls try again";
      const subject = now.toFormat("yyyy-MM-dd'T'HH");
      await openExceptions(tx, [{ kind: "breaker_open", subject, says, at: now }]);
    }
    return after.state;
  });
  if (changed !== null) tools.log.warn({ event: "breaker.changed", state: changed, ...report });
}
