import {
  assertSchemaCompatibility,
  createPostgresBackend,
  Queue,
  type QueueOptions,
  runMigrations,
  Worker,
  type WorkerOptions,
} from "bullmq";
import { Redis } from "ioredis";
import pg from "pg";
import type { Logger } from "pino";
import { AwayError } from "../kernel/errors.ts";
import { monotonicMs } from "./real-time.ts";
import { after } from "./timer.ts";

/** Where the bells are kept. They carry ids only: losing them all loses time, never money. */
export type QueueBackend = { readonly kind: "redis" | "postgres"; readonly url: string };

/** The end that rings. Every call answers in 5 s or throws `AwayError`; a lost bell is rung again by the next beat. */
export type BellQueue = {
  ring(jobName: string, data: object): Promise<void>;
  ringBulk(jobName: string, data: readonly object[]): Promise<void>;
  /** Has the job `tick` rung every `everyMs`; may be said again at any time. */
  upsertTick(everyMs: number): Promise<void>;
  waitingCount(): Promise<number>;
  activeCount(): Promise<number>;
  workersCount(): Promise<number>;
  close(): Promise<void>;
};

/** Pages of invoices and deliveries; and the heartbeat, which a busy queue must not thin. */
export const BELLS = "tagih-bells";
export const TICKS = "tagih-tick";

/** What answers a bell: parse the ids, call one flow. */
export type BellHandlers = Readonly<Record<string, (data: unknown) => Promise<unknown>>>;

/** The end that answers. */
export type BellWorker = {
  /** Takes no new bell and waits for the running ones; false when they did not end in `deadlineMs`. */
  close(deadlineMs: number): Promise<boolean>;
  /** With bells waiting and none taken for a minute its connection is wedged: it is made anew. True when it was. */
  reviveIfStuck(waiting: number): boolean;
};

/** A producer that waits longer holds up a beat; the beat's next page would wait as well. */
const ANSWER_WITHIN_MS = 5_000;
/** A living worker renews its lock; a dead one's bell is forgotten after this, and rung again by a later beat. */
const MAX_LOCK_MS = 60_000;
/** Connections of one queue or worker: with PostgreSQL they count against max_connections. */
const POOL_SIZE = 3;
/** BullMQ never repeats a bell: the tick is the only retry in the house. Nothing of a finished bell is kept. */
const BELL = { attempts: 1, removeOnComplete: true, removeOnFail: true } as const;

/** The ringing end of queue `name`. Errors of the connection are logged, not thrown. */
export function openQueue(backend: QueueBackend, name: string, log: Logger): BellQueue {
  const queue = newQueue(backend, name);
  queue.on("error", logQuietly(log, name));
  const ask = <T>(asked: Promise<T>) => answered(asked, backend);
  return {
    ring: async (jobName, data) => void (await ask(queue.add(jobName, data))),
    ringBulk: async (jobName, data) => {
      if (data.length > 0) await ask(queue.addBulk(data.map((one) => ({ name: jobName, data: one }))));
    },
    upsertTick: async (everyMs) =>
      void (await ask(
        queue
          .upsertJobScheduler("tick", { every: everyMs }, { name: "tick", data: {}, opts: BELL })
          .catch(unlessBeating),
      )),
    waitingCount: () => ask(queue.getWaitingCount()),
    activeCount: () => ask(queue.getActiveCount()),
    workersCount: () => ask(queue.getWorkersCount()),
    close: async () => {
      // A server that is away cannot say goodbye; nothing of ours waits for it.
      await ask(queue.close()).catch(() => queue.disconnect());
    },
  };
}

/** BullMQ's word for: this beat and the next one are in the queue already. Then it beats. */
const SLOTS_TAKEN = -11;

function unlessBeating(error: unknown): void {
  if ((error as { readonly code?: unknown }).code !== SLOTS_TAKEN) throw error;
}

type WorkerSettings = {
  readonly concurrency: number;
  /** How long a dead worker's bell counts as being answered; at most a minute. */
  readonly lockMs: number;
  /** How long it may take no bell although some wait; a minute unless said. */
  readonly stuckMs?: number;
  readonly log: Logger;
};

const STUCK_MS = 60_000;

/** Answers the bells of queue `name`, `concurrency` at a time. A handler that throws is logged and not called again. */
export function openBellWorker(
  backend: QueueBackend,
  name: string,
  handlers: BellHandlers,
  settings: WorkerSettings,
): BellWorker {
  const trace = { running: 0, lastMs: monotonicMs() };
  const noted = noteWork(handlers, trace);
  let worker = listen(backend, name, noted, settings);
  return {
    close: (deadlineMs) => drain(worker, deadlineMs),
    reviveIfStuck: (waiting) => {
      if (waiting === 0 || trace.running > 0) trace.lastMs = monotonicMs();
      if (monotonicMs() - trace.lastMs < (settings.stuckMs ?? STUCK_MS) || waiting === 0) return false;
      trace.lastMs = monotonicMs();
      settings.log.error({ event: "bell.stuck", queue: name, waiting });
      void drain(worker, ANSWER_WITHIN_MS);
      worker = listen(backend, name, noted, settings);
      return true;
    },
  };
}

