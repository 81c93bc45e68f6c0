import { accessSync, constants, createReadStream, existsSync, statSync } from "node:fs";
import { open, rm } from "node:fs/promises";
import { dirname, join, parse, resolve } from "node:path";
import { AppError, AwayError, InvalidError } from "../kernel/errors.ts";
import { systemClock, turnedClock } from "../platform/clock.ts";
import { isOutage } from "../platform/database.ts";
import { monotonicMs } from "../platform/real-time.ts";
import { sealer } from "../platform/secrets.ts";
import { csvText } from "../reports/csv.ts";
import { importSubscriptions } from "../subscriptions/import.flow.ts";
import type { ImportTools } from "../subscriptions/import-batch.flow.ts";
import type { ImportCounts, ImportOutcome } from "../subscriptions/import-outcome.ts";
import { importProgress, rowsOf } from "./import-progress.ts";
import { standOn } from "./process.ts";
import { openHouseDatabase } from "./schema.ts";

export type ImportFlags = { readonly results?: string; readonly dryRun?: boolean; readonly json?: boolean };

/** More refusals than this are looked up in the file of results. */
const MOST_ERRORS = 100;
const SHOWN_ERRORS = 10;

type Done = {
  readonly counts: ImportCounts;
  readonly errors: readonly ImportOutcome[];
  readonly results: string;
};

/**
 * `tagih import <file>`: running subscriptions from a CSV file, with what became of each line in another one. Answers
 * what to print, and whether every line was good.
 */
export async function importCommand(
  file: string,
  flags: ImportFlags,
): Promise<{ readonly text: string; readonly allGood: boolean }> {
  const bytes = sizeOf(file);
  const results = flags.results ?? besides(file);
  if (resolve(results) === resolve(file))
    throw new InvalidError("--results: that is the file to import; name another one");
  const done = await runImport(file, { results, bytes, dryRun: flags.dryRun === true });
  const text = flags.json === true ? asJson(done, flags) : asText(done, flags);
  return { text, allGood: done.counts.refused === 0 };
}

function sizeOf(file: string): number {
  const found = statSync(file, { throwIfNoEntry: false });
  if (found === undefined) throw new InvalidError(`there is no file ${file}`);
  if (!found.isFile()) throw new InvalidError(`${file} is not a file`);
  try {
    accessSync(file, constants.R_OK);
  } catch (cause) {
    throw new InvalidError(`${file} cannot be read`, {}, { cause });
  }
  return found.size;
}

function besides(file: string): string {
  return join(dirname(file), `${parse(file).name}.results.csv`);
}

async function runImport(
  file: string,
  { results, bytes, dryRun }: { readonly results: string; readonly bytes: number; readonly dryRun: boolean },
): Promise<Done> {
  const footing = await standOn("import", {});
  try {
    const { config } = footing;
    const db = await openHouseDatabase(footing.databaseUrl, "import", 2);
    const tools: ImportTools = {
      db,
      clock: config.turnedClock ? turnedClock : systemClock,
      sealer: sealer(footing.encryptionKeys),
      billingZone: config.billingZone,
      windowFrom: config.chargeWindow?.from ?? null,
      minCharge: config.minCharge,
    };
    try {
      return await importFile(tools, file, { results, bytes, dryRun });
    } finally {
      await db.close();
    }
  } finally {
    await footing.leave();
  }
}

async function importFile(
  tools: ImportTools,
  file: string,
  { results, bytes, dryRun }: { readonly results: string; readonly bytes: number; readonly dryRun: boolean },
): Promise<Done> {
  const progress = importProgress({ screen: process.stderr, bytes, nowMs: monotonicMs });
  const counts: ImportCounts = { imported: 0, importable: 0, unchanged: 0, refused: 0 };
  const errors: ImportOutcome[] = [];
  const read = { bytes: 0 };
  const to = await openResults(results);
  try {
    await importSubscriptions(tools, counted(file, read), {
      actor: "cli",
      dryRun,
      report: async (outcomes) => {
        for (const outcome of outcomes) {
          counts[outcome.result] += 1;
          if (outcome.result === "refused" && errors.length < MOST_ERRORS) errors.push(outcome);
        }
        await to.write(outcomes);
        progress.show(read.bytes, counts);
      },
    });
    await to.write([]);
    return { counts, errors, results };
  } catch (error) {
    throw interrupted(error, counts);
  } finally {
    progress.end();
    await to.close();
  }
}

async function* counted(file: string, read: { bytes: number }): AsyncGenerator<Uint8Array> {
  for await (const chunk of createReadStream(file)) {
    read.bytes += chunk.length;
    yield chunk;
  }
}

const HEADING = csvText([["line", "reference", "result", "column", "message"]]);

type Results = {
  write(outcomes: readonly ImportOutcome[]): Promise<void>;
  close(): Promise<void>;
};

/**
 * Where results go, proved to be writable before a line is stored. Until something is written a file that was there is
 * left as it is, and one that was not is gone again: an import that reads no line has no results.
 */
async function openResults(path: string): Promise<Results> {
  const wasThere = existsSync(path);
  const to = await open(path, "a").catch((cause: unknown) => {
    throw new InvalidError(`--results: ${path} cannot be written`, {}, { cause });
  });
  let begun = false;
  return {
    write: async (outcomes) => {
      if (!begun) {
        // A pipe or a terminal has nothing to cut off.
        if ((await to.stat()).isFile()) await to.truncate(0);
        await to.write(HEADING);
      }
      begun = true;
      if (outcomes.length > 0) await to.write(csvText(outcomes.map(cellsOf)));
    },
    close: async () => {
      await to.close();
      if (!begun && !wasThere) await rm(path, { force: true });
    },
  };
}

function cellsOf({ line, reference, result, column, message }: ImportOutcome) {
  return [line, reference, result, column, message];
}

/** What is in stays in, and the same file again goes on from there: whoever reads the error must know. */
function interrupted(error: unknown, counts: ImportCounts): unknown {
  const { imported } = counts;
  const kept = imported === 0 ? "" : ` (${imported} were imported before; run it again for the rest)`;
  if (isOutage(error)) return new AwayError(`PostgreSQL went away${kept}`, {}, { cause: error });
  if (error instanceof AppError) error.message += kept;
  return error;
}

function asJson({ counts, errors, results }: Done, { dryRun }: ImportFlags): string {
  const { importable, ...others } = counts;
  const answer = {
    ...(dryRun === true ? { dry_run: true, importable } : {}),
    ...others,
    results,
    errors: errors.map(({ line, reference, column, message }) => ({ line, reference, column, message })),
  };
  return JSON.stringify(answer, null, 2);
}

function asText({ counts, errors, results }: Done, { dryRun }: ImportFlags): string {
  const { imported, importable, unchanged, refused } = counts;
  const done =
    dryRun === true ? `dry run, nothing was stored: ${importable} would be imported` : `${imported} imported`;
  const shown = errors.slice(0, SHOWN_ERRORS).map((error) => `  ${inWords(error)}`);
  const more = refused > SHOWN_ERRORS ? [`  and ${refused - SHOWN_ERRORS} more`] : [];
  const summary = `${rowsOf(counts)} rows: ${done}, ${unchanged} unchanged, ${refused} refused`;
  return [summary, ...shown, ...more, `each line: ${results}`].join("\n");
}

function inWords({ line, column, message }: ImportOutcome): string {
  return column === "" || column.includes(",")
    ? `line ${line}: ${message}`
    : `line ${line}, ${column}: ${message}`;
}
