/** Cells that a spreadsheet would run as a formula; also behind blanks, which some programs drop. */
const FORMULA = /^[\s\uFEFF]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^[\t\r\n]/;

/**
 * RFC 4180 text: CRLF after every record, quotes where needed. Text that a spreadsheet would take for a formula
 * gets an apostrophe in front; numbers are written as they are.
 */
export function csvText(records: readonly (readonly (string | number | null)[])[]): string {
  return records.map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

function csvCell(value: string | number | null): string {
  if (value === null) return "";
  if (typeof value === "number") return String(value);
  const safe = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
