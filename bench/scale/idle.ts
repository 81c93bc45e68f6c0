// What a beat costs when nothing is due.
import type pg from "pg";
import type { House } from "../../src/app/house.ts";
import { runBeat } from "../../src/app/worker.ts";
import { expirePendingBindings } from "../../src/customers/binding.store.ts";
import { findInvoicesToRing } from "../../src/invoices/invoice.store.ts";
import { openDueInvoices } from "../../src/invoices/open-invoices.flow.ts";
import { findDeliveriesToRing } from "../../src/notifications/inbox.store.ts";
import { saveBeat } from "../../src/scheduler/scheduler.store.ts";
import { costOf, median, quantile } from "./measure.ts";

const PAGE = 500;
const TIMES = 50;
/** The first ones open connections and are compiled. */
const WARM_UP = 100;

/** Medians in ms; the parts are measured by themselves, each in its own transaction. */
export type Idle = {
  readonly beat: number;
  readonly beatP95: number;
  /** Mean CPU of one beat. PostgreSQL's is without the queue's connections, and null where it cannot be read. */
  readonly nodeCpu: number;
  readonly postgresCpu: number | null;
  readonly open: number;
  readonly expire: number;
  readonly ring: number;
  readonly deliveries: number;
  /** The one commit of an idle beat. */
  readonly save: number;
  readonly queue: number;
};

export async function measureIdle({
  house,
  client,
  own,
}: {
  readonly house: House;
  readonly client: pg.Client;
  readonly own: boolean;
}): Promise<Idle> {
  const { db, clock } = house;
  await timesOf(() => beatOfNothing(house), WARM_UP);
  let beats: readonly number[] = [];
  const cost = await costOf(client, own, async () => {
    beats = await timesOf(() => beatOfNothing(house), 0);
  });
  const part = async (work: () => Promise<unknown>) => median(await timesOf(work));
  return {
    beat: median(beats),
    beatP95: quantile(beats, 0.95),
    nodeCpu: cost.nodeMs / TIMES,
    postgresCpu: cost.postgresMs === null ? null : cost.postgresMs / TIMES,
    open: await part(() => openDueInvoices(house.decide, PAGE)),
    expire: await part(() => db.begin(async (tx) => expirePendingBindings(tx, await clock.now(tx), PAGE))),
    ring: await part(() => db.begin(async (tx) => findInvoicesToRing(tx, await clock.now(tx), PAGE, null))),
    deliveries: await part(() => db.begin((tx) => findDeliveriesToRing(tx, PAGE))),
    save: await part(() => db.begin(async (tx) => saveBeat(tx, await clock.now(tx)))),
    queue: await part(async () => {
      await house.bells.workersCount();
      await house.bells.waitingCount();
    }),
  };
}

/** Median of a beat alone, in ms, with no warm-up: the first beats after a wave are the dear ones. */
export async function measureBeatAfterWave(
  house: House,
): Promise<{ readonly first: number; readonly beat: number }> {
  const [first = Number.NaN, ...others] = await timesOf(() => beatOfNothing(house), 0);
  return { first, beat: median(others) };
}

async function beatOfNothing(house: House): Promise<void> {
  const { opened, rung, deliveries } = await runBeat(house);
  if (opened + rung + deliveries > 0)
    throw new Error(`the beat was not idle: ${opened}, ${rung}, ${deliveries}`);
}

async function timesOf(work: () => Promise<unknown>, warmUp = WARM_UP): Promise<number[]> {
  const times: number[] = [];
  for (let time = 0; time < warmUp + TIMES; time += 1) {
    const started = performance.now();
    await work();
    if (time >= warmUp) times.push(performance.now() - started);
  }
  return times;
}
