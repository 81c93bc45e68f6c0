import pg from "pg";
import { pino } from "pino";
import { describe, expect, inject, onTestFinished, test } from "vitest";
import { AwayError } from "../../src/kernel/errors.ts";
import {
  type BellHandlers,
  migrateQueue,
  openBellWorker,
  openQueue,
  pingQueue,
  type QueueBackend,
} from "../../src/platform/queue.ts";
import { monotonicMs } from "../../src/platform/real-time.ts";
import { until } from "../../src/platform/timer.ts";
import { freshDatabaseUrl } from "../support/db.ts";
import { findRedisServer, startRedis } from "../support/redis.ts";

const silent = pino({ level: "silent" });

const backends: { readonly name: string; readonly start: () => Promise<QueueBackend> }[] = [
  { name: "postgres", start: async () => ({ kind: "postgres", url: await freshDatabaseUrl() }) },
  {
    name: "redis",
    start: async () => {
      const redis = await startRedis();
      onTestFinished(() => redis.stop());
      return { kind: "redis", url: redis.url };
    },
  },
];

describe.each(backends)("bells on $name", ({ name, start }) => {
  const rung = test.runIf(name === "postgres" || findRedisServer() !== null);

  rung("every bell of a bulk is answered once, with its ids", async () => {
    const backend = await start();
    const queue = open(backend);
    const heard: number[] = [];
    const worker = answer(backend, { collect: async (data) => heard.push((data as { id: number }).id) });
    await queue.ring("collect", { id: 0 });
    await queue.ringBulk(
      "collect",
      Array.from({ length: 50 }, (_, index) => ({ id: index + 1 })),
    );
    await queue.ringBulk("collect", []);
    await until("all are heard", 20_000, async () => heard.length >= 51);
    await until("none is left", 20_000, async () => (await queue.activeCount()) === 0);
    expect(await queue.waitingCount()).toBe(0);
    expect(heard.sort((a, b) => a - b)).toEqual(Array.from({ length: 51 }, (_, index) => index));
    expect(await worker.close(5_000)).toBe(true);
  });

  rung("a bell whose handler fails is not answered again, and the next one is", async () => {
    const backend = await start();
    const queue = open(backend);
    const heard: string[] = [];
    answer(backend, {
      poison: async () => {
        heard.push("poison");
        throw new Error("a bug");
      },
      collect: async () => heard.push("collect"),
    });
    await queue.ring("poison", {});
    await queue.ring("nobody", {});
    await queue.ring("collect", {});
    await until("the last is heard", 20_000, async () => heard.includes("collect"));
    await until(
      "none is left",
      20_000,
      async () => (await queue.activeCount()) + (await queue.waitingCount()) === 0,
    );
    expect(heard).toEqual(["poison", "collect"]);
  });

  rung("waiting bells are counted while nobody answers", async () => {
    const queue = open(await start());
    await queue.ringBulk("collect", [{ id: 1 }, { id: 2 }, { id: 3 }]);
    expect(await queue.waitingCount()).toBe(3);
    expect(await queue.activeCount()).toBe(0);
  });

  rung("the tick beats again and again, also when it is asked for twice", async () => {
    const backend = await start();
    const queue = open(backend);
    let beats = 0;
    answer(backend, {
      tick: async () => {
        beats += 1;
      },
    });
    await Promise.all([queue.upsertTick(200), queue.upsertTick(200)]);
    await until("it beats three times", 20_000, async () => beats >= 3);
  });

  rung("closing waits for the bell that is being answered", async () => {
    const backend = await start();
    const queue = open(backend);
    const gate = makeGate();
    let state = "waiting";
    const worker = answer(backend, {
      collect: async () => {
        state = "begun";
        await gate.opened;
        state = "done";
      },
    });
    await queue.ring("collect", {});
    await until("it has begun", 20_000, async () => state === "begun");
    const closed = worker.close(20_000);
    gate.open();
    expect(await closed).toBe(true);
    expect(state).toBe("done");
  });

  rung("closing gives up at its deadline and says so", async () => {
    const backend = await start();
    const queue = open(backend);
    const gate = makeGate();
    let begun = false;
    const worker = answer(backend, {
      collect: async () => {
        begun = true;
        await gate.opened;
      },
    });
    await queue.ring("collect", {});
    await until("it has begun", 20_000, async () => begun);
    const begunMs = monotonicMs();
    expect(await worker.close(100)).toBe(false);
    expect(monotonicMs() - begunMs).toBeLessThan(4_000);
    gate.open();
  });

  rung("a worker that takes no bell although one waits is made anew, once, and answers again", async () => {
    const backend = await start();
    const queue = open(backend);
    let heard = 0;
    const settings = { concurrency: 1, lockMs: 60_000, stuckMs: 0, log: silent };
    const worker = openBellWorker(
      backend,
      "tagih-bells",
      {
        collect: async () => {
          heard += 1;
        },
      },
      settings,
    );
    onTestFinished(async () => void (await worker.close(1_000)));
    expect(worker.reviveIfStuck(0)).toBe(false);
    expect(worker.reviveIfStuck(1)).toBe(true);
    await queue.ring("collect", {});
    await until("the new connection hears", 20_000, async () => heard > 0);
    expect(heard).toBe(1);
  });

  rung("a queue that answers is pinged in silence", async () => {
    await pingQueue(await start());
  });
});

