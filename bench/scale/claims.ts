// What it costs to open, find and lease what is due, per row, for few and for many rows.
import type pg from "pg";
import type { House } from "../../src/app/house.ts";
import { findInvoicesToRing, type RingCursor } from "../../src/invoices/invoice.store.ts";
import { openDueInvoices } from "../../src/invoices/open-invoices.flow.ts";
import { takeLeases } from "../../src/invoices/take-leases.flow.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { type Cost, costOf, median } from "./measure.ts";
import { makeDue, scatter } from "./rows.ts";

/** As a beat and a bell have them. */
const PAGE = 500;
const BELL = 250;
/** Due rows at once, and how often that is measured: few rows are soon measured, and noisy. */
const WAVES = [
  { due: 500, rounds: 9 },
  { due: 5_000, rounds: 3 },
  { due: 50_000, rounds: 1 },
] as const;

export const STEPS = ["open", "ring", "lease"] as const;
type Step = (typeof STEPS)[number];
/** Per due row: medians of the rounds, in µs. */
type PerRow = { readonly wall: number; readonly node: number; readonly postgres: number | null };
export type Wave = { readonly due: number } & Readonly<Record<Step, PerRow>>;

export type Ground = {
  readonly house: House;
  readonly client: pg.Client;
  readonly own: boolean;
  readonly size: number;
};

/** Waves larger than the house are left out. */
export async function measureClaims(ground: Ground, say: (line: string) => void): Promise<Wave[]> {
  const waves: Wave[] = [];
  await runWave(ground, Math.min(PAGE, ground.size), 0);
  for (const { due, rounds } of WAVES) {
    if (due > ground.size) continue;
    const costs: Record<Step, Cost>[] = [];
    for (let round = 1; round <= rounds; round += 1) costs.push(await runWave(ground, due, round));
    const perRow = (step: Step) =>
      perRowOf(
        costs.map((each) => each[step]),
        due,
      );
    waves.push({ due, open: perRow("open"), ring: perRow("ring"), lease: perRow("lease") });
    say(`claimed ${rounds} x ${due.toLocaleString("en")}`);
  }
  return waves;
}

function perRowOf(costs: readonly Cost[], due: number): PerRow {
  const each = (ms: (cost: Cost) => number) => (median(costs.map(ms)) * 1_000) / due;
  const known = costs.every(({ postgresMs }) => postgresMs !== null);
  return {
    wall: each(({ wallMs }) => wallMs),
    node: each(({ nodeMs }) => nodeMs),
    postgres: known ? each(({ postgresMs }) => postgresMs ?? 0) : null,
  };
}

async function runWave(
  { house, client, own, size }: Ground,
  due: number,
  round: number,
): Promise<Record<Step, Cost>> {
  await makeDue(client, scatter(size, due, round));
  // The next write of every page costs what it costs after a checkpoint.
  await client.query(`checkpoint`);
  const cost = (work: () => Promise<void>) => costOf(client, own, work);
  const open = await cost(() => openAll(house, due));
  let ids: readonly InvoiceId[] = [];
  const ring = await cost(async () => {
    ids = await findAll(house);
  });
  if (ids.length !== due) throw new Error(`${ids.length} invoices to ring instead of ${due}`);
  const lease = await cost(() => leaseAll(house, ids));
  await settle(client, ids);
  return { open, ring, lease };
}

async function openAll(house: House, due: number): Promise<void> {
  let opened = 0;
  for (let page = PAGE; page === PAGE; opened += page)
    page = (await openDueInvoices(house.decide, PAGE)).claimed;
  if (opened !== due) throw new Error(`${opened} invoices opened instead of ${due}`);
}

/** The query of a beat, page by page, without its bells. */
async function findAll({ db, clock }: House): Promise<InvoiceId[]> {
  const ids: InvoiceId[] = [];
  for (let after: RingCursor | null = null; ; ) {
    const cursor: RingCursor | null = after;
    const page: RingCursor[] = await db.begin(async (tx) =>
      findInvoicesToRing(tx, await clock.now(tx), PAGE, cursor),
    );
    ids.push(...page.map(({ id }) => id));
    if (page.length < PAGE) return ids;
    after = page.at(-1) ?? null;
  }
}

async function leaseAll(house: House, ids: readonly InvoiceId[]): Promise<void> {
  for (let from = 0; from < ids.length; from += BELL) {
    const bell = ids.slice(from, from + BELL);
    const { leased } = await takeLeases(house.collect, bell);
    if (leased.length !== bell.length) throw new Error(`${leased.length} leases instead of ${bell.length}`);
  }
}

/** As if they had been paid, and their days given back: the next wave must not find them, and bills the same days. */
async function settle(client: pg.Client, ids: readonly InvoiceId[]): Promise<void> {
  await client.query(
    `update invoices
        set state = 'paid', paid_at = now(), closed_at = now(), next_action_at = null, leased_until = null,
            cut_on = period_start
      where id = any($1::uuid[])`,
    [ids],
  );
}
