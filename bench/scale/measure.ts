import { readFileSync } from "node:fs";
import type pg from "pg";
import { ROLE } from "./stage.ts";

/** What some work took: by the clock, and on the processors, which neighbours on the machine disturb less. */
export type Cost = { readonly wallMs: number; readonly nodeMs: number; readonly postgresMs: number | null };

/** Runs `work` once; `client` must belong to the server that the work asks. `own`: it runs on this machine. */
export async function costOf(client: pg.Client, own: boolean, work: () => Promise<void>): Promise<Cost> {
  const before = own ? await backendMs(client) : null;
  const node = process.cpuUsage();
  const started = performance.now();
  await work();
  const wallMs = performance.now() - started;
  const used = process.cpuUsage(node);
  const after = own ? await backendMs(client) : null;
  const postgresMs = before === null || after === null ? null : sumOfGrowth(before, after);
  return { wallMs, nodeMs: (used.user + used.system) / 1_000, postgresMs };
}

/** CPU time so far of each measured connection's process; null where the kernel does not tell. */
async function backendMs(client: pg.Client): Promise<ReadonlyMap<number, number> | null> {
  const { rows } = await client.query<{ pid: number }>(
    `select pid from pg_stat_activity where application_name = $1 order by pid`,
    [`tagih:${ROLE}`],
  );
  try {
    return new Map(rows.map(({ pid }) => [pid, onProcessorMs(pid)]));
  } catch {
    return null;
  }
}

function onProcessorMs(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/schedstat`, "utf8").split(" ")[0]) / 1e6;
}

function sumOfGrowth(before: ReadonlyMap<number, number>, after: ReadonlyMap<number, number>): number {
  return [...after].reduce((sum, [pid, ms]) => sum + ms - (before.get(pid) ?? 0), 0);
}

/** The value below which `share` of them lie. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}
