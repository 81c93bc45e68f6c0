import { InvalidError } from "../kernel/errors.ts";
import { nearWord } from "../platform/near-word.ts";

/** What a file of running subscriptions may say, and whether it must. */
export const IMPORT_COLUMNS = {
  reference: "required",
  customer: "required",
  customer_name: "optional",
  phone: "optional",
  email: "optional",
  plan: "required",
  amount: "optional",
  start_on: "required",
  next_bill_on: "optional",
  alignment: "optional",
  billing_day: "optional",
  billing_month: "optional",
  trial_ends_on: "optional",
  ends_on: "optional",
  cycles: "optional",
  zone: "optional",
  allow_second: "optional",
} as const satisfies Record<string, "required" | "optional">;

export type ImportColumn = keyof typeof IMPORT_COLUMNS;
const NAMES = Object.keys(IMPORT_COLUMNS) as ImportColumn[];

/**
 * The columns in the order of the file's first line; throws one `InvalidError` that says everything that is wrong with
 * it. Case, blanks around a name and blanks or dashes instead of underscores do not count.
 */
export function readImportHeader(cells: readonly string[]): ImportColumn[] {
  const names = cells.map((cell) =>
    cell
      .trim()
      .toLowerCase()
      .replace(/[\s-]+/g, "_"),
  );
  const known = names.filter(isColumn);
  if (known.length === 0) throw new InvalidError(`the first line must name the columns: ${inWords()}`);
  const wrong = [
    ...names.filter((name) => !isColumn(name)).map(unknownColumn),
    ...NAMES.filter((name) => known.indexOf(name) !== known.lastIndexOf(name)).map(
      (name) => `the column ${name} stands twice in the first line`,
    ),
    ...NAMES.filter((name) => IMPORT_COLUMNS[name] === "required" && !known.includes(name)).map(
      (name) => `the column ${name} is missing`,
    ),
  ];
  if (wrong.length > 0) throw new InvalidError(wrong.join("; "), { columns: known });
  return known;
}

function isColumn(name: string): name is ImportColumn {
  return Object.hasOwn(IMPORT_COLUMNS, name);
}

function inWords(): string {
  const required = NAMES.filter((name) => IMPORT_COLUMNS[name] === "required");
  const optional = NAMES.filter((name) => IMPORT_COLUMNS[name] === "optional");
  return `${required.join(", ")}, and of these as many as you like: ${optional.join(", ")}`;
}

function unknownColumn(name: string): string {
  if (name === "") return "a column without a name in the first line: name it or take it out";
  const near = nearWord(name, NAMES);
  const says = `there is no column ${name.slice(0, 40)}`;
  return near !== null
    ? `${says}; is it ${near}?`
    : `${says}; take it out (the columns are ${NAMES.join(", ")})`;
}
