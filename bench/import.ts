// node --import tsx bench/import.ts [--rows 10000,100000]: files of running subscriptions, one line in a hundred bad,
// each imported twice into a database of its own. Prints what docs/import.md says; exit 1 when a row is wrong.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, statSync } from "node:fs";
import { cpus, loadavg } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { newEncryptionKey } from "../src/platform/secrets.ts";
import { sleep } from "../src/platform/timer.ts";
import { makeFolder } from "../test/support/run-tagih.ts";
import { peakMegabytes } from "./proc.ts";
import { openServer, type Server, withAdmin } from "./scale/server.ts";

const PROGRAM = join(import.meta.dirname, "../bin/tagih.mjs");
const LOOK_EVERY_MS = 20;
const BAD_EVERY = 100;
/** Six years of starts, on every day of a month. */
const STARTS = 2_190;

const { values: flags } = parseArgs({ options: { rows: { type: "string", default: "10000,100000" } } });
const sizes = flags.rows.split(",").map(Number);
if (sizes.some((size) => !Number.isInteger(size) || size < BAD_EVERY))
  throw new Error(`--rows: whole numbers from ${BAD_EVERY} on, parted by commas`);

type Run = { readonly seconds: number; readonly megabytes: number | null; readonly said: Said };
type Said = { readonly imported: number; readonly unchanged: number; readonly refused: number };

const folder = makeFolder();
const server = await openServer();
try {
  console.log(`${server.about}; ${cpus().length} x ${cpus()[0]?.model.trim()}; Node ${process.version};`);
  console.log(`load average before the run ${(loadavg()[0] ?? 0).toFixed(1)}.\n`);
  console.log(
    "| rows in the file | file | run | seconds | rows/s | peak memory | imported | unchanged | refused |",
  );
  console.log("|---|---|---|---|---|---|---|---|---|");
  for (const size of sizes) await measure(server, size);
} finally {
  await server.close();
  folder.remove();
}

async function measure(at: Server, size: number): Promise<void> {
  const name = `tagih_import_${size}`;
  const env = {
    DATABASE_URL: await at.createDatabase(name),
    TAGIH_ENCRYPTION_KEY: newEncryptionKey("bench"),
    QUEUE_BACKEND: "postgres",
  };
  await tagih(["migrate"], env);
  const plan = ["--code", "gym", "--name", "Gym", "--amount", "99000", "--interval", "month"];
  await tagih(["plan", "create", ...plan, "--json"], env);
  const file = join(folder.path, `${size}.csv`);
  await writeFile(file, size);
  const megabytes = `${(statSync(file).size / 1e6).toFixed(1)} MB`;
  const bad = Math.floor(size / BAD_EVERY);
  const states: string[] = [];
  for (const run of ["first", "again"]) {
    const { seconds, megabytes: peak, said } = await importOnce(file, env);
    const counts = [said.imported, said.unchanged, said.refused];
    const cells = [size, megabytes, run, seconds.toFixed(1), Math.round(size / seconds), `${peak ?? "?"} MB`];
    console.log(`| ${[...cells, ...counts].join(" | ")} |`);
    const expected = run === "first" ? [size - bad, 0, bad] : [0, size - bad, bad];
    if (counts.join() !== expected.join()) {
      console.log(`expected ${expected.join(", ")}`);
      process.exitCode = 1;
    }
    states.push(await stateOf(env.DATABASE_URL));
  }
  if (states[0] !== states[1]) {
    console.log("the second run changed something");
    process.exitCode = 1;
  }
  await at.dropDatabase(name);
}

async function writeFile(path: string, size: number): Promise<void> {
  const to = createWriteStream(path);
  to.write(
    "reference,customer,customer_name,phone,email,plan,amount,start_on,next_bill_on,billing_day,zone\r\n",
  );
  for (let index = 0; index < size; index += 1) {
    const line = lineOf(index);
    if (!to.write(`${line}\r\n`)) await once(to, "drain");
  }
  to.end();
  await once(to, "close");
}

function lineOf(index: number): string {
  const bad = index % BAD_EVERY === BAD_EVERY - 1;
  const startOn = new Date(Date.UTC(2020, 0, 1 + (index % STARTS))).toISOString().slice(0, 10);
  const [day, zone] = index % 3 === 0 ? ["25", "Asia/Makassar"] : ["", ""];
  const phone = `+62 812-${String(index).padStart(8, "0")}`;
  const cells = [
    `sub-${index}`,
    `cust-${index}`,
    `"Budi, ${index}"`,
    phone,
    `budi${index}@example.com`,
    "gym",
  ];
  return [...cells, bad ? "98.000" : "99000", startOn, "", day, zone].join(",");
}

async function importOnce(file: string, env: Record<string, string>): Promise<Run> {
  const began = performance.now();
  const { said, peak } = await tagih(["import", file, "--json"], env);
  return { seconds: (performance.now() - began) / 1_000, megabytes: peak, said: JSON.parse(said) as Said };
}

/** Runs a command to its end and answers what it said and the most memory it held. */
async function tagih(args: readonly string[], env: Record<string, string>) {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: folder.path,
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  let complaints = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text;
  });
  const ended = once(child, "close").then(([code]) => code as number | null);
  let peak: number | null = null;
  while (child.exitCode === null && child.signalCode === null) {
    peak = peakMegabytes(child.pid ?? 0) ?? peak;
    await Promise.race([ended, sleep(LOOK_EVERY_MS)]);
  }
  const code = await ended;
  // 1: a line was refused, as is meant here.
  if (code !== 0 && (code !== 1 || said === ""))
    throw new Error(`${args.join(" ")} ended with ${code}: ${complaints}`);
  return { said, peak };
}

/** All that an import writes, in one word. */
async function stateOf(url: string): Promise<string> {
  return withAdmin(url, async (client) => {
    const { rows } = await client.query<{ state: string }>(
      `select concat_ws(' ',
                (select md5(string_agg(c::text, '|' order by c.id)) from customers c),
                (select md5(string_agg(s::text, '|' order by s.id)) from subscriptions s),
                (select md5(string_agg(h::text, '|' order by h.id)) from subscription_changes h)) as state`,
    );
    return rows[0]?.state ?? "";
  });
}