test("a queue that is away throws within seconds, naming the variable to check", async () => {
  const nobody = "127.0.0.1:1";
  await expect(pingQueue({ kind: "redis", url: `redis://${nobody}` })).rejects.toThrow(/REDIS_URL/);
  await expect(pingQueue({ kind: "postgres", url: `postgres://a:b@${nobody}/c` })).rejects.toThrow(
    /DATABASE_URL/,
  );
  const queue = openQueue({ kind: "redis", url: `redis://${nobody}` }, "tagih-bells", silent);
  const begunMs = monotonicMs();
  await expect(queue.ring("collect", {})).rejects.toBeInstanceOf(AwayError);
  expect(monotonicMs() - begunMs).toBeLessThan(10_000);
  await queue.close();
});

test("a PostgreSQL without the queue's tables is not ready, and migrating twice at once makes it so", async () => {
  const url = await emptyDatabaseUrl();
  const backend: QueueBackend = { kind: "postgres", url };
  await expect(pingQueue(backend)).rejects.toBeInstanceOf(AwayError);
  await Promise.all([migrateQueue(backend), migrateQueue(backend)]);
  await pingQueue(backend);
});

test.runIf(findRedisServer() !== null)(
  "a Redis that dies and comes back empty ends no process",
  async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.stop());
    const backend: QueueBackend = { kind: "redis", url: redis.url };
    const queue = open(backend);
    let heard = 0;
    answer(backend, {
      collect: async () => {
        heard += 1;
      },
    });
    await queue.ring("collect", {});
    await until("the first is heard", 20_000, async () => heard === 1);
    await redis.kill();
    await expect(queue.ring("collect", {})).rejects.toBeInstanceOf(AwayError);
    await redis.restart();
    await until("ringing works again", 25_000, () =>
      queue.ring("collect", {}).then(
        () => true,
        () => false,
      ),
    );
    await until("the worker hears again", 25_000, async () => heard >= 2);
  },
  60_000,
);

function open(backend: QueueBackend) {
  const queue = openQueue(backend, "tagih-bells", silent);
  onTestFinished(() => queue.close());
  return queue;
}

function answer(backend: QueueBackend, handlers: BellHandlers) {
  const worker = openBellWorker(backend, "tagih-bells", handlers, {
    concurrency: 4,
    lockMs: 60_000,
    log: silent,
  });
  onTestFinished(async () => void (await worker.close(1_000)));
  return worker;
}

async function emptyDatabaseUrl(): Promise<string> {
  const serverUrl = inject("serverUrl");
  const name = `empty_${process.pid}`;
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
  return serverUrl.replace(/\/tagih$/, `/${name}`);
}

/** What waits for `opened` goes on once `open` is called. */
function makeGate() {
  let open = () => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open: () => open() };
}
