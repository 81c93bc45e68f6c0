import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { type Anchor, countOthers, dropAnchor } from "./anchor.ts";
import { locateBinaries } from "./binaries.ts";
import { type Cluster, clusterAt, initialise, urlOf } from "./cluster.ts";
import { withFileLock } from "./file-lock.ts";
import { unprivilegedUser } from "./run-as.ts";
import { ensureDatabase, findRunning, type RunningServer, startServer, stopServer } from "./server.ts";

/** A PostgreSQL of our own for trying out and for tests; never for production. */
export type Embedded = {
  readonly url: string;
  readonly port: number;
  readonly pid: number;
  readonly version: string;
  /** True when it was running already, also when its starter was killed. */
  readonly adopted: boolean;
  /** One line for people. */
  readonly notice: string;
  /** Gives it up; the last process to leave stops the server. */
  leave(): Promise<void>;
};

const DATABASE = "tagih";
const SETTINGS = {
  listen_addresses: "127.0.0.1",
  unix_socket_directories: "",
  timezone: "UTC",
  max_connections: "200",
  shared_buffers: "128MB",
  log_min_messages: "warning",
  log_destination: "stderr",
} as const;
/** Nothing is kept: a crash of the machine may lose everything, which tests can bear. */
const THROWAWAY = { fsync: "off", synchronous_commit: "off", full_page_writes: "off" } as const;

type Options = {
  readonly dir: string;
  /** The process's role, shown as `tagih:<role>`. */
  readonly role: string;
  /** False: fast and forgetful, for tests. */
  readonly durable?: boolean;
};

/** Starts the server of `dir`, or joins the one that runs. A file lock makes of many starts at once one server. */
export async function openEmbedded({ dir, role, durable = true }: Options): Promise<Embedded> {
  const as = unprivilegedUser();
  mkdirSync(dir, { recursive: true });
  return withFileLock(lockOf(dir), async () => {
    const binaries = locateBinaries(as);
    const cluster = clusterAt(dir, as);
    initialise(cluster, binaries, as, durable);
    const settings = durable ? SETTINGS : { ...SETTINGS, ...THROWAWAY };
    const running = await findRunning(cluster);
    const server = running ?? (await startServer({ cluster, binaries, as, settings }));
    await ensureDatabase(urlOf(cluster, server.port, "postgres"), DATABASE);
    const url = urlOf(cluster, server.port, DATABASE);
    const anchor = await dropAnchor(url, role);
    return {
      ...server,
      url,
      adopted: running !== null,
      notice: noticeOf(server, cluster),
      leave: () => withFileLock(lockOf(dir), () => leave(cluster, server, anchor)),
    };
  });
}

function lockOf(dir: string): string {
  return join(dir, "embedded.lock");
}

function noticeOf({ version, port }: RunningServer, { root }: Cluster): string {
  return `Embedded PostgreSQL ${version} on 127.0.0.1:${port}, data in ${root}: for trying out and tests, not production.`;
}

async function leave(cluster: Cluster, server: RunningServer, anchor: Anchor): Promise<void> {
  try {
    if ((await countOthers(urlOf(cluster, server.port, "postgres"), anchor)) > 0) return;
    await stopServer(cluster, server.pid);
  } catch (error) {
    // Stopped already, by somebody else: there is nothing left to stop.
    if ((await findRunning(cluster)) !== null) throw error;
  } finally {
    await anchor.lift().catch(() => {});
  }
}

/** The server that runs in `dir`, or null. */
export async function findEmbedded(dir: string): Promise<RunningServer | null> {
  return existsSync(dir) ? findRunning(clusterAt(dir, unprivilegedUser())) : null;
}

/** What runs in `dir`, in one line. */
export async function embeddedStatus(dir: string): Promise<string> {
  const cluster = existsSync(dir) ? clusterAt(dir, unprivilegedUser()) : null;
  const server = cluster === null ? null : await findRunning(cluster);
  if (cluster === null || server === null) return `no embedded PostgreSQL runs in ${dir}`;
  const { version, port, pid } = server;
  return `embedded PostgreSQL ${version} runs on 127.0.0.1:${port} (process ${pid}), data in ${cluster.root}`;
}

/** Stops the server of `dir`, whoever uses it; false when none runs. */
export async function stopEmbedded(dir: string): Promise<boolean> {
  if (!existsSync(dir)) return false;
  return withFileLock(lockOf(dir), async () => {
    const cluster = clusterAt(dir, unprivilegedUser());
    const server = await findRunning(cluster);
    if (server !== null) await stopServer(cluster, server.pid);
    return server !== null;
  });
}
