import { type ChildProcess, spawn } from "node:child_process";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { DateTime } from "luxon";
import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";
import { apiClient } from "../../src/app/demo/api-client.ts";
import { type House, openHouse } from "../../src/app/house.ts";
import { openDoors } from "../../src/app/server.ts";
import { merchant } from "../../src/app/simulator-command.ts";
import { collectJob } from "../../src/invoices/collect.job.ts";
import { openDueInvoices } from "../../src/invoices/open-invoices.flow.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { setTurnedClock } from "../../src/platform/clock.ts";
import { loadConfig } from "../../src/platform/config.ts";
import { freePort } from "../../src/platform/embedded/server.ts";
import { privatePemOf } from "../../src/platform/pem.ts";
import { newEncryptionKey } from "../../src/platform/secrets.ts";
import { until } from "../../src/platform/timer.ts";
import { type Simulator, startSimulator } from "../../src/simulator/simulator.ts";
import { freshDatabaseUrl } from "../support/db.ts";

const PROCESSES = 4;
const WORKERS_EACH = 5;
/** As many as twenty workers hold at once, two each: every worker has the same invoice in hand, twice. */
const BELLS = 40;
/** Long enough on the wire that every other worker would come in between. */
const LATENCY_MS = 150;
const PATIENCE_MS = 20_000;
const PHONE = "6281234567890";
const PRICE = 99_000;
const CLIENT = "BRN-0000-0000000000001";
const SECRET = "SK-twenty-workers-0001";
const API_KEY = "twenty-workers-key-0001";
const NOW = DateTime.fromISO("2027-03-10T12:00", { zone: "Asia/Jakarta" }).toUTC() as Instant;

test("twenty workers in four processes with one invoice in hand ask the balance once and charge once", {
  timeout: 90_000,
}, async () => {
  const { house, simulator, env } = await buildStage();
  const processes = await Promise.all(Array.from({ length: PROCESSES }, () => startWorkers(env)));
  const invoiceId = await openOneInvoice(house, simulator);

  await house.bells.ringBulk(
    collectJob.name,
    Array.from({ length: BELLS }, () => ({ invoiceIds: [invoiceId] })),
  );
  await until("every worker has the invoice in hand", PATIENCE_MS, async () =>
    processes.every(({ taken }) => taken.length === BELLS / PROCESSES),
  );
  for (const { taken } of processes) expect(new Set(taken).size, "workers of one process").toBe(WORKERS_EACH);
  for (const { child } of processes) child.stdin?.write("go\n");

  await until("it is paid and every bell is answered", PATIENCE_MS, async () => {
    const bells = (await house.bells.waitingCount()) + (await house.bells.activeCount());
    const { open } = await count(house, invoiceId);
    return bells === 0 && open === 0 && !simulator.busy();
  });
  const calls = simulator.requests().filter(({ phone }) => phone === PHONE);
  expect(calls.filter(({ path }) => path.endsWith("/balance-inquiry"))).toHaveLength(1);
  expect(calls.filter(({ path }) => path.endsWith("/payment-host-to-host"))).toHaveLength(1);
  expect(simulator.ledger()).toMatchObject([{ kind: "payment", phone: PHONE, amount: -PRICE }]);
  expect(await count(house, invoiceId)).toEqual({ open: 0, attempts: 1, requests: 1 });
});

type Stage = {
  readonly house: House;
  readonly simulator: Simulator;
  readonly env: Readonly<Record<string, string>>;
};