/** The handlers, leaving a trace of when the last bell was in hand. */
function noteWork(handlers: BellHandlers, trace: { running: number; lastMs: number }): BellHandlers {
  const noting = Object.entries(handlers).map(([name, handle]) => [
    name,
    async (data: unknown) => {
      trace.running += 1;
      try {
        await handle(data);
      } finally {
        trace.running -= 1;
        trace.lastMs = monotonicMs();
      }
    },
  ]);
  return Object.fromEntries(noting) as BellHandlers;
}

function listen(
  backend: QueueBackend,
  name: string,
  handlers: BellHandlers,
  { concurrency, lockMs, log }: WorkerSettings,
): Worker {
  const lockDuration = Math.min(MAX_LOCK_MS, lockMs);
  const worker = newWorker(backend, name, handlers, {
    concurrency,
    lockDuration,
    stalledInterval: lockDuration,
    maxStalledCount: 0,
    removeOnComplete: { count: 0 },
    removeOnFail: { count: 0 },
  });
  worker.on("error", logQuietly(log, name));
  worker.on("failed", (job, error) =>
    log.error({ event: "bell.failed", queue: name, bell: job?.name, err: error }),
  );
  // The work goes on: leases in PostgreSQL, not BullMQ's locks, keep two workers apart.
  worker.on("lockRenewalFailed", (jobs) =>
    log.warn({ event: "bell.lock_lost", queue: name, bells: jobs.length }),
  );
  return worker;
}

async function drain(worker: Worker, deadlineMs: number): Promise<boolean> {
  const drained = await withDeadline(
    worker.close().then(() => true),
    deadlineMs,
    () => false,
  );
  // A second close(), forced or not, would wait for the first one: only the connection can be let go.
  if (!drained) await withDeadline(worker.disconnect(), ANSWER_WITHIN_MS, () => undefined);
  return drained;
}

/** Makes the tables of the PostgreSQL back end; does nothing on Redis. Safe to repeat and to run at once. */
export async function migrateQueue({ kind, url }: QueueBackend): Promise<void> {
  if (kind === "redis") return;
  const client = new pg.Client({ connectionString: url, application_name: "tagih:migrate" });
  await client.connect();
  try {
    await runMigrations(client);
  } finally {
    await client.end();
  }
}

/** Throws `AwayError` unless the back end answers and, on PostgreSQL, its tables are there. */
export async function pingQueue(backend: QueueBackend): Promise<void> {
  await answered(backend.kind === "redis" ? pingRedis(backend.url) : pingPostgres(backend.url), backend);
}

async function pingRedis(url: string): Promise<void> {
  const redis = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  redis.on("error", () => {});
  try {
    await redis.connect();
    await redis.ping();
  } finally {
    redis.disconnect();
  }
}

async function pingPostgres(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: ANSWER_WITHIN_MS });
  client.on("error", () => {});
  await client.connect();
  try {
    await assertSchemaCompatibility(client);
  } finally {
    await client.end();
  }
}

function newQueue({ kind, url }: QueueBackend, name: string): Queue {
  if (kind === "postgres")
    return new Queue(
      name,
      { connection: poolOf(url), defaultJobOptions: BELL },
      createPostgresBackend,
    ) as never;
  // Without an offline queue a call fails at once while Redis is away, instead of piling up in memory.
  const connection: QueueOptions["connection"] = { url, maxRetriesPerRequest: 1, enableOfflineQueue: false };
  return new Queue(name, { connection, defaultJobOptions: BELL });
}

function newWorker(
  { kind, url }: QueueBackend,
  name: string,
  handlers: BellHandlers,
  options: Omit<WorkerOptions, "connection">,
): Worker {
  const answer = async (job: { readonly name: string; readonly data: unknown }): Promise<void> => {
    const handler = handlers[job.name];
    if (handler === undefined) throw new Error(`nobody answers the bell "${job.name}"`);
    await handler(job.data);
  };
  if (kind === "postgres")
    return new Worker(name, answer, { ...options, connection: poolOf(url) }, createPostgresBackend) as never;
  return new Worker(name, answer, { ...options, connection: { url, maxRetriesPerRequest: null } });
}

function poolOf(url: string) {
  return { connectionString: url, max: POOL_SIZE, application_name: "tagih:queue", keepAlive: true };
}

function answered<T>(asked: Promise<T>, { kind }: QueueBackend): Promise<T> {
  const variable = kind === "redis" ? "REDIS_URL" : "DATABASE_URL";
  const away = (cause?: unknown): never => {
    throw new AwayError(`the queue does not answer: check ${variable}`, {}, { cause });
  };
  return withDeadline(asked.catch(away), ANSWER_WITHIN_MS, away);
}

/** The promise's outcome, or `late()` after `ms`; what comes after that is dropped. */
function withDeadline<T>(promise: Promise<T>, ms: number, late: () => T): Promise<T> {
  return new Promise<T>((resolve, reject) => {
    const stop = after(ms, () => {
      try {
        resolve(late());
      } catch (error) {
        reject(error);
      }
    });
    void promise.then(resolve, reject).finally(stop);
  });
}

/** While a server is away a client fails every second: of equal messages only one a minute is worth a line. */
const SAY_AGAIN_AFTER_MS = 60_000;

function logQuietly(log: Logger, queue: string): (error: Error) => void {
  let last = "";
  let saidMs = 0;
  return (error) => {
    if (error.message === last && monotonicMs() - saidMs < SAY_AGAIN_AFTER_MS) return;
    last = error.message;
    saidMs = monotonicMs();
    log.warn({ event: "queue.away", queue, err: error });
  };
}
