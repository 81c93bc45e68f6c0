// What processes cost, read from /proc (Linux). Elsewhere everything is null, and the tables say so.
import { readdirSync, readFileSync } from "node:fs";

/** Linux counts in hundredths of a second wherever Node runs. */
const MICROS_PER_TICK = 10_000;

type Stat = {
  readonly pid: number;
  readonly parent: number;
  readonly ownTicks: number;
  readonly reapedTicks: number;
};

function readStat(pid: number): Stat | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "latin1");
    // The name stands in parentheses and may hold spaces; what follows it does not.
    const fields = text
      .slice(text.lastIndexOf(")") + 2)
      .split(" ")
      .map(Number);
    const at = (index: number) => fields[index] ?? 0;
    return { pid, parent: at(1), ownTicks: at(11) + at(12), reapedTicks: at(13) + at(14) };
  } catch {
    return null;
  }
}

function readAll(): Stat[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readStat(Number(name)) ?? []);
}

function treeOf(roots: readonly number[], all: readonly Stat[]): Stat[] {
  const found = all.filter(({ pid }) => roots.includes(pid));
  for (const { pid } of found) found.push(...all.filter(({ parent }) => parent === pid));
  return found;
}

/**
 * CPU microseconds that these processes have used so far, with their children, living and reaped: growth between
 * two looks is what they cost. Null where there is no /proc, or no process.
 */
export function cpuMicros(roots: readonly number[]): number | null {
  if (process.platform !== "linux" || roots.length === 0) return null;
  const tree = treeOf(roots, readAll());
  return tree.reduce((sum, each) => sum + each.ownTicks + each.reapedTicks, 0) * MICROS_PER_TICK;
}

/** CPU microseconds that everything on this machine has used so far; null where there is no /proc. */
export function machineMicros(): number | null {
  if (process.platform !== "linux") return null;
  const [, ...ticks] = (readFileSync("/proc/stat", "latin1").split("\n")[0] ?? "").split(/\s+/).map(Number);
  const [user = 0, nice = 0, system = 0, , , interrupts = 0, softInterrupts = 0, stolen = 0] = ticks;
  return (user + nice + system + interrupts + softInterrupts + stolen) * MICROS_PER_TICK;
}

/** The most memory that the process itself ever held, in MB; null when it is not known. */
export function peakMegabytes(pid: number): number | null {
  try {
    const [, kilobytes] = /^VmHWM:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "latin1")) ?? [];
    return kilobytes === undefined ? null : Math.round(Number(kilobytes) / 1_024);
  } catch {
    return null;
  }
}
