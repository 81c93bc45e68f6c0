// The figures of all runs as tables for people.
import { cpus, totalmem } from "node:os";
import { BURST, ENTRANTS } from "./entrants.ts";
import type { Lap, Result, Spread } from "./race.ts";

/** What the figures were measured on. */
export type Machine = {
  readonly postgresVersion: string;
  readonly withRedis: boolean;
  readonly at: Date;
};

const THOUSANDS = new Intl.NumberFormat("en-US", { maximumFractionDigits: 0 });

/** One run in one line, as it ends. */
export function lineOf({ contender, latencyMs, main, burst }: Result): string {
  const { node, postgres, redis } = cpuOf(main);
  const first =
    burst === null ? "" : `, first byte of ${burst.charges} p99 ${seconds(burst.dueToFirstByte.p99)}`;
  return [
    `${contender} at ${latencyMs} ms: ${rate(main)}/s`,
    `${main.charges} in ${seconds(main.elapsedMs)}, CPU µs/charge node ${node} pg ${postgres} redis ${redis}`,
    `gateway ${each(main, main.cpu.gateway)}, due to paid ${spread(main.dueToPaid)}`,
    `first byte ${spread(main.dueToFirstByte)}${first}`,
    `other programs took ${othersOf([main]).toFixed(1)} cores`,
    ...(main.failedDeliveries === 0 ? [] : [`${main.failedDeliveries} notifications had to be sent again`]),
  ].join(", ");
}

/** The README's table and sentences. */
export function reportOf(results: readonly Result[], machine: Machine): string {
  return [tableOf(results), burstsOf(results), ratiosOf(results), machineOf(results, machine)]
    .filter((part) => part !== "")
    .join("\n\n");
}

function tableOf(results: readonly Result[]): string {
  const latencies = [...new Set(results.map(({ latencyMs }) => latencyMs))];
  const head = [
    "",
    ...latencies.map((ms) => `charges/s, gateway ${ms} ms`),
    "× the loop",
    `CPU µs/charge at ${latencies[0]} ms: Node · PostgreSQL · Redis`,
    `due → paid at ${latencies[0]} ms, p50 · p99, of how many`,
    "peak MB",
  ];
  const rows = ENTRANTS.flatMap(({ contender, title }) => {
    const own = latencies.map((ms) => find(results, contender.name, ms));
    const first = own.find((result) => result !== undefined);
    if (first === undefined) return [];
    const { node, postgres, redis } = cpuOf(first.main);
    const multiples = latencies.map((ms) =>
      multiple(find(results, contender.name, ms), find(results, "loop", ms)),
    );
    const { dueToPaid, charges } = first.main;
    return [
      [
        title,
        ...own.map((result) => (result === undefined ? "–" : rate(result.main))),
        multiples.join(" · "),
        `${node} · ${postgres} · ${redis}`,
        `${spread(dueToPaid)} of ${THOUSANDS.format(charges)}`,
        memoryOf(first),
      ],
    ];
  });
  return [head, head.map(() => "---"), ...rows].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}

function burstsOf(results: readonly Result[]): string {
  const tagih = results.filter(({ contender, burst }) => contender.startsWith("tagih") && burst !== null);
  if (tagih.length === 0) return "";
  const told = tagih.map(({ contender, latencyMs, burst }) => {
    const { p50, p99 } = (burst as Lap).dueToFirstByte;
    return `${queueOf(contender)}, ${latencyMs} ms: ${seconds(p50)} · ${seconds(p99)}`;
  });
  return `${THOUSANDS.format(BURST)} invoices due at one moment, from then to the first byte of their payment, p50 · p99: ${told.join("; ")}.`;
}

function ratiosOf(results: readonly Result[]): string {
  const latencies = [...new Set(results.map(({ latencyMs }) => latencyMs))];
  const lines = ["tagih-redis", "tagih-postgres"].flatMap((name) =>
    latencies.flatMap((ms) => {
      const product = find(results, name, ms);
      if (product === undefined) return [];
      const beside = [
        ["the loop", "loop"],
        ["the BullMQ peer", "peer"],
        ["the floor", "floor"],
      ].flatMap(([words, other]) => {
        const found = find(results, other ?? "", ms);
        return found === undefined ? [] : [{ words, found }];
      });
      if (beside.length === 0) return [];
      const rates = beside.map(({ words, found }) => `${multiple(product, found)} ${words}`).join(", ");
      const shares = beside.map(({ words, found }) => `${cpuRatio(product, found)} of ${words}`).join(", ");
      return [`- Tagih (${queueOf(name)}) at ${ms} ms: ${rates}; its CPU per charge is ${shares}`];
    }),
  );
  return lines.join("\n");
}

