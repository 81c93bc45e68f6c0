import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { freePort } from "../../src/platform/embedded/server.ts";
import { pingQueue } from "../../src/platform/queue.ts";
import { until } from "../../src/platform/timer.ts";

/** A throw-away Redis of one test. */
export type TestRedis = {
  readonly url: string;
  /** As a machine that loses power: nothing is kept. */
  kill(): Promise<void>;
  /** Comes back empty, on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
};

/** The Redis or Valkey on PATH, or null: tests that need one are skipped then. */
export function findRedisServer(): string | null {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  const candidates = ["redis-server", "valkey-server"].flatMap((name) =>
    folders.map((dir) => join(dir, name)),
  );
  return candidates.find((path) => existsSync(path)) ?? null;
}

/** Starts the Redis of `findRedisServer()` on a free port of 127.0.0.1, in memory only. */
export async function startRedis(): Promise<TestRedis> {
  const program = findRedisServer();
  if (program === null) throw new Error("there is no redis-server on PATH");
  const dir = mkdtempSync(join(tmpdir(), "tagih-redis-"));
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}`;
  let child = await launch(program, dir, port);
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, "exit");
    child.kill(signal);
    await ended;
  };
  return {
    url,
    kill: () => end("SIGKILL"),
    restart: async () => {
      child = await launch(program, dir, port);
    },
    stop: async () => {
      await end("SIGTERM");
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

async function launch(program: string, dir: string, port: number): Promise<ChildProcess> {
  const memoryOnly = ["--save", "", "--appendonly", "no", "--maxmemory-policy", "noeviction"];
  const child = spawn(program, ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir, ...memoryOnly], {
    stdio: "ignore",
  });
  await until("Redis answers", 10_000, () =>
    pingQueue({ kind: "redis", url: `redis://127.0.0.1:${port}` }).then(
      () => true,
      () => false,
    ),
  );
  return child;
}
