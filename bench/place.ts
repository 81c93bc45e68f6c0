// Where a bench runs: a PostgreSQL with durable settings, a Redis if there is one, and a database for each run.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import pg from "pg";
import { locateBinaries } from "../src/platform/embedded/binaries.ts";
import { clusterAt, initialise, urlOf } from "../src/platform/embedded/cluster.ts";
import { unprivilegedUser } from "../src/platform/embedded/run-as.ts";
import { freePort, startServer, stopServer, withClient } from "../src/platform/embedded/server.ts";
import { pingQueue } from "../src/platform/queue.ts";
import { until } from "../src/platform/timer.ts";
import { findRedisServer } from "../test/support/redis.ts";

/** What docs/operations.md tells a merchant to set; everything that keeps a commit safe is on. */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  timezone: "UTC",
  max_connections: "200",
  shared_buffers: "512MB",
  fsync: "on",
  synchronous_commit: "on",
  full_page_writes: "on",
  max_wal_size: "16GB",
  checkpoint_timeout: "30min",
  random_page_cost: "1.1",
  jit: "off",
  log_min_messages: "warning",
  log_destination: "stderr",
} as const;

export type Place = {
  /** For everything that does not outlive the bench. */
  readonly folder: string;
  readonly postgresVersion: string;
  /** The postmaster; null when it runs elsewhere, and then its CPU is not measured. */
  readonly postmaster: number | null;
  readonly redis: { readonly url: string; readonly pid: number } | null;
  /** A new, empty database. */
  createDatabase(name: string): Promise<string>;
  /** Removes it, and whatever a queue left in Redis. */
  dropDatabase(name: string): Promise<void>;
  /** Begins a run with nothing left to do from the one before. */
  settle(url: string): Promise<void>;
  close(): Promise<void>;
};

/** Starts what `BENCH_DATABASE_URL` and PATH do not offer. */
export async function openPlace(): Promise<Place> {
  const dir = mkdtempSync(join(tmpdir(), "tagih-bench-"));
  chmodSync(dir, 0o755);
  const postgres = await openPostgres(dir, process.env["BENCH_DATABASE_URL"]);
  const redis = await startRedis(dir);
  const admin = (sql: string) => withClient(postgres.adminUrl, (client) => client.query(sql));
  return {
    folder: dir,
    postgresVersion: postgres.version,
    postmaster: postgres.pid,
    redis: redis === null ? null : { url: redis.url, pid: redis.child.pid ?? 0 },
    createDatabase: async (name) => {
      await admin(`create database ${pg.escapeIdentifier(name)}`);
      const url = new URL(postgres.adminUrl);
      url.pathname = `/${name}`;
      return url.href;
    },
    dropDatabase: async (name) => {
      await admin(`drop database ${pg.escapeIdentifier(name)} with (force)`);
      await redis?.wipe();
    },
    settle: (url) => withClient(url, settle),
    close: async () => {
      await redis?.stop();
      await postgres.stop();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function settle(client: pg.Client): Promise<void> {
  await client.query("vacuum analyze");
  // For superusers only; a server of somebody else's may refuse.
  await client.query("checkpoint").catch(() => {});
}

type Postgres = {
  readonly adminUrl: string;
  readonly version: string;
  readonly pid: number | null;
  stop(): Promise<void>;
};

async function openPostgres(dir: string, given: string | undefined): Promise<Postgres> {
  if (given !== undefined && given !== "") {
    const { version, pid } = await withClient(given, (client) => look(client));
    return { adminUrl: given, version, pid, stop: async () => {} };
  }
  const as = unprivilegedUser();
  const binaries = locateBinaries(as);
  const cluster = clusterAt(dir, as);
  initialise(cluster, binaries, as, true);
  const { pid, port, version } = await startServer({ cluster, binaries, as, settings: SETTINGS });
  const adminUrl = urlOf(cluster, port, "postgres");
  await withClient(adminUrl, compressWal);
  return {
    adminUrl,
    version,
    pid,
    stop: async () => {
      await stopServer(cluster, pid);
      if (cluster.root !== dir) rmSync(cluster.root, { recursive: true, force: true });
    },
  };
}

/** The binaries from npm may be built without lz4; pglz would cost more than it saves, so that none is next best. */
async function compressWal(client: pg.Client): Promise<void> {
  try {
    await client.query("alter system set wal_compression = 'lz4'");
    await client.query("select pg_reload_conf()");
  } catch (error) {
    console.log(`this PostgreSQL has no lz4, its WAL is not compressed: ${(error as Error).message}`);
  }
}

/** A server that somebody else started: its postmaster is known only to a superuser on the same machine. */
async function look(client: pg.Client): Promise<{ version: string; pid: number | null }> {
  const { rows } = await client.query<{ server_version: string }>("show server_version");
  const version = rows[0]?.server_version ?? "unknown";
  try {
    const file = await client.query<{ text: string }>(`select pg_read_file('postmaster.pid') as text`);
    return { version, pid: Number(file.rows[0]?.text.split("\n")[0]) || null };
  } catch {
    return { version, pid: null };
  }
}

type Running = {
  readonly url: string;
  readonly child: ChildProcess;
  /** The next run begins with an empty queue. */
  wipe(): Promise<void>;
  stop(): Promise<void>;
};

async function startRedis(dir: string): Promise<Running | null> {
  const program = findRedisServer();
  if (program === null) return null;
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  const options = ["--port", String(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"];
  const child = spawn(program, [...options, "--maxmemory-policy", "noeviction", "--dir", dir], {
    stdio: "ignore",
  });
  await until("Redis answers", 10_000, () =>
    pingQueue({ kind: "redis", url }).then(
      () => true,
      () => false,
    ),
  );
  return {
    url,
    child,
    wipe: async () => {
      const redis = new Redis(url);
      await redis.flushall();
      redis.disconnect();
    },
    stop: async () => {
      const ended = once(child, "exit");
      child.kill("SIGTERM");
      await ended;
    },
  };
}
