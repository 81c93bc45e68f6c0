// npm run bench:scale: what grows with the number of subscriptions, and what does not. See docs/performance.md, "Scale".
//   --to N      up to N subscriptions; without it 10 million where the disk has room, else 1 million
//   --from N    from N subscriptions on
//   --readme    prints the tables and nothing else
import { execSync } from "node:child_process";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type pg from "pg";
import { measureClaims } from "./claims.ts";
import { measureBeatAfterWave, measureIdle } from "./idle.ts";
import { measureDrain, measureIdleWorker, stopProcesses } from "./memory.ts";
import { loadRows } from "./rows.ts";
import { freeDiskBytes, openServer, type Server, withAdmin } from "./server.ts";
import { openBenchHouse, prepareDatabase } from "./stage.ts";
import { judge, type Measured, render } from "./table.ts";

const SIZES = [10_000, 100_000, 1_000_000, 10_000_000] as const;
/** Ten million subscriptions with their indexes, the space to build these, and the write-ahead log. */
const ROOM_FOR_ALL = 45e9;
const SMALLER = 1_000_000;
/** Drained at the largest size up to a million: beyond it the same rows would only take longer to load. */
const DRAIN = { at: 1_000_000, charges: 100_000 } as const;

const { values: flags } = parseArgs({
  options: {
    from: { type: "string", default: "0" },
    to: { type: "string" },
    readme: { type: "boolean", default: false },
  },
});
const upTo = Number(flags.to ?? (freeDiskBytes() > ROOM_FOR_ALL ? SIZES.at(-1) : SMALLER));
const sizes = SIZES.filter((size) => size >= Number(flags.from) && size <= upTo);
if (sizes.length === 0) throw new Error(`--from and --to leave nothing: sizes are ${SIZES.join(", ")}`);

// Processes are measured as they run in production.
execSync("npm run build", {
  cwd: join(import.meta.dirname, "../.."),
  stdio: ["ignore", "ignore", "inherit"],
});

const began = performance.now();
const [loadBefore = 0] = loadavg();
const server = await openServer();
let closing: Promise<void> | null = null;
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const)
  process.on(signal, () => void close().finally(() => process.exit(130)));
try {
  const measured: Measured[] = [];
  for (const size of sizes) measured.push(await measureAt(server, size));
  console.log(`${server.about}; ${cpus().length} x ${cpus()[0]?.model.trim()}; Node ${process.version}.`);
  const busy =
    loadBefore > 1 ? "neighbours slow down all figures by the clock, those of CPU hardly" : "quiet";
  console.log(`Load average before the run ${loadBefore.toFixed(1)}: ${busy}.\n`);
  console.log(render(measured));
  if (!flags.readme) console.log(JSON.stringify(measured));
  if (judge(measured).some(({ holds }) => !holds)) process.exitCode = 1;
} catch (error) {
  // After Ctrl-C every query fails, and that is nobody's news.
  if (closing === null) throw error;
} finally {
  await close();
}

function close(): Promise<void> {
  closing ??= stopProcesses().finally(() => server.close());
  return closing;
}

async function measureAt(at: Server, size: number): Promise<Measured> {
  const name = `tagih_scale_${size}`;
  const url = await at.createDatabase(name);
  await prepareDatabase(url);
  const measured = await withAdmin(url, (client) => measureOn(client, { url, own: at.own, size }));
  await at.dropDatabase(name);
  return measured;
}

async function measureOn(
  client: pg.Client,
  { url, own, size }: { readonly url: string; readonly own: boolean; readonly size: number },
): Promise<Measured> {
  const say = (line: string) => progress(`${size.toLocaleString("en")}: ${line}`);
  const loading = performance.now();
  await loadRows(client, size, say);
  const loadSeconds = (performance.now() - loading) / 1_000;
  const gigabytes = await sizeOf(client);
  say(`loaded, ${gigabytes.toFixed(1)} GB`);
  const house = await openBenchHouse(url);
  const idle = await measureIdle({ house, client, own });
  say(`idle beat ${idle.beat.toFixed(1)} ms`);
  const waves = await measureClaims({ house, client, own, size }, say);
  const afterWave = await measureBeatAfterWave(house);
  await house.close();
  const idleWorkerMegabytes = await measureIdleWorker(url);
  say(`idle worker ${idleWorkerMegabytes} MB`);
  const drains = size === sizes.filter((each) => each <= DRAIN.at).at(-1);
  const count = Math.min(DRAIN.charges, size);
  const drain = drains ? await measureDrain(client, url, { size, count, say }) : null;
  if (drain !== null) say(`drained ${count} in ${drain.seconds.toFixed(0)} s`);
  return { size, gigabytes, loadSeconds, idle, waves, afterWave, idleWorkerMegabytes, drain };
}

async function sizeOf(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ bytes: string }>(
    `select pg_database_size(current_database())::text as bytes`,
  );
  return Number(rows[0]?.bytes ?? 0) / 1e9;
}

function progress(line: string): void {
  if (flags.readme) return;
  const seconds = Math.round((performance.now() - began) / 1_000);
  console.error(`${String(seconds).padStart(5)} s  ${line}`);
}
