import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync, readFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import pg from "pg";
import { AwayError } from "../../kernel/errors.ts";
import { monotonicMs } from "../real-time.ts";
import { sleep } from "../timer.ts";
import { type Cluster, urlOf } from "./cluster.ts";
import { isAlive } from "./file-lock.ts";
import type { RunAs } from "./run-as.ts";

/** A running server of ours. */
export type RunningServer = { readonly pid: number; readonly port: number; readonly version: string };

const START_PATIENCE_MS = 30_000;
const STOP_PATIENCE_MS = 20_000;
/** A port that was free a moment ago may be taken: then another is tried. */
const START_TRIES = 5;
const LOOK_EVERY_MS = 25;

/** The server that already runs on this cluster, also one whose starter was killed; null when there is none. */
export async function findRunning(cluster: Cluster): Promise<RunningServer | null> {
  const pidFile = pidFileOf(cluster);
  if (!existsSync(pidFile)) return null;
  const [pid, , , port] = readFileSync(pidFile, "utf8").split("\n").map(Number);
  if (!pid || !port || !isAlive(pid)) return null;
  const version = await versionAt(urlOf(cluster, port, "postgres"));
  return version === null ? null : { pid, port, version };
}

/** How to start a server. */
export type Launch = {
  readonly cluster: Cluster;
  readonly binaries: string;
  readonly as: RunAs;
  readonly settings: Readonly<Record<string, string>>;
};

/** Starts the server on a free port of 127.0.0.1, in a process group of its own: Ctrl-C must not reach it. */
export async function startServer(launch: Launch): Promise<RunningServer> {
  const { log } = launch.cluster;
  let failure = "";
  for (let tries = 0; tries < START_TRIES; tries += 1) {
    const port = await freePort();
    const started = await tryStart(launch, port);
    if (typeof started !== "string") return started;
    failure = started;
  }
  const end = readFileSync(log, "utf8").trimEnd().split("\n").slice(-8).join("\n");
  throw new AwayError(`the embedded PostgreSQL did not start (${failure}); the end of ${log}:\n${end}`);
}

async function tryStart(
  { cluster, binaries, as, settings }: Launch,
  port: number,
): Promise<RunningServer | string> {
  const log = openSync(cluster.log, "a");
  const options = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(
    join(binaries, "bin", "postgres"),
    ["-D", cluster.data, "-p", String(port), ...options],
    {
      ...as,
      cwd: cluster.root,
      stdio: ["ignore", "ignore", log],
      detached: true,
      env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
    },
  );
  closeSync(log);
  child.unref();
  let ended: string | null = null;
  child.once("error", (error) => {
    ended = error.message;
  });
  child.once("exit", (code, signal) => {
    ended = `exit ${code ?? signal}`;
  });
  const endMs = monotonicMs() + START_PATIENCE_MS;
  while (ended === null && monotonicMs() < endMs) {
    const version = await versionAt(urlOf(cluster, port, "postgres"));
    if (version !== null && child.pid !== undefined) return { pid: child.pid, port, version };
    await sleep(LOOK_EVERY_MS);
  }
  if (ended === null) child.kill("SIGQUIT");
  return ended ?? "no answer in 30 s";
}

/** "Fast" shutdown: sessions are ended, data is written. Resolves when the server is gone. */
export async function stopServer(cluster: Cluster, pid: number): Promise<void> {
  if (!isRunning(cluster, pid)) return;
  process.kill(pid, "SIGINT");
  const endMs = monotonicMs() + STOP_PATIENCE_MS;
  while (isRunning(cluster, pid)) {
    if (monotonicMs() > endMs)
      throw new AwayError(`the embedded PostgreSQL (process ${pid}) did not stop in 20 s`);
    await sleep(LOOK_EVERY_MS);
  }
}

/** The pid file is the last thing a server removes; an orphan that nobody reaps keeps its process id after that. */
function isRunning(cluster: Cluster, pid: number): boolean {
  return existsSync(pidFileOf(cluster)) && isAlive(pid);
}

function pidFileOf(cluster: Cluster): string {
  return join(cluster.data, "postmaster.pid");
}

/** Makes the database if it is not there. */
export async function ensureDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query("select 1 from pg_database where datname = $1", [name]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  });
}

/** One short connection; it is closed whatever happens. */
export async function withClient<T>(url: string, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5_000 });
  client.on("error", () => {});
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

async function versionAt(url: string): Promise<string | null> {
  try {
    return await withClient(url, async (client) => {
      const { rows } = await client.query<{ server_version: string }>("show server_version");
      return rows[0]?.server_version ?? null;
    });
  } catch {
    // Not up yet, or not ours.
    return null;
  }
}

/** A port of 127.0.0.1 that nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((found, failed) => {
    const probe = createServer();
    probe.once("error", failed);
    probe.listen(0, "127.0.0.1", () => {
      const address = probe.address();
      probe.close(() => found(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
