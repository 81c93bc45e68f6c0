// The queue that a merchant writes next: one BullMQ job an invoice, fifty at a time in each process.
import { createPostgresBackend, Queue, Worker } from "bullmq";
import { In, LessThanOrEqual } from "typeorm";
import { charger } from "./charge.ts";
import { connect, naiveInvoice } from "./invoice.table.ts";
import { readSettings, sayReady } from "./settings.ts";

const QUEUE = "charges";
const CONCURRENCY = 50;
/** How many rows one look of the scheduler queues. */
const PAGE = 1_000;
const settings = readSettings();
const invoices = (await connect(settings.databaseUrl)).getRepository(naiveInvoice);
const charge = await charger(settings, invoices);

type Job = { readonly data: { readonly id: number } };

const work = async ({ data }: Job): Promise<void> => {
  const invoice = await invoices.findOneByOrFail({ id: data.id });
  if (invoice.status === "queued") await charge(invoice);
};
const kept = { concurrency: CONCURRENCY, removeOnComplete: { count: 1_000 } };
const onPostgres = { connection: { connectionString: settings.databaseUrl, max: 10 } };
const onRedis = { connection: { url: settings.redisUrl ?? "", maxRetriesPerRequest: null } };
const worker =
  settings.redisUrl === null
    ? new Worker(QUEUE, work, { ...kept, ...onPostgres }, createPostgresBackend)
    : new Worker(QUEUE, work, { ...kept, ...onRedis });
worker.on("failed", (job, error) => console.error(`${job?.id} failed: ${error.message}`));

async function queueDue(add: (ids: readonly number[]) => Promise<void>): Promise<void> {
  for (;;) {
    const due = await invoices.find({
      where: { status: "due", dueAt: LessThanOrEqual(new Date()) },
      order: { dueAt: "ASC", id: "ASC" },
      take: PAGE,
    });
    const ids = due.map(({ id }) => id);
    if (ids.length === 0) return;
    await invoices.update({ id: In(ids) }, { status: "queued" });
    await add(ids);
  }
}

if (settings.schedules) {
  const queue =
    settings.redisUrl === null
      ? new Queue(QUEUE, onPostgres, createPostgresBackend)
      : new Queue(QUEUE, onRedis);
  const add = async (ids: readonly number[]) => {
    await queue.addBulk(
      ids.map((id) => ({ name: "charge", data: { id }, opts: { jobId: `invoice-${id}` } })),
    );
  };
  let busy = false;
  setInterval(() => {
    if (busy) return;
    busy = true;
    void queueDue(add).finally(() => {
      busy = false;
    });
  }, 1_000);
}
await worker.waitUntilReady();
sayReady();
