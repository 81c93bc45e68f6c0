// The figures as Markdown, and whether they keep what was promised.
import { STEPS, type Wave } from "./claims.ts";
import type { Idle } from "./idle.ts";
import type { Drain } from "./memory.ts";

/** Everything that was measured at one size. */
export type Measured = {
  readonly size: number;
  readonly gigabytes: number;
  readonly loadSeconds: number;
  readonly idle: Idle;
  readonly waves: readonly Wave[];
  /** Beats right after the waves, with the index full of what is due no more; ms. */
  readonly afterWave: { readonly first: number; readonly beat: number };
  readonly idleWorkerMegabytes: number | null;
  readonly drain: Drain | null;
};

export type Promised = { readonly says: string; readonly holds: boolean };

const IDLE_LIMIT_MS = 5;
const IDLE_GROWTH_LIMIT = 3;
const WORKER_LIMIT_MB = 300;

export function render(all: readonly Measured[]): string {
  return [
    "Beat with nothing due, ms (median of 50; CPU of Node + CPU of PostgreSQL; parts each in a transaction of its own):",
    "",
    table(
      [
        "subscriptions",
        "database",
        "beat",
        "p95",
        "CPU",
        "open",
        "expire",
        "ring",
        "deliveries",
        "save",
        "queue",
        "after a wave",
      ],
      all.map(({ size, gigabytes, idle, afterWave }) => [
        count(size),
        `${gigabytes.toFixed(2)} GB`,
        ...[idle.beat, idle.beatP95].map((ms) => ms.toFixed(1)),
        `${idle.nodeCpu.toFixed(1)} + ${idle.postgresCpu?.toFixed(1) ?? "?"}`,
        ...[idle.open, idle.expire, idle.ring, idle.deliveries, idle.save, idle.queue].map((ms) =>
          ms.toFixed(2),
        ),
        `${afterWave.first.toFixed(0)}, then ${afterWave.beat.toFixed(1)}`,
      ]),
    ),
    "",
    "Claims, µs a due row: by the clock (CPU of Node + CPU of PostgreSQL):",
    "",
    table(
      ["subscriptions", "due at once", ...STEPS],
      all.flatMap(({ size, waves }) =>
        waves.map((wave) => [
          count(size),
          count(wave.due),
          ...STEPS.map((step) => {
            const { wall, node, postgres } = wave[step];
            const cpu = postgres === null ? "?" : `${node.toFixed(0)} + ${postgres.toFixed(0)}`;
            return `${wall.toFixed(0)} (${cpu})`;
          }),
        ]),
      ),
    ),
    "",
    "Processes, peak of resident memory:",
    "",
    table(
      ["subscriptions", "idle worker", "charges drained", "charges/s", "worker", "server"],
      all.map(({ size, idleWorkerMegabytes, drain }) => [
        count(size),
        megabytes(idleWorkerMegabytes),
        drain === null ? "" : count(drain.charges),
        drain === null ? "" : count(Math.round(drain.charges / drain.seconds)),
        drain === null ? "" : megabytes(drain.workerMegabytes),
        drain === null ? "" : megabytes(drain.serverMegabytes),
      ]),
    ),
    "",
    ...judge(all).map(({ says, holds }) => `- ${holds ? "holds" : "DOES NOT HOLD"}: ${says}`),
    ...spreads(all).map((line) => `- ${line}`),
  ].join("\n");
}

/** What was promised of these figures. */
export function judge(all: readonly Measured[]): Promised[] {
  const [first] = all;
  const last = all.at(-1);
  if (first === undefined || last === undefined) return [];
  const growth = last.idle.beat / first.idle.beat;
  const peaks = all.flatMap(({ idleWorkerMegabytes, drain }) => [
    idleWorkerMegabytes,
    drain?.workerMegabytes ?? null,
  ]);
  const peak = Math.max(...peaks.flatMap((each) => each ?? []));
  return [
    {
      says: `a beat with nothing due takes less than ${IDLE_LIMIT_MS} ms at ${count(last.size)}: ${last.idle.beat.toFixed(1)} ms`,
      holds: last.idle.beat < IDLE_LIMIT_MS,
    },
    {
      says: `and at most ${IDLE_GROWTH_LIMIT} times of what it takes at ${count(first.size)}: ${growth.toFixed(2)} times`,
      holds: growth <= IDLE_GROWTH_LIMIT,
    },
    {
      says: `a worker never holds ${WORKER_LIMIT_MB} MB: ${Number.isFinite(peak) ? `${peak} MB` : "not known here"}`,
      holds: !Number.isFinite(peak) || peak < WORKER_LIMIT_MB,
    },
  ];
}

/** Largest by smallest cost a row: over the waves of a size, and over the sizes. */
function spreads(all: readonly Measured[]): string[] {
  const waves = all.flatMap(({ waves: own }) => own);
  const ofSizes = all.filter((each) => each.waves.length > 1);
  return STEPS.map((step) => {
    const within = ofSizes.map(({ size, waves: own }) => `${spread(own, step)} at ${count(size)}`).join(", ");
    return `${step}, largest / smallest CPU a row: ${within}; over everything ${spread(waves, step)}`;
  });
}

function spread(waves: readonly Wave[], step: (typeof STEPS)[number]): string {
  const costs = waves.map((wave) => wave[step].node + (wave[step].postgres ?? 0));
  return (Math.max(...costs) / Math.min(...costs)).toFixed(2);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = head.map((title, at) => Math.max(title.length, ...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell, at) => cell.padStart(widths[at] ?? 0)).join(" | ")} |`;
  return [line(head), line(widths.map((width) => `${"-".repeat(width - 1)}:`)), ...rows.map(line)].join("\n");
}

function count(value: number): string {
  return value.toLocaleString("en").replaceAll(",", " ");
}

function megabytes(value: number | null): string {
  return value === null ? "?" : `${value} MB`;
}
