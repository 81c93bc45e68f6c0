// A PostgreSQL of the run's own, with durable settings and a folder that is gone afterwards; or the one that
// BENCH_DATABASE_URL names.
import { spawnSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { locateBinaries } from "../../src/platform/embedded/binaries.ts";
import { clusterAt, initialise, urlOf } from "../../src/platform/embedded/cluster.ts";
import { isAlive } from "../../src/platform/embedded/file-lock.ts";
import { type RunAs, unprivilegedUser } from "../../src/platform/embedded/run-as.ts";
import { startServer } from "../../src/platform/embedded/server.ts";
import { until } from "../../src/platform/timer.ts";

/** What docs/operations.md asks of a production server, at the size of a small machine. fsync stays on. */
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  timezone: "UTC",
  max_connections: "100",
  shared_buffers: "1GB",
  max_wal_size: "8GB",
  checkpoint_timeout: "30min",
  random_page_cost: "1.1",
  jit: "off",
  log_min_messages: "warning",
  log_destination: "stderr",
} as const;
const STOP_PATIENCE_MS = 30_000;

export type Server = {
  /** Its version and how it was set, in one line. */
  readonly about: string;
  /** True when it runs on this machine, so that its processes' CPU time can be read. */
  readonly own: boolean;
  /** Makes an empty database and answers its URL. */
  createDatabase(name: string): Promise<string>;
  dropDatabase(name: string): Promise<void>;
  /** Ends it and removes all that it kept; with BENCH_DATABASE_URL only the databases of this run. */
  close(): Promise<void>;
};

/** Bytes free where the server's folder is made. */
export function freeDiskBytes(): number {
  const { bavail, bsize } = statfsSync(tmpdir());
  return bavail * bsize;
}

/** Connects, runs `work` and disconnects. An administrator's connection: no time-outs, nothing of the product's. */
export async function withAdmin<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, application_name: "bench" });
  // A server that is stopped by Ctrl-C breaks the connection; the query in hand says so.
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}

export async function openServer(): Promise<Server> {
  const given = process.env["BENCH_DATABASE_URL"];
  return given === undefined || given === "" ? startOwn() : useGiven(given);
}

async function startOwn(): Promise<Server> {
  const dir = mkdtempSync(join(tmpdir(), "tagih-scale-"));
  chmodSync(dir, 0o755);
  const as = unprivilegedUser();
  const cluster = clusterAt(dir, as);
  const binaries = locateBinaries(as);
  initialise(cluster, binaries, as, true);
  const remove = () => {
    for (const path of [cluster.root, dir]) rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  };
  const walCompression = knowsLz4(binaries, as, cluster.data) ? "lz4" : "off";
  const settings = { ...SETTINGS, wal_compression: walCompression };
  const { pid, port, version } = await startServer({ cluster, binaries, as, settings }).catch((error) => {
    remove();
    throw error;
  });
  const adminUrl = urlOf(cluster, port, "postgres");
  return {
    about: `PostgreSQL ${version}, fsync on, wal_compression ${walCompression}`,
    own: true,
    ...databasesAt(adminUrl),
    close: async () => {
      // Nothing is kept, so nothing needs to be written down first.
      if (isAlive(pid)) process.kill(pid, "SIGQUIT");
      await until("PostgreSQL has ended", STOP_PATIENCE_MS, async () => !isAlive(pid));
      remove();
    },
  };
}

/** The embedded build may lack lz4; pglz would cost more than the pages it saves, so then there is no compression. */
function knowsLz4(binaries: string, as: RunAs, data: string): boolean {
  const asked = ["-D", data, "-c", "wal_compression=lz4", "-C", "wal_compression"];
  return spawnSync(join(binaries, "bin", "postgres"), asked, { ...as, cwd: "/" }).status === 0;
}

async function useGiven(adminUrl: string): Promise<Server> {
  const made = new Set<string>();
  const databases = databasesAt(adminUrl);
  const version = await withAdmin(adminUrl, async (client) => {
    const { rows } = await client.query<{ server_version: string }>("show server_version");
    return rows[0]?.server_version ?? "unknown";
  });
  return {
    about: `PostgreSQL ${version}, as configured by its administrator`,
    own: false,
    createDatabase: (name) => {
      made.add(name);
      return databases.createDatabase(name);
    },
    dropDatabase: databases.dropDatabase,
    close: async () => {
      for (const name of made) await databases.dropDatabase(name);
    },
  };
}

function databasesAt(adminUrl: string): Pick<Server, "createDatabase" | "dropDatabase"> {
  return {
    createDatabase: async (name) => {
      await withAdmin(adminUrl, (client) => client.query(`create database ${pg.escapeIdentifier(name)}`));
      const url = new URL(adminUrl);
      url.pathname = `/${name}`;
      return url.href;
    },
    dropDatabase: async (name) => {
      await withAdmin(adminUrl, (client) =>
        client.query(`drop database if exists ${pg.escapeIdentifier(name)} with (force)`),
      );
    },
  };
}
