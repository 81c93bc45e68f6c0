import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { embeddedStatus, openEmbedded, stopEmbedded } from "../../src/platform/embedded/embedded.ts";
import { isAlive, withFileLock } from "../../src/platform/embedded/file-lock.ts";
import { until } from "../../src/platform/timer.ts";
import { scratchFolder } from "../support/scratch.ts";

test("what is written is still there after the last process has left and another has come", async () => {
  const dir = freshDir();
  const first = await openEmbedded({ dir, role: "worker" });
  expect(first).toMatchObject({ adopted: false, version: expect.stringMatching(/^18\./) });
  expect(first.notice).toBe(
    `Embedded PostgreSQL ${first.version} on 127.0.0.1:${first.port}, data in ${dir}: for trying out and tests, not production.`,
  );
  await query(first.url, "create table kept as select 42 as answer");
  await first.leave();
  expect(await embeddedStatus(dir)).toBe(`no embedded PostgreSQL runs in ${dir}`);

  const second = await openEmbedded({ dir, role: "worker" });
  expect(second.adopted).toBe(false);
  expect(await query(second.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  await second.leave();
});

test("the last to leave stops the server, not the first", async () => {
  const dir = freshDir();
  const server = await openEmbedded({ dir, role: "server", durable: false });
  const worker = await openEmbedded({ dir, role: "worker", durable: false });
  expect(worker).toMatchObject({ adopted: true, pid: server.pid, port: server.port });
  await server.leave();
  expect(await query(worker.url, "select 1 as one")).toEqual([{ one: 1 }]);
  await worker.leave();
  expect(await embeddedStatus(dir)).toBe(`no embedded PostgreSQL runs in ${dir}`);
});

test("pools of a process that leaves do not keep the server up", async () => {
  const dir = freshDir();
  const server = await openEmbedded({ dir, role: "worker", durable: false });
  const pool = new pg.Client({ connectionString: server.url, application_name: "tagih:worker" });
  pool.on("error", () => {});
  await pool.connect();
  await server.leave();
  expect(await embeddedStatus(dir)).toBe(`no embedded PostgreSQL runs in ${dir}`);
});

test("a server whose starter was killed is adopted, with what was written", async () => {
  const dir = freshDir();
  const child = await startChild(dir);
  await query(child.opened.url, "create table kept as select 42 as answer");
  const killed = once(child.process, "exit");
  child.process.kill("SIGKILL");
  await killed;

  const adopted = await openEmbedded({ dir, role: "worker", durable: false });
  expect(adopted).toMatchObject({ adopted: true, pid: child.opened.pid });
  expect(await query(adopted.url, "select answer from kept")).toEqual([{ answer: 42 }]);
  await adopted.leave();
  expect(await embeddedStatus(dir)).toBe(`no embedded PostgreSQL runs in ${dir}`);
});

test("two processes that start at once share one server, and it stops when both have left", async () => {
  const dir = freshDir();
  const [one, two] = await Promise.all([startChild(dir), startChild(dir)]);
  expect(one.opened.pid).toBe(two.opened.pid);
  expect([one.opened.adopted, two.opened.adopted].sort()).toEqual([false, true]);
  await Promise.all([one.leave(), two.leave()]);
  expect(await embeddedStatus(dir)).toBe(`no embedded PostgreSQL runs in ${dir}`);
});

test("Ctrl-C in the terminal reaches the program, not its server", async () => {
  const dir = freshDir();
  const child = await startChild(dir, { detached: true });
  process.kill(-(child.process.pid ?? 0), "SIGINT");
  await once(child.process, "exit");
  expect(await embeddedStatus(dir)).toContain(`(process ${child.opened.pid})`);
});

test("ended connections do not make a process invisible to the others", async () => {
  const dir = freshDir();
  const here = await openEmbedded({ dir, role: "worker", durable: false });
  const admin = here.url.replace(/\/tagih$/, "/postgres");
  const anchors = () =>
    query(admin, "select 1 from pg_stat_activity where application_name like 'tagih:worker@%'");
  await query(
    admin,
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'tagih:worker@%'",
  );
  await until("the connection is back", 10_000, async () => (await anchors()).length === 1);
  await here.leave();
});

test("stop ends it whoever uses it, and says when there was nothing to stop", async () => {
  const dir = freshDir();
  const here = await openEmbedded({ dir, role: "worker", durable: false });
  expect(await stopEmbedded(dir)).toBe(true);
  // Its files are gone with the server; the process itself may need a moment more on a busy machine.
  await until("the process is gone", 10_000, async () => !isAlive(here.pid));
  expect(await stopEmbedded(dir)).toBe(false);
  await here.leave();
});

test("only this user and the server may read the password, and only this machine may connect", async () => {
  const dir = freshDir();
  const here = await openEmbedded({ dir, role: "worker", durable: false });
  expect(statSync(join(dir, "postgres.password")).mode & 0o777).toBe(0o600);
  expect(await query(here.url, "show listen_addresses")).toEqual([{ listen_addresses: "127.0.0.1" }]);
  await expect(query(here.url.replace(/postgres:[0-9a-f]+@/, "postgres:wrong@"), "select 1")).rejects.toThrow(
    /password/,
  );
  await here.leave();
});

test("a lock is broken when its process is dead, by exactly one of those who wait", async () => {
  const lock = join(freshDir(), "embedded.lock");
  writeFileSync(lock, String(deadProcess()));
  let inside = 0;
  let most = 0;
  const visit = () =>
    withFileLock(lock, async () => {
      inside += 1;
      most = Math.max(most, inside);
      await new Promise((resume) => setImmediate(resume));
      inside -= 1;
    });
  await Promise.all(Array.from({ length: 8 }, visit));
  expect(most).toBe(1);
  expect(readdirSync(join(lock, ".."))).toEqual([]);
});

test("a lock is given back when the work fails", async () => {
  const lock = join(freshDir(), "embedded.lock");
  await expect(withFileLock(lock, () => Promise.reject(new Error("work failed")))).rejects.toThrow(
    "work failed",
  );
  expect(existsSync(lock)).toBe(false);
});

function freshDir(): string {
  const dir = scratchFolder("tagih-embedded");
  onTestFinished(async () => {
    await stopEmbedded(dir);
    rmSync(dir, { recursive: true, force: true });
  });
  return dir;
}

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

function deadProcess(): number {
  const { pid } = spawnSync(process.execPath, ["--version"]);
  return pid;
}

type Opened = { readonly url: string; readonly pid: number; readonly adopted: boolean };
type Child = { readonly process: ChildProcess; readonly opened: Opened; leave(): Promise<void> };

/** Another process of ours: opens the server, says so, and leaves when its input ends. */
async function startChild(dir: string, options: { readonly detached?: boolean } = {}): Promise<Child> {
  const embedded = new URL("../../src/platform/embedded/embedded.ts", import.meta.url).href;
  const script = `
    const { openEmbedded } = await import(${JSON.stringify(embedded)});
    const { leave, ...opened } = await openEmbedded({ dir: ${JSON.stringify(dir)}, role: "child", durable: false });
    console.log(JSON.stringify(opened));
    process.stdin.resume().once("end", async () => { await leave(); process.exit(0); });`;
  const child = spawn(process.execPath, ["--import", "tsx", "--input-type=module", "-e", script], {
    ...options,
    stdio: ["pipe", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const [line] = await once(createInterface(child.stdout), "line");
  return {
    process: child,
    opened: JSON.parse(line),
    leave: async () => {
      const left = once(child, "exit");
      child.stdin.end();
      expect(await left).toEqual([0, null]);
    },
  };
}