/** The doors and the gateway; the workers come as processes of their own. */
async function buildStage(): Promise<Stage> {
  const simulator = await startSimulator({ latencyMs: LATENCY_MS, autoLink: true });
  onTestFinished(simulator.stop);
  const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const port = await freePort();
  const env = {
    DATABASE_URL: await freshDatabaseUrl(),
    QUEUE_BACKEND: "postgres",
    PORT: String(port),
    DOKU_BASE_URL: simulator.url,
    DOKU_CLIENT_ID: CLIENT,
    DOKU_SECRET_KEY: SECRET,
    DOKU_PRIVATE_KEY: privatePemOf(keys.privateKey),
    DOKU_PUBLIC_KEY: simulator.publicKeyPem,
    TAGIH_API_KEYS: `test:admin:${API_KEY}`,
    TAGIH_ENCRYPTION_KEY: newEncryptionKey("test"),
    TAGIH_CLOCK: "turned",
    CHARGE_WINDOW: "always",
    GATEWAY_TIMEOUT_MS: "5000",
    GATEWAY_RATE_PER_SECOND: "100000",
  };
  const config = loadConfig(env, { gateway: true, api: true });
  const log = pino({ level: "silent" });
  const { DATABASE_URL: databaseUrl } = env;
  const encryptionKeys = config.encryptionKeys ?? [];
  const house = await openHouse(config, { role: "server", databaseUrl, encryptionKeys, log });
  onTestFinished(house.close);
  await house.db.begin((tx) => setTurnedClock(tx, NOW));
  // Closing doors would wait for the callers that keep a connection: here they are all our own.
  const place = { host: "127.0.0.1", port, farewellMs: 0 };
  const doors = await openDoors(house, place);
  onTestFinished(doors.close);
  const publicKey = createPublicKey(keys.privateKey).export({ type: "spki", format: "pem" }).toString();
  simulator.addMerchant(merchant(doors.url, CLIENT, SECRET, publicKey));
  simulator.addWallet({ phone: PHONE, balance: 10 * PRICE });
  // The balance is what the lease alone protects: it must take as long as a payment.
  simulator.script({
    match: { path: "/balance-inquiry" },
    outcome: `slow:${LATENCY_MS}`,
    times: BELLS,
  });
  return { house, simulator, env };
}

type Workers = { readonly child: ChildProcess; readonly taken: readonly string[] };

async function startWorkers(env: Readonly<Record<string, string>>): Promise<Workers> {
  const script = join(import.meta.dirname, "../support/worker-process.ts");
  const child = spawn(process.execPath, ["--import", "tsx", script], {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const taken: string[] = [];
  const ready = new Promise<void>((resolve, reject) => {
    createInterface(child.stdout).on("line", (line) => {
      if (line === "ready") resolve();
      else taken.push(line);
    });
    child.once("exit", (code) => reject(new Error(`a worker process ended with ${code}`)));
  });
  onTestFinished(async () => {
    if (child.exitCode !== null) return;
    const ended = once(child, "exit");
    child.stdin.end();
    await ended;
  });
  await ready;
  return { child, taken };
}

/** One customer with a linked wallet, one subscription, and its first invoice, due now. */
async function openOneInvoice(house: House, simulator: Simulator): Promise<InvoiceId> {
  const api = apiClient(house.config.publicUrl, API_KEY);
  await api.post("/plans", { code: "pro", name: "Pro", amount: PRICE, interval: "month", interval_count: 1 });
  await api.post("/customers", { reference: "budi", name: "Budi", phone: PHONE });
  await api.post("/customers/budi/bindings", {
    success_url: "https://shop.example/ok",
    failed_url: "https://shop.example/ko",
  });
  await api.post("/subscriptions", {
    reference: "s-1",
    customer: "budi",
    plan: "pro",
    start_on: "2027-03-10",
  });
  await until("the wallet is linked and its subscription runs", PATIENCE_MS, async () => {
    const [row] = await house.db.begin((tx) =>
      tx.query<{ state: string }>(`select state from subscriptions where reference = 's-1'`),
    );
    return row?.state === "active";
  });
  expect((await openDueInvoices(house.decide, 10)).claimed).toBe(1);
  expect(simulator.ledger()).toEqual([]);
  const [invoice] = await house.db.begin((tx) => tx.query<{ id: InvoiceId }>(`select id from invoices`));
  return (invoice as { id: InvoiceId }).id;
}

async function count(house: House, id: InvoiceId) {
  const [row] = await house.db.begin((tx) =>
    tx.query<{ open: number; attempts: number; requests: number }>(
      `select (select count(*)::int from invoices where id = $1 and state = 'open') as open,
              (select count(*)::int from payment_attempts where invoice_id = $1) as attempts,
              (select count(*)::int from requests where invoice_id = $1) as requests`,
      [id],
    ),
  );
  return row as { open: number; attempts: number; requests: number };
}
