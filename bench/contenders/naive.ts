// What merchants write: a loop, and one BullMQ job an invoice. Both with axios and TypeORM as they come, and with
// a web server of their own for the notifications.
import { join } from "node:path";
import { runMigrations } from "bullmq";
import pg from "pg";
import type { Batch, Contender, Running, Stage } from "../contender.ts";
import { PRICE } from "../identity.ts";
import { demandAlive, firstMessage, launch } from "../launch.ts";
import { CREATE_TABLE } from "../naive/invoice.table.ts";
import type { NaiveSettings } from "../naive/settings.ts";

type Part = {
  readonly name: string;
  readonly script: "loop" | "worker" | "receiver";
  readonly schedules?: boolean;
};

/** Sequential, so that one process is all that it can use; the web server is another. */
export const loop: Contender = {
  name: "loop",
  open: (stage) =>
    open(stage, [
      { name: "receiver", script: "receiver" },
      { name: "loop", script: "loop" },
    ]),
};

/** As many processes as the product has: one server, two workers. */
export const peer: Contender = {
  name: "peer",
  open: (stage) =>
    open(stage, [
      { name: "receiver", script: "receiver" },
      { name: "worker-1", script: "worker", schedules: true },
      { name: "worker-2", script: "worker" },
    ]),
};

async function open(stage: Stage, parts: readonly Part[]): Promise<Running> {
  const client = new pg.Client({ connectionString: stage.databaseUrl });
  await client.connect();
  await client.query(CREATE_TABLE);
  await insertInvoices(client, stage.invoices);
  if (stage.redisUrl === null) await runMigrations(client);
  const launched = parts.map((part) => start(stage, part));
  for (const each of launched) await firstMessage(each);
  return {
    processes: launched,
    schedule: (batch, at) => schedule(client, batch, at),
    countPaid: async () => {
      for (const each of launched) demandAlive(each);
      return countPaid(client);
    },
    paidAt: (batch) => paidAt(client, batch),
    stop: async () => {
      await Promise.all(launched.map((each) => each.stop()));
      await client.end();
    },
  };
}

function start(stage: Stage, { name, script, schedules = false }: Part) {
  const { clientId, secretKey, merchantPrivateKey: privateKey } = stage.identity;
  const { databaseUrl, redisUrl, gatewayUrl, merchantPort: port, folder } = stage;
  const settings: NaiveSettings = {
    databaseUrl,
    redisUrl,
    gatewayUrl,
    port,
    clientId,
    secretKey,
    privateKey,
    schedules,
  };
  const file = join(import.meta.dirname, `../naive/${script}.ts`);
  const env = { BENCH_NAIVE: JSON.stringify(settings) };
  return launch(name, ["--import", "tsx", file], { env, folder });
}

/** The identity column counts from 1: invoice `n` of the run has the id `n + 1`. */
async function insertInvoices(client: pg.Client, count: number): Promise<void> {
  await client.query(
    `insert into naive_invoices (reference, customer_token, amount, status, due_at)
     select 'INV-' || lpad(n::text, 7, '0') || '-1', 'customer-' || n, $2, 'due', '2099-01-01T00:00:00Z'
       from generate_series(0, $1::int - 1) as n
      order by n`,
    [count, PRICE],
  );
}

async function schedule(client: pg.Client, { from, to }: Batch, at: Date): Promise<void> {
  await client.query(`update naive_invoices set due_at = $3 where id > $1 and id <= $2`, [from, to, at]);
}

async function countPaid(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ paid: number }>(
    `select count(*)::int as paid from naive_invoices where status = 'paid' and sent_at is not null`,
  );
  return rows[0]?.paid ?? 0;
}

async function paidAt(client: pg.Client, { from, to }: Batch): Promise<number[]> {
  const { rows } = await client.query<{ ms: number }>(
    `select extract(epoch from paid_at)::float8 * 1000 as ms from naive_invoices where id > $1 and id <= $2`,
    [from, to],
  );
  return rows.map((row) => row.ms);
}
