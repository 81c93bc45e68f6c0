import type { AppError } from "../kernel/errors.ts";
import type { LocalDate } from "../kernel/time.ts";
import type { FieldProblem } from "../platform/problem.ts";

/** `importable`: a dry run would have imported it. */
type ImportResult = "imported" | "importable" | "unchanged" | "refused";

/** What became of one line of the file. */
export type ImportOutcome = {
  /** Counted from 1, the first line with the columns included. */
  readonly line: number;
  /** Empty when it could not be read. */
  readonly reference: string;
  readonly result: ImportResult;
  /** What was refused; several are parted by commas, empty when it is the line as a whole. */
  readonly column: string;
  readonly message: string;
};

export type ImportCounts = Record<ImportResult, number>;

export function imported(
  line: number,
  reference: string,
  { from, isLinked }: { readonly from: LocalDate; readonly isLinked: boolean },
): ImportOutcome {
  const message = isLinked ? `bills from ${from}` : `bills from ${from}, once the wallet is linked`;
  return { line, reference, result: "imported", column: "", message };
}

export function unchanged(line: number, reference: string): ImportOutcome {
  return { line, reference, result: "unchanged", column: "", message: "" };
}

/** Refused by a rule: its message begins with the field that its details name. */
export function refused(line: number, reference: string, { message, details }: AppError): ImportOutcome {
  const { field } = details;
  if (typeof field !== "string" || !message.startsWith(`${field}: `))
    return { line, reference, result: "refused", column: "", message };
  return { line, reference, result: "refused", column: field, message: message.slice(field.length + 2) };
}

/** Refused because cells could not be read. */
export function unreadable(
  line: number,
  reference: string,
  problems: readonly FieldProblem[],
): ImportOutcome {
  const column = problems.map(({ field }) => field).join(", ");
  const [only] = problems;
  const message =
    problems.length === 1 && only !== undefined
      ? only.message
      : problems.map((problem) => `${problem.field}: ${problem.message}`).join("; ");
  return { line, reference, result: "refused", column, message };
}
