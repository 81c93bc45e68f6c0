import { DateTime } from "luxon";
import { ConflictError } from "../../kernel/errors.ts";
import { type Instant, localDateAt } from "../../kernel/time.ts";
import { setTurnedClock } from "../../platform/clock.ts";
import { sleep, until as waitUntil } from "../../platform/timer.ts";
import { type Companion, stepWhenIdle, type TurnTools } from "../../scheduler/turn-clock.flow.ts";
import { apiClient, eachOf } from "./api-client.ts";
import type { Sample, SampleSubscription } from "./sample.ts";
import type { Stage } from "./stage.ts";

/** Says how far the story is; on a terminal the line is overwritten. */
export type Narrator = { (line: string): void; progress(line: string): void };

/** Real time that linking two hundred wallets may take on a slow machine. */
const LINK_PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 10;

/** Loads the sample through the API, as a merchant's programs would: plans, customers, wallets, subscriptions. */
export async function loadSample(
  stage: Stage,
  sample: Sample,
  start: Instant,
  narrate: Narrator,
): Promise<void> {
  const api = apiClient(stage.doors.url, stage.apiKey);
  for (const plan of sample.plans) await api.post("/plans", plan);
  const customers = [...new Map(sample.subscriptions.map((row) => [row.customer.reference, row])).values()];
  for (const { customer, wallet } of customers) {
    const { balance, tier } = wallet;
    stage.simulator.addWallet({ phone: customer.phone, balance, tier });
  }
  await eachOf(customers, async ({ customer }) => {
    await api.post("/customers", customer);
    await api.post(`/customers/${customer.reference}/bindings`, {
      success_url: "https://merchant.example/linked",
      failed_url: "https://merchant.example/not-linked",
    });
    // The customer's part: OTP and PIN on OVO's page.
    stage.simulator.finishLink(customer.phone, "success");
  });
  narrate(`${customers.length} customers opened OVO's page and entered OTP and PIN`);
  const { zone } = stage.house.policy;
  await eachOf(sample.subscriptions, ({ reference, customer, plan, start_on_offset_days: days }) =>
    api.post("/subscriptions", {
      reference,
      customer: customer.reference,
      plan,
      start_on: localDateAt(start.plus({ days }) as Instant, zone),
    }),
  );
  await waitUntil("every wallet is linked", LINK_PATIENCE_MS, async () => (await countPending(stage)) === 0);
  narrate(
    `${sample.subscriptions.length} subscriptions run; every wallet's consent was proved by a customer token`,
  );
  prepareWallets(stage, sample.subscriptions);
}

async function countPending({ house }: Stage): Promise<number> {
  const [row] = await house.db.begin((tx) =>
    tx.query<{ pending: number }>(`select count(*)::int as pending from bindings where state <> 'active'`),
  );
  return row?.pending ?? 0;
}

/** What happens to wallets between linking and the first billing day. */
function prepareWallets({ simulator }: Stage, subscriptions: readonly SampleSubscription[]): void {
  for (const { customer, wallet } of subscriptions) {
    if (wallet.kind === "blocked") simulator.changeWallet(customer.phone, { blocked: true });
    if (wallet.kind === "unlinked") simulator.unlink(customer.phone);
    if (wallet.script !== undefined)
      simulator.script({ match: { phone: customer.phone }, outcome: wallet.script, times: 1 });
  }
}

/** Lives until `end`: time jumps from one thing that is due to the next, and customers top up on their days. */
export async function live(
  stage: Stage,
  sample: Sample,
  span: { readonly start: Instant; readonly end: Instant },
  narrate: Narrator,
): Promise<void> {
  const { zone } = stage.house.policy;
  const topUps = planTopUps(sample, span.start);
  let today = "";
  for (let now = span.start; ; ) {
    const limit = DateTime.min(topUps[0]?.at ?? span.end, span.end);
    const step = await stepWhenIdle(turnTools(stage), companion(stage), limit);
    if (step.kind === "busy") await sleep(LOOK_EVERY_MS);
    if (step.kind === "moved") now = step.at;
    if (step.kind === "quiet") {
      if (limit >= span.end) return;
      now = limit;
      await moveBoth(stage, now);
      for (let due = topUps[0]; due !== undefined && due.at <= now; due = topUps[0]) {
        stage.simulator.changeWallet(due.phone, { add: due.amount });
        topUps.shift();
      }
    }
    const date = localDateAt(now, zone);
    if (date === today) continue;
    today = date;
    narrate.progress(`business time ${date}`);
  }
}

type TopUp = { readonly at: Instant; readonly phone: string; readonly amount: number };

/** Wallets are topped up in the evening. */
const TOP_UP_HOUR = 19;

function planTopUps({ subscriptions }: Sample, start: Instant): TopUp[] {
  const byPhone = new Map<string, TopUp>();
  for (const { customer, wallet } of subscriptions) {
    if (wallet.top_up === undefined) continue;
    const day = start.plus({ days: wallet.top_up.after_days }).setZone("Asia/Jakarta").startOf("day");
    const at = day.plus({ hours: TOP_UP_HOUR }).toUTC() as Instant;
    byPhone.set(customer.phone, { at, phone: customer.phone, amount: wallet.top_up.amount });
  }
  return [...byPhone.values()].sort((a, b) => a.at.toMillis() - b.at.toMillis());
}

async function moveBoth({ house, simulator }: Stage, at: Instant): Promise<void> {
  await house.db.begin((tx) => setTurnedClock(tx, at));
  await simulator.setClock(at);
}

function turnTools({ house }: Stage): TurnTools {
  const countBells = async () => (await house.bells.waitingCount()) + (await house.bells.activeCount());
  return { db: house.db, countBells, patienceMs: house.collect.leaseMs };
}

function companion({ simulator }: Stage): Companion {
  return {
    nextEventAt: async () => simulator.nextEventAt(),
    busy: async () => simulator.busy(),
    moveTo: (at) => simulator.setClock(at),
  };
}

/** What the gateway's ledger says against what we believe; throws `ConflictError` naming the first difference. */
export async function compareLedger({ house, simulator }: Stage): Promise<{ paid: number; amount: number }> {
  const rows = await house.db.begin((tx) =>
    tx.query<{ id: string; state: string; references: string[]; amount: string }>(
      `select i.id, i.state, i.amount::text as amount, array_agg(a.reference order by a.number) as references
         from invoices i join payment_attempts a on a.invoice_id = i.id
        group by i.id
        order by i.id`,
    ),
  );
  const taken = new Map<string, number>();
  for (const { kind, reference } of simulator.ledger())
    if (kind === "payment") taken.set(reference, (taken.get(reference) ?? 0) + 1);
  let paid = 0;
  let amount = 0;
  for (const row of rows) {
    const movements = row.references.reduce((sum, reference) => sum + (taken.get(reference) ?? 0), 0);
    if (movements > 1) throw new ConflictError(`invoice ${row.id} was taken ${movements} times`);
    if (row.state === "paid" && movements !== 1)
      throw new ConflictError(`invoice ${row.id} is paid, and nothing was taken`);
    if (row.state !== "paid") continue;
    paid += 1;
    amount += Number(row.amount);
  }
  return { paid, amount };
}
