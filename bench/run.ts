// npm run bench: the product beside what a merchant would write, a queue, and the floor, on this machine, one after
// another. --quick, --only loop,floor, --latency 0, --charges N, --profile, --readme, --no-readme; see docs/performance.md.
import { execSync } from "node:child_process";
import { chmodSync, mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ENTRANTS, raceOf } from "./entrants.ts";
import { type Options, readOptions } from "./options.ts";
import { openPlace, type Place } from "./place.ts";
import { type Result, run } from "./race.ts";
import { writeReadme } from "./readme.ts";
import { disturbanceOf, lineOf, reportOf } from "./report.ts";

const options = readOptions(process.argv.slice(2));
// What is raced is what runs in production.
execSync("npm run build", { cwd: join(import.meta.dirname, ".."), stdio: ["ignore", "ignore", "inherit"] });
const place = await openPlace();
// PostgreSQL runs in a process group of its own, which Ctrl-C does not reach.
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.once(signal, () => {
    // Whatever is under way now loses its server.
    process.on("uncaughtException", () => {});
    void place.close().finally(() => process.exit(1));
  });
}
try {
  const entrants = choose(options, place);
  const results = await runAll(entrants, options, place);
  const report = reportOf(results, {
    postgresVersion: place.postgresVersion,
    withRedis: place.redis !== null,
    at: new Date(),
  });
  console.log(`\n${report}\n`);
  if (mayStandInReadme(options, results)) writeReadme(report);
} finally {
  await place.close();
}

/** Only a whole run: a table with holes compares nothing, and a busy machine compares its other programs. */
function mayStandInReadme(given: Options, results: readonly Result[]): boolean {
  const whole = !given.quick && given.only === null && given.charges === null && given.latenciesMs.length > 1;
  if (given.readme === "never" || !whole || given.profile) return false;
  const { cores, quiet } = disturbanceOf(results);
  if (quiet || given.readme === "always") return true;
  console.log(
    `README.md is left as it is: other programs took ${cores.toFixed(1)} cores (--readme writes it anyway)`,
  );
  return false;
}

type Entrants = typeof ENTRANTS;

function choose({ only }: Options, { redis }: Place): Entrants {
  const unknown = only?.find((name) => !ENTRANTS.some(({ contender }) => contender.name === name));
  const known = ENTRANTS.map(({ contender }) => contender.name).join(", ");
  if (unknown !== undefined) throw new Error(`no contender is called ${unknown}: there are ${known}`);
  const chosen = ENTRANTS.filter(({ contender }) => only === null || only.includes(contender.name));
  if (redis !== null) return chosen;
  console.log("no redis-server on PATH: Tagih runs on PostgreSQL only, and so does the BullMQ peer's queue");
  return chosen.filter(({ contender }) => contender.name !== "tagih-redis");
}

async function runAll(entrants: Entrants, given: Options, at: Place): Promise<Result[]> {
  const results: Result[] = [];
  for (const latencyMs of given.latenciesMs) {
    for (const entrant of entrants) {
      const profileFolder = given.profile ? profileFolderOf(entrant.contender.name) : null;
      const result = await run(at, entrant.contender, raceOf(entrant, latencyMs, given, profileFolder));
      results.push(result);
      console.log(lineOf(result));
      if (profileFolder !== null) console.log(`  its CPU profiles are in ${profileFolder}`);
    }
  }
  return results;
}

/** Only the product is ours to make faster. */
function profileFolderOf(name: string): string | null {
  if (!name.startsWith("tagih")) return null;
  const folder = mkdtempSync(join(tmpdir(), `tagih-bench-profile-${name}-`));
  chmodSync(folder, 0o755);
  return folder;
}
