import { expect, it } from "vitest";
import { startWorker } from "../../src/app/worker.ts";
import { until } from "../../src/platform/timer.ts";
import { buildHouse, type TestHouse } from "../support/house.ts";

const PATIENCE_MS = 20_000;
const DRAIN_MS = 5_000;

/** How often the house has beaten, by the trace of the last beat. */
async function lastBeat(of: TestHouse): Promise<number> {
  const [row] = await of.query<{ at: Date | null }>(`select last_tick_at as at from scheduler_state`);
  return row?.at?.getTime() ?? 0;
}

async function nextBeat(of: TestHouse, after: number): Promise<number> {
  return until("the house beats", PATIENCE_MS, async () => {
    const at = await lastBeat(of);
    return at > after ? at : null;
  });
}

it("a wiped queue costs a few beats: the worker makes the heartbeat anew and goes on", async () => {
  const t = await buildHouse();
  const worker = await startWorker(t.house);
  try {
    await nextBeat(t, await nextBeat(t, 0));
    const tables = await t.query<{ name: string }>(
      `select string_agg(format('%I.%I', schemaname, tablename), ', ') as name from pg_tables where schemaname = 'bullmq'
        and tablename not like '%migration%'`,
    );
    await t.query(`truncate ${tables[0]?.name}`);
    // A beat that was under way may still end; from then on only a mended heartbeat makes new ones.
    const wiped = await nextBeat(t, await lastBeat(t));
    await nextBeat(t, await nextBeat(t, wiped));
  } finally {
    await worker.stop(DRAIN_MS);
  }
});

it("what becomes due between two beats is opened on time", async () => {
  const t = await buildHouse({ environment: { TAGIH_CLOCK: "real", TICK_EVERY_MS: "3000" } });
  await t.api("POST", "/plans", { code: "news", name: "News", amount: 49_000, interval: "month" });
  await t.api("POST", "/customers", { reference: "budi", name: "Budi", phone: "6281211110001" });
  await t.api("POST", "/subscriptions", { reference: "late-news", customer: "budi", plan: "news" });
  const worker = await startWorker(t.house);
  try {
    await nextBeat(t, await nextBeat(t, 0));
    // Due a second before the beat after the next one: a beat that only looks when it is called would be that late.
    const [due] = await t.query<{ at: Date }>(
      `update subscriptions
          set state = 'active', activated_at = clock_timestamp(),
              next_invoice_at = (select last_tick_at from scheduler_state) + interval '5 seconds'
      returning next_invoice_at as at`,
    );
    const [invoice] = await until("the invoice is opened", PATIENCE_MS, async () => {
      const rows = await t.query<{ at: Date }>(`select created_at as at from invoices`);
      return rows.length === 0 ? null : rows;
    });
    const lateMs = (invoice?.at.getTime() ?? Number.NaN) - (due?.at.getTime() ?? Number.NaN);
    expect(lateMs).toBeGreaterThanOrEqual(0);
    expect(lateMs).toBeLessThan(900);
  } finally {
    await worker.stop(DRAIN_MS);
  }
});
