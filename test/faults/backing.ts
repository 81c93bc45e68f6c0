// PostgreSQL and Redis of a fault run, and what can be done to them.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { locateBinaries } from "../../src/platform/embedded/binaries.ts";
import { type Cluster, clusterAt, urlOf } from "../../src/platform/embedded/cluster.ts";
import { openEmbedded, stopEmbedded } from "../../src/platform/embedded/embedded.ts";
import { type RunAs, unprivilegedUser } from "../../src/platform/embedded/run-as.ts";
import { withClient } from "../../src/platform/embedded/server.ts";
import type { QueueBackend } from "../../src/platform/queue.ts";
import { startRedis } from "../support/redis.ts";

export type Backing = {
  readonly databaseUrl: string;
  readonly queue: QueueBackend;
  /** "Fast" shutdown: sessions are ended, what was not committed is gone. */
  stopPostgres(): Promise<void>;
  /** On the same port, with the same data. */
  startPostgres(): Promise<void>;
  /** Ends every connection but our own, in the middle of whatever it does; answers how many. */
  cutConnections(): Promise<number>;
  /** Every bell, every lock and the heartbeat are gone at once. */
  wipeQueue(): Promise<void>;
  /** Null where the queue is kept in PostgreSQL. */
  readonly redis: { stop(): Promise<void>; start(): Promise<void> } | null;
  close(): Promise<void>;
};

/** A PostgreSQL that keeps its promises and, if asked for, a Redis that keeps nothing. */
export async function openBacking(queue: QueueBackend["kind"]): Promise<Backing> {
  const dir = mkdtempSync(join(tmpdir(), "tagih-faults-"));
  chmodSync(dir, 0o755);
  const embedded = await openEmbedded({ dir, role: "faults" });
  const redis = queue === "redis" ? await startRedis() : null;
  const as = unprivilegedUser();
  const cluster = clusterAt(dir, as);
  const backend: QueueBackend =
    redis === null ? { kind: "postgres", url: embedded.url } : { kind: "redis", url: redis.url };
  return {
    databaseUrl: embedded.url,
    queue: backend,
    stopPostgres: () => control(cluster, as, ["stop", "-m", "fast"]),
    startPostgres: () => control(cluster, as, ["start", "-o", optionsOf(cluster)]),
    cutConnections: () => cutConnections(urlOf(cluster, embedded.port, "postgres")),
    wipeQueue: () => (backend.kind === "redis" ? wipeRedis(backend.url) : wipePostgres(backend.url)),
    redis: redis === null ? null : { stop: redis.kill, start: redis.restart },
    close: async () => {
      await redis?.stop();
      await embedded.leave();
      // After a restart the server is no longer the one that we joined.
      await stopEmbedded(dir);
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** Not `spawnSync`: the gateway lives in this process and must go on answering. */
async function control(cluster: Cluster, as: RunAs, args: readonly string[]): Promise<void> {
  const log = openSync(cluster.log, "a");
  const child = spawn(join(locateBinaries(as), "bin", "pg_ctl"), ["-w", "-D", cluster.data, ...args], {
    ...as,
    cwd: cluster.root,
    stdio: ["ignore", log, log],
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
  });
  closeSync(log);
  const [code] = await once(child, "exit");
  if (code === 0) return;
  const said = readFileSync(cluster.log, "utf8").trimEnd().split("\n").slice(-4).join("\n");
  throw new Error(`pg_ctl ${args[0]} ended with ${code}: ${said}`);
}

/** The command line of the last start, which PostgreSQL keeps: program, -D, folder, then the options. */
function optionsOf({ data }: Cluster): string {
  const [, ...words] = readFileSync(join(data, "postmaster.opts"), "utf8").match(/"[^"]*"|\S+/g) ?? [];
  return words
    .filter((word, index) => !/^"?-D/.test(word) && !/^"?-D/.test(words[index - 1] ?? ""))
    .join(" ");
}

function cutConnections(adminUrl: string): Promise<number> {
  return withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query(
      `select pg_terminate_backend(pid) from pg_stat_activity
        where backend_type = 'client backend' and pid <> pg_backend_pid()`,
    );
    return rowCount ?? 0;
  });
}

function wipePostgres(url: string): Promise<void> {
  return withClient(url, async (client) => {
    // "meta" and "migration" say which tables there are, as Redis would know its own version.
    const { rows } = await client.query<{ name: string }>(
      `select format('%I.%I', schemaname, tablename) as name from pg_tables
        where schemaname = 'bullmq' and tablename not in ('meta', 'migration') order by 1`,
    );
    if (rows.length === 0) throw new Error("the queue has no tables to wipe");
    await client.query(`truncate ${rows.map((row) => row.name).join(", ")}`);
  });
}

async function wipeRedis(url: string): Promise<void> {
  const redis = new Redis(url);
  try {
    await redis.flushall();
  } finally {
    redis.disconnect();
  }
}
