import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { AwayError } from "../../kernel/errors.ts";
import { monotonicMs, realNow } from "../real-time.ts";
import { sleep } from "../timer.ts";

/** Starting a server takes seconds; who waits longer than this waits for something broken. */
const PATIENCE_MS = 60_000;
const LOOK_EVERY_MS = 50;
/** Breaking a lock takes microseconds: who holds the right to it for this long has died with it. */
const BREAKING_MS = 10_000;

/** Runs `work` while no other process holds `path`. The lock of a process that is dead is broken. */
export async function withFileLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  await take(path);
  try {
    return await work();
  } finally {
    rmSync(path, { force: true });
  }
}

async function take(path: string): Promise<void> {
  const endMs = monotonicMs() + PATIENCE_MS;
  while (!tryTake(path)) {
    if (isStale(path)) breakStale(path);
    else if (monotonicMs() > endMs)
      throw new AwayError(
        `${path} is held by process ${readOwner(path)}: if that is no Tagih, delete the file`,
      );
    else await sleep(LOOK_EVERY_MS);
  }
}

/** The file appears with its content, by a link: nobody ever sees a lock without an owner. */
function tryTake(path: string): boolean {
  const draft = `${path}.${process.pid}`;
  writeFileSync(draft, String(process.pid));
  try {
    linkSync(draft, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Two who find the same dead lock must not both remove it: the slower one would remove the faster one's new lock.
 * So the right to break is a lock itself, and the owner is looked at again under it.
 */
function breakStale(path: string): void {
  const right = `${path}.breaking`;
  if (!tryTake(right)) {
    if (ageMs(right) > BREAKING_MS) rmSync(right, { force: true });
    return;
  }
  if (isStale(path)) rmSync(path, { force: true });
  rmSync(right, { force: true });
}

function isStale(path: string): boolean {
  const owner = readOwner(path);
  return owner !== null && !isAlive(owner);
}

function ageMs(path: string): number {
  try {
    return realNow().toMillis() - statSync(path).mtimeMs;
  } catch {
    // Gone meanwhile: as young as can be.
    return 0;
  }
}

function readOwner(path: string): number | null {
  try {
    const pid = Number(readFileSync(path, "utf8"));
    return Number.isInteger(pid) && pid > 0 ? pid : null;
  } catch {
    // Given back meanwhile.
    return null;
  }
}

/** True while a process of this id exists, whoever owns it. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
