import { InvalidError } from "../kernel/errors.ts";

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
  const near = NAMES.map((each) => ({ each, steps: editSteps(name, each) })).sort(
    (one, other) => one.steps - other.steps,
  )[0];
  const says = `there is no column ${name.slice(0, 40)}`;
  return near !== undefined && near.steps <= Math.max(2, Math.floor(name.length / 3))
    ? `${says}; is it ${near.each}?`
    : `${says}; take it out (the columns are ${NAMES.join(", ")})`;
}

/** How many letters must be added, taken away or replaced to make one of the other (Levenshtein). */
function editSteps(from: string, to: string): number {
  let row = [...Array(to.length + 1).keys()];
  for (const [index, letter] of [...from.slice(0, 60)].entries()) {
    const next = [index + 1];
    for (let at = 0; at < to.length; at += 1) {
      const replaced = (row[at] ?? 0) + (letter === to[at] ? 0 : 1);
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