/** How many cores other programs kept busy during the timed batches, and whether rates still mean something. */
export function disturbanceOf(results: readonly Result[]): {
  readonly cores: number;
  readonly quiet: boolean;
} {
  const cores = othersOf(results.map(({ main }) => main));
  return { cores, quiet: cores <= QUIET_CORES };
}

function machineOf(results: readonly Result[], { postgresVersion, withRedis, at }: Machine): string {
  const [cpu] = cpus();
  const memory = Math.round(totalmem() / 2 ** 30);
  const queue = withRedis ? "Redis without persistence" : "no Redis: the BullMQ peer ran on PostgreSQL";
  const { cores, quiet } = disturbanceOf(results);
  const busy = quiet
    ? ""
    : ` **Other programs took ${cores.toFixed(1)} of these cores meanwhile: every rate is too low for that.**`;
  return (
    `${at.toISOString().slice(0, 10)}, ${cpus().length} × ${cpu?.model.trim() ?? "unknown CPU"}, ${memory} GB, ` +
    `Node ${process.versions.node}, PostgreSQL ${postgresVersion} (fsync on), ${queue}.${busy}`
  );
}

/** The kernel, a login: a machine that has next to nothing else to do. */
const QUIET_CORES = 0.2;

/** How many cores other programs kept busy, over all timed batches; 0 when it is not known. */
function othersOf(laps: readonly Lap[]): number {
  const elapsedMs = laps.reduce((sum, lap) => sum + lap.elapsedMs, 0);
  return laps.reduce((sum, lap) => sum + (lap.others ?? 0), 0) / 1_000 / elapsedMs;
}

function find(results: readonly Result[], name: string, latencyMs: number): Result | undefined {
  return results.find((result) => result.contender === name && result.latencyMs === latencyMs);
}

function multiple(result: Result | undefined, of: Result | undefined): string {
  if (result === undefined || of === undefined) return "–";
  const value = perSecond(result.main) / perSecond(of.main);
  return `${value >= 10 ? THOUSANDS.format(value) : value.toFixed(value >= 2 ? 1 : 2)}×`;
}

/** Node, PostgreSQL and Redis together: the ratio that a noisy machine disturbs least. */
function cpuRatio(result: Result, of: Result): string {
  const total = ({ main: { cpu, charges } }: Result) =>
    cpu.node === null || cpu.postgres === null
      ? null
      : (cpu.node + cpu.postgres + (cpu.redis ?? 0)) / charges;
  const [own, other] = [total(result), total(of)];
  return own === null || other === null ? "–" : `${(own / other).toFixed(2)}×`;
}

function perSecond({ charges, elapsedMs }: Lap): number {
  return charges / (elapsedMs / 1_000);
}

function rate(lap: Lap): string {
  const value = perSecond(lap);
  return value < 20 ? value.toFixed(1) : THOUSANDS.format(value);
}

function cpuOf(lap: Lap) {
  const { node, postgres, redis } = lap.cpu;
  return { node: each(lap, node), postgres: each(lap, postgres), redis: each(lap, redis) };
}

function each({ charges }: Lap, micros: number | null): string {
  return micros === null ? "–" : THOUSANDS.format(micros / charges);
}

function spread({ p50, p99 }: Spread): string {
  return `${seconds(p50)} · ${seconds(p99)}`;
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(ms < 10_000 ? 2 : 1)} s`;
}

function memoryOf({ peakMegabytes }: Result): string {
  return peakMegabytes.map(({ name, megabytes }) => `${name} ${megabytes ?? "–"}`).join(", ");
}

function queueOf(name: string): string {
  return name === "tagih-redis" ? "Redis" : "PostgreSQL";
}
