// The floor: the same calls and the same rows as the product with nothing else, in one process. No leases, no second
// look, no locks, no log, no retries: what is left is what HTTP, signatures and PostgreSQL cost.
import pg from "pg";
import { paymentBody } from "../../src/gateway/snap/requests.ts";
import { attemptReference } from "../../src/invoices/reference.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { type Calls, nextExternalId, openCalls } from "./calls.ts";
import { listenForNotices } from "./receiver.ts";
import { type Opened, openPage, writeAnswers, writeOrders } from "./rows.ts";
import type { FloorSettings } from "./settings.ts";

const PAGE = 250;
const PAGES_IN_FLIGHT = 6;
const LOOK_EVERY_MS = 100;
const RETURN_URLS = {
  paid: "http://127.0.0.1:3000/return/paid",
  failed: "http://127.0.0.1:3000/return/failed",
};

const settings = JSON.parse(process.env["BENCH_FLOOR"] ?? "") as FloorSettings;
const pool = new pg.Pool({ connectionString: settings.databaseUrl, max: 6 });
const calls = await openCalls(settings);

async function chargePage(page: readonly Opened[]): Promise<void> {
  const balances = await Promise.all(page.map(() => calls.balance()));
  const orders = page.flatMap((invoice, index) =>
    (balances[index] ?? 0) < invoice.amount ? [] : [orderOf(invoice)],
  );
  await writeOrders(pool, orders);
  await writeAnswers(pool, await Promise.all(orders.map((order) => pay(calls, order))));
}

type Order = ReturnType<typeof orderOf>;

function orderOf({ id, amount, bills_on: billsOn }: Opened) {
  const reference = attemptReference(id as InvoiceId, 1);
  const body = paymentBody({ reference, amount: rupiah(amount), remarks: `Bench ${billsOn}` }, RETURN_URLS);
  return { invoiceId: id, reference, externalId: nextExternalId(), body };
}

async function pay({ pay: send }: Calls, { invoiceId, reference, externalId, body }: Order) {
  return { invoiceId, reference, externalId, ...(await send(externalId, body)) };
}

const inFlight = new Set<Promise<void>>();

async function chargeDue(): Promise<void> {
  for (;;) {
    const page = await openPage(pool, PAGE);
    if (page.length === 0) return;
    const work: Promise<void> = chargePage(page).finally(() => inFlight.delete(work));
    inFlight.add(work);
    if (inFlight.size >= PAGES_IN_FLIGHT) await Promise.race(inFlight);
  }
}

function look(): void {
  void chargeDue().then(() => setTimeout(look, LOOK_EVERY_MS));
}

process.on("disconnect", () => process.exit(0));
process.on("SIGTERM", () => process.exit(0));
await listenForNotices(settings, pool);
look();
process.send?.({ ready: true });
