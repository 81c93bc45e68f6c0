type Row = Readonly<Record<string, unknown>>;

/** Without a terminal to fit, lines may be this long. */
const WIDTH = 160;
const GAP = 2;

/** An answer of the API as text for people: lists as a table, one thing as `name: value`. */
export function renderAnswer(answer: unknown, width = process.stdout.columns ?? WIDTH): string {
  if (Array.isArray(answer)) return table(answer.map(asRow), width);
  const { data, next_cursor: next, ...rest } = asRow(answer);
  if (!Array.isArray(data)) return thing(asRow(answer), width);
  const more = typeof next === "string" ? [`more: --cursor ${next}`] : [];
  const others = Object.keys(rest).length > 0 ? [thing(rest, width)] : [];
  return [table(data.map(asRow), width), ...others, ...more].join("\n");
}

function asRow(value: unknown): Row {
  return typeof value === "object" && value !== null ? (value as Row) : { value };
}

function thing(row: Row, width: number): string {
  const names = Object.keys(row).filter((name) => !isTable(row[name]));
  const pad = Math.max(0, ...names.map((name) => name.length)) + 1;
  const lines = names.map((name) => `${`${name}:`.padEnd(pad)} ${inWords(row[name])}`);
  const tables = Object.entries(row)
    .filter(([, value]) => isTable(value))
    .map(([name, value]) => `\n${name}\n${table((value as unknown[]).map(asRow), width)}`);
  return [...lines, ...tables].join("\n");
}

function isTable(value: unknown): boolean {
  return Array.isArray(value) && value.some((one) => typeof one === "object");
}

type Column = { readonly name: string; readonly width: number; readonly isNumber: boolean };

/** The columns that fit, in order; those without any value are left out, and those that do not fit are named below. */
function table(rows: readonly Row[], width: number): string {
  if (rows.length === 0) return "none";
  const flat = rows.map(flattened);
  const names = [...new Set(flat.flatMap((row) => Object.keys(row)))];
  const columns = names.filter((name) => flat.some((row) => row[name] != null)).map(measure(flat));
  const shown = columns.filter((_, index) => totalWidth(columns.slice(0, index + 1)) <= width);
  const kept = shown.length > 0 ? shown : columns.slice(0, 1);
  const left = columns.slice(kept.length).map(({ name }) => name);
  const lines = [
    kept.map((column) => cell(column, column.name)).join(" ".repeat(GAP)),
    ...flat.map((row) => kept.map((column) => cell(column, inWords(row[column.name]))).join(" ".repeat(GAP))),
  ].map((line) => line.trimEnd());
  return [...lines, ...(left.length > 0 ? [`(--json shows also ${left.join(", ")})`] : [])].join("\n");
}

function measure(rows: readonly Row[]): (name: string) => Column {
  return (name) => ({
    name,
    width: Math.max(name.length, ...rows.map((row) => inWords(row[name]).length)),
    isNumber: rows.every((row) => row[name] == null || typeof row[name] === "number"),
  });
}

function totalWidth(columns: readonly Column[]): number {
  return columns.reduce((sum, column) => sum + column.width + GAP, -GAP);
}

function cell({ width, isNumber }: Column, text: string): string {
  return isNumber ? text.padStart(width) : text.padEnd(width);
}

/** One level of `a: {b}` becomes `a.b`; lists inside a row are not for a table. */
function flattened(row: Row): Row {
  const entries = Object.entries(row).flatMap(([name, value]) => {
    if (Array.isArray(value)) return [];
    if (typeof value !== "object" || value === null) return [[name, value] as const];
    return Object.entries(value).map(([inner, one]) => [`${name}.${inner}`, one] as const);
  });
  return Object.fromEntries(entries);
}

function inWords(value: unknown): string {
  if (value === null || value === undefined) return "-";
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}
