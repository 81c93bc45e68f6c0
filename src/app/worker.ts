import { checkNightly } from "../invariants/nightly-check.flow.ts";
import { RULES } from "../invariants/rules.ts";
import { dropOldCounts } from "../invoices/breaker.store.ts";
import { collector } from "../invoices/collect.flow.ts";
import { collectJob } from "../invoices/collect.job.ts";
import { deliveryHandler } from "../notifications/handle.flow.ts";
import { handleJob } from "../notifications/handle.job.ts";
import { purgeIdempotencyKeys } from "../platform/idempotency.ts";
import {
  BELLS,
  type BellQueue,
  type BellWorker,
  openBellWorker,
  openQueue,
  TICKS,
} from "../platform/queue.ts";
import { every, sleep } from "../platform/timer.ts";
import { giveBackJob } from "../refunds/give-back.job.ts";
import { findSoonest, readBeatAge, readClockSkew } from "../scheduler/scheduler.store.ts";
import { type Beat, tick } from "../scheduler/tick.flow.ts";
import type { House } from "./house.ts";
import { MAX_CLOCK_SKEW_MS } from "./server.ts";

/** Bells answered at once per process: enough pages to fill the window of calls, and news beside them. */
const CONCURRENCY = 8;
/** A heartbeat that is this many beats late is rung by hand. */
const LATE_BEATS = 3;
const PURGE_EVERY_MS = 60_000;
const PURGE_LIMIT = 1_000;
/** Between two looks at whether the day's check of the rules is still to be made. */
const CHECK_EVERY_MS = 60_000;

export type RunningWorker = {
  /** Stops fetching, lets running pages end (at most `deadlineMs`), and closes; true when everything ended. */
  stop(deadlineMs: number): Promise<boolean>;
};

/** Starts answering bells and beating. Every worker beats; any number of them may. */
export async function startWorker(house: House): Promise<RunningWorker> {
  const { log, backend, config } = house;
  const ticks = openQueue(backend, TICKS, log);
  const collecting = collector(house.collect);
  const handling = deliveryHandler({ decide: house.decide, bindings: house.bindings, log });
  const lockMs = house.collect.leaseMs;
  const skewed = { now: false };
  const beat = () => (skewed.now ? Promise.resolve() : beatOnTime(house));
  const bellWorker = openBellWorker(
    backend,
    BELLS,
    {
      // A machine whose clock is wrong starts nothing; what it has on the wire it still records.
      [collectJob.name]: async (data) => {
        if (!skewed.now) await collectJob.run(collecting, data);
      },
      [giveBackJob.name]: async (data) => {
        if (!skewed.now) await giveBackJob.run(house.collect, data);
      },
      [handleJob.name]: (data) => handleJob.run(handling, data),
    },
    { concurrency: CONCURRENCY, lockMs, log },
  );
  const tickWorker = openBellWorker(backend, TICKS, { tick: beat }, { concurrency: 1, lockMs, log });
  await ticks.upsertTick(config.tickEveryMs).catch((error: unknown) => {
    log.warn({ event: "beat.upsert_failed", err: error });
  });
  const stopWatch = every(config.tickEveryMs, async () => {
    await keepBeating(house, ticks, beat, skewed);
    await keepAnswering(house, bellWorker);
  });
  const stopPurge = every(PURGE_EVERY_MS, () => purge(house));
  // Beside the beat, not in it: it reads for minutes where there are millions of rows, and nothing waits for it.
  const stopChecks = every(CHECK_EVERY_MS, () => check(house));
  log.info({ event: "worker.started", queue: backend.kind, concurrency: CONCURRENCY });
  return {
    stop: async (deadlineMs) => {
      stopWatch();
      stopPurge();
      stopChecks();
      const drained = await Promise.all([tickWorker.close(deadlineMs), bellWorker.close(deadlineMs)]);
      await ticks.close();
      log.info({ event: "worker.stopped", drained: drained.every(Boolean) });
      return drained.every(Boolean);
    },
  };
}

/** A beat, and another one at the very moment at which something becomes due before the next: waves begin on time. */
async function beatOnTime(house: House): Promise<void> {
  await runBeat(house);
  // A turned clock stands still between its steps: nothing becomes due by waiting.
  if (house.config.turnedClock) return;
  const now = await house.decide.clock.now(house.db);
  const waitMs = await findSoonest(house.db, now, house.config.tickEveryMs);
  if (waitMs === null) return;
  await sleep(Math.ceil(waitMs));
  await runBeat(house);
}

/** One beat of this house, run here and now. */
export async function runBeat(house: House): Promise<Beat> {
  return tick({
    decide: house.decide,
    ringInvoices: async (bells) => {
      await house.bells.ringBulk(
        collectJob.name,
        bells.map((invoiceIds) => ({ invoiceIds })),
      );
    },
    ringRefunds: house.ringRefunds,
    ringDeliveries: house.ringDeliveries,
    countWaiting: () => house.bells.waitingCount(),
    backlogLimit: 2 * CONCURRENCY * Math.max(1, await house.bells.workersCount()),
    log: house.log,
  });
}

/** The heartbeat heals itself: whoever sees that nobody beats makes the scheduler again, and beats once. */
async function keepBeating(
  house: House,
  ticks: BellQueue,
  beat: () => Promise<void>,
  skewed: { now: boolean },
): Promise<void> {
  const { config, db, log } = house;
  try {
    const skewMs = await db.begin((tx) => readClockSkew(tx));
    if (Math.abs(skewMs) > MAX_CLOCK_SKEW_MS !== skewed.now) {
      skewed.now = !skewed.now;
      log.error({ event: "clock.skewed", skewed: skewed.now, skewMs });
    }
    const ageMs = await db.begin((tx) => readBeatAge(tx));
    if (ageMs !== null && ageMs <= LATE_BEATS * config.tickEveryMs) return;
    log.warn({ event: "beat.late", ageMs });
    // The queue may be away: then the beat itself still opens invoices, and says so.
    await ticks.upsertTick(config.tickEveryMs).catch(() => {});
    await beat();
  } catch (error) {
    log.warn({ event: "beat.failed", err: error });
  }
}

/** A connection to the queue may hang without an error: bells wait, and nobody here takes them. */
async function keepAnswering({ bells }: House, worker: BellWorker): Promise<void> {
  // The queue being away is noted elsewhere, and mends itself.
  const waiting = await bells.waitingCount().catch(() => 0);
  worker.reviveIfStuck(waiting);
}

async function purge({ db, log }: House): Promise<void> {
  try {
    await db.begin((tx) => purgeIdempotencyKeys(tx, PURGE_LIMIT));
    await dropOldCounts(db);
  } catch (error) {
    log.warn({ event: "purge.failed", err: error });
  }
}

async function check({ db, clock, log, config }: House): Promise<void> {
  try {
    await checkNightly({ db, clock, log, zone: config.billingZone, rules: RULES });
  } catch (error) {
    log.warn({ event: "rules.unchecked", err: error });
  }
}
