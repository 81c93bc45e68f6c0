import { ConflictError, InvalidError, InvariantError } from "../kernel/errors.ts";
import { csvLines } from "../platform/csv-lines.ts";
import { brokenConstraint, isOutage, sqlState } from "../platform/database.ts";
import { rehearse } from "../platform/rehearsal.ts";
import { type SeenTexts, seenTexts } from "../platform/seen-texts.ts";
import { type ImportLine, type ImportTools, importBatch } from "./import-batch.flow.ts";
import { type ImportColumn, readImportHeader } from "./import-columns.ts";
import { type ImportCounts, type ImportOutcome, unreadable } from "./import-outcome.ts";
import { readImportRow } from "./import-row.ts";

/** Lines a transaction: each statement of a batch is one set, and no set of ours is larger. */
const BATCH_LINES = 500;
/** What the memory of references is made for; more come in several files. */
const MOST_LINES = 2_000_000;

export type ImportOptions = {
  readonly actor: string;
  /** Does all of it and undoes it in the end. */
  readonly dryRun: boolean;
  /** Hears of every line once, in their order, after its transaction; the next batch waits for it. */
  readonly report: (outcomes: readonly ImportOutcome[]) => Promise<void>;
};

/**
 * Imports running subscriptions from a CSV file as it comes, batch by batch: bad lines are refused, good ones stored;
 * the same file again changes nothing. Throws `InvalidError` before any line when the columns are wrong. When it
 * throws later, the batches that were reported are stored and nothing else is.
 */
export async function importSubscriptions(
  tools: ImportTools,
  bytes: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportCounts> {
  if (!options.dryRun) return importAll(tools, bytes, options);
  let begun = false;
  return rehearse(tools.db, (db) => {
    // After a deadlock the rehearsal would begin anew, but the file has been read by then.
    if (begun) throw new ConflictError("the dry run was in somebody's way; begin it again");
    begun = true;
    return importAll({ ...tools, db }, bytes, options);
  });
}

async function importAll(
  tools: ImportTools,
  bytes: AsyncIterable<Uint8Array>,
  options: ImportOptions,
): Promise<ImportCounts> {
  const counts: ImportCounts = { imported: 0, importable: 0, unchanged: 0, refused: 0 };
  for await (const batch of batchesOf(bytes)) {
    const outcomes = (await settle(tools, batch, options)).map((outcome) => worded(outcome, options));
    for (const { result } of outcomes) counts[result] += 1;
    await options.report(outcomes);
  }
  return counts;
}

function worded(outcome: ImportOutcome, { dryRun }: ImportOptions): ImportOutcome {
  return dryRun && outcome.result === "imported" ? { ...outcome, result: "importable" } : outcome;
}

/** A line to decide about, or what is already known of it. */
type Read = ImportLine | ImportOutcome;

async function* batchesOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Read[]> {
  let columns: ImportColumn[] | null = null;
  let batch: Read[] = [];
  const seen = seenTexts();
  for await (const line of csvLines(bytes)) {
    if (columns === null) {
      if (line.kind === "unreadable") throw new InvalidError(`line ${line.line}: ${line.says}`);
      columns = readImportHeader(line.cells);
      continue;
    }
    if (line.line > MOST_LINES)
      throw new InvalidError(`lines from ${line.line} on were not read: put them into another file`);
    batch.push(
      line.kind === "unreadable"
        ? unreadable(line.line, "", [{ field: "", message: line.says }])
        : readLine(columns, line, seen),
    );
    if (batch.length < BATCH_LINES) continue;
    yield batch;
    batch = [];
  }
  if (columns === null) throw new InvalidError("the file is empty: its first line must name the columns");
  if (batch.length > 0) yield batch;
}

function readLine(
  columns: readonly ImportColumn[],
  { line, cells }: { readonly line: number; readonly cells: readonly string[] },
  seen: SeenTexts,
): Read {
  const row = readImportRow(columns, cells);
  if ("wrong" in row) return unreadable(line, referenceIn(columns, cells), row.wrong);
  const before = seen.before(row.reference, line);
  if (before === null) return { line, row };
  const message = `line ${before} has ${row.reference} already: each reference stands for one subscription`;
  return unreadable(line, row.reference, [{ field: "reference", message }]);
}

/** What the line calls itself, for the person who looks for it. */
function referenceIn(columns: readonly ImportColumn[], cells: readonly string[]): string {
  return (cells[columns.indexOf("reference")] ?? "").replace(/\p{Cc}/gu, " ").slice(0, 64);
}

async function settle(
  tools: ImportTools,
  batch: readonly Read[],
  options: ImportOptions,
): Promise<ImportOutcome[]> {
  const decided = await store(tools, batch.filter(isToDecide), options);
  const byLine = new Map(decided.map((outcome) => [outcome.line, outcome]));
  return batch.map((read) => {
    const outcome = isToDecide(read) ? byLine.get(read.line) : read;
    if (outcome === undefined) throw new InvariantError("a line was lost", { line: read.line });
    return outcome;
  });
}

function isToDecide(read: Read): read is ImportLine {
  return "row" in read;
}

/** Somebody else who imports the same file is met in many batches, and is soon ahead or behind. */
const MOST_TRIES = 3;

/** A set that PostgreSQL refuses is tried line by line, so that one line does not keep out the others. */
async function store(
  tools: ImportTools,
  lines: readonly ImportLine[],
  options: ImportOptions,
  tries = 1,
): Promise<ImportOutcome[]> {
  if (lines.length === 0) return [];
  const batch = { actor: options.actor, holdsCustomers: !options.dryRun };
  try {
    return await tools.db.begin((tx) => importBatch(tools, tx, lines, batch));
  } catch (error) {
    const taken = error instanceof ConflictError;
    if (taken && tries < MOST_TRIES) return store(tools, lines, options, tries + 1);
    if (isOutage(error) || !(taken || sqlState(error) !== null)) throw error;
    return lines.length > 1
      ? oneByOne(tools, lines, options)
      : lines.map(({ line, row }) => unreadable(line, row.reference, [problemOf(error)]));
  }
}

async function oneByOne(
  tools: ImportTools,
  lines: readonly ImportLine[],
  options: ImportOptions,
): Promise<ImportOutcome[]> {
  const outcomes: ImportOutcome[] = [];
  for (const line of lines) outcomes.push(...(await store(tools, [line], options)));
  return outcomes;
}

function problemOf(error: unknown) {
  const why = error instanceof ConflictError ? error.message : (brokenConstraint(error) ?? sqlState(error));
  return { field: "", message: `could not be stored: ${why}` };
}
