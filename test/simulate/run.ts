// npm run test:simulate: one seed after another, until one breaks a rule or the time is over.
// --seeds 100 --from 1 --minutes 15 --processes 2 --subscriptions 60 --months 3 --faults hostile; see docs/simulation.md.
import { spawn } from "node:child_process";
import { rmSync } from "node:fs";
import { parseArgs } from "node:util";
import { orderOf, prepareSimulation, simulateOn } from "../../src/app/simulate-command.ts";
import { openEmbedded, stopEmbedded } from "../../src/platform/embedded/embedded.ts";
import { commandOf, isWhole, type SimulationOutcome } from "../../src/simulation/outcome.ts";
import { onServer } from "../support/on-server.ts";
import { scratchFolder } from "../support/scratch.ts";

const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "100000" },
    from: { type: "string", default: "1" },
    minutes: { type: "string", default: "15" },
    processes: { type: "string", default: "2" },
    subscriptions: { type: "string", default: "60" },
    months: { type: "string", default: "3" },
    faults: { type: "string", default: "hostile" },
    workers: { type: "string", default: "3" },
    lenient: { type: "boolean", default: false },
    /** Every so many-th seed is this process's own. */
    stride: { type: "string", default: "1" },
    child: { type: "boolean", default: false },
  },
});
const COUNTED = [
  "invoices",
  "paid",
  "recovered",
  "wishes",
  "deaths",
  "sleeps",
  "steps",
  "double_charges",
  "lost",
  "deadlocks",
  "unwritten_sends",
  "unleased_sends",
  "refused_evidence",
] as const;
const endMs = performance.now() + Number(values.minutes) * 60_000;

if (values.child) await liveSeeds();
else await spawnAll();

/** Seeds that were lived, and those that broke something. */
type Tally = { lived: number; broken: number };

async function liveSeeds(): Promise<void> {
  const dir = scratchFolder("tagih-simulate");
  const server = await openEmbedded({ dir, role: "simulate", durable: false });
  try {
    const template = server.url.replace(/\/tagih$/, "/tagih_template");
    await onServer(server.url, "create database tagih_template");
    await prepareSimulation(template);
    const last = Number(values.from) + Number(values.seeds);
    for (let seed = Number(values.from); seed < last; seed += Number(values.stride)) {
      if (performance.now() > endMs) break;
      const name = `seed_${seed}`;
      await onServer(server.url, `create database ${name} template tagih_template strategy file_copy`);
      const outcome = await lived(server.url.replace(/\/tagih$/, `/${name}`), seed);
      process.stdout.write(`${JSON.stringify(outcome)}\n`);
      await onServer(server.url, `drop database ${name} with (force)`);
    }
  } finally {
    await server.leave();
    // A seed that failed may have left a connection behind.
    await stopEmbedded(dir);
    rmSync(dir, { recursive: true, force: true });
  }
}

async function lived(url: string, seed: number): Promise<object> {
  const order = orderOf({ ...values, seed: String(seed) });
  try {
    return await simulateOn(url, order);
  } catch (error) {
    return {
      ...order,
      repeat: commandOf(order),
      failed: error instanceof Error ? error.stack : String(error),
    };
  }
}

async function spawnAll(): Promise<void> {
  const processes = Number(values.processes);
  const tally: Tally = { lived: 0, broken: 0 };
  const sums = new Map<string, number>();
  await Promise.all(
    Array.from({ length: processes }, (_, number) =>
      runChild(number, processes, (line) => tell(line, tally, sums)),
    ),
  );
  const told = [...sums].map(([name, sum]) => `${name} ${sum}`).join(", ");
  console.log(`${tally.lived} seeds, ${tally.broken} broken; ${told}`);
  process.exitCode = tally.broken === 0 && tally.lived > 0 ? 0 : 1;
}

function runChild(number: number, processes: number, hear: (line: string) => void): Promise<void> {
  const own = { from: String(Number(values.from) + number), seeds: String(Number(values.seeds) - number) };
  const { minutes, subscriptions, months, faults, workers } = values;
  const asked = { ...own, minutes, subscriptions, months, faults, workers, stride: String(processes) };
  const flags = Object.entries(asked).flatMap(([name, value]) => [`--${name}`, value]);
  if (values.lenient) flags.push("--lenient");
  const child = spawn(process.execPath, ["--import", "tsx", import.meta.filename, "--child", ...flags], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) hear(line);
  });
  return new Promise((resolve) => child.once("exit", () => resolve()));
}

function tell(line: string, tally: Tally, sums: Map<string, number>): void {
  const outcome = JSON.parse(line) as SimulationOutcome & {
    readonly failed?: string;
    readonly repeat?: string;
  };
  tally.lived += 1;
  for (const name of COUNTED) sums.set(name, (sums.get(name) ?? 0) + (outcome[name] ?? 0));
  const { seed, failed, surprises = {} } = outcome;
  const isBroken = failed !== undefined || !isWhole(outcome);
  const odd = Object.entries(surprises).map(([words, times]) => `  ${times} x ${words}`);
  console.log(
    `seed ${seed}: ${isBroken ? "BROKEN" : "whole"}, ${outcome.invoices ?? "?"} invoices, ${outcome.deaths ?? "?"} deaths, ${outcome.seconds ?? "?"} s, ${outcome.digest ?? ""}`,
  );
  if (odd.length > 0) console.log(odd.join("\n"));
  if (!isBroken) return;
  tally.broken += 1;
  console.log(failed ?? JSON.stringify({ ...outcome, by_month: [] }, null, 2));
}
