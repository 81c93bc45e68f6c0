import CliTable from "cli-table3";
import { formatRupiah } from "../kernel/money.ts";
import { unreachable } from "../kernel/unreachable.ts";
import { csvText } from "./csv.ts";
import {
  type Cell,
  type Check,
  type ColumnKind,
  type Heading,
  holds,
  type Report,
  type Table,
  ties,
} from "./report.ts";

export const REPORT_FORMATS = ["table", "json", "csv"] as const;
export type ReportFormat = (typeof REPORT_FORMATS)[number];

/** The report as text. All formats hold the same numbers; the table ends with the checks that must tie. */
export function renderReport(report: Report, format: ReportFormat): string {
  switch (format) {
    case "table":
      return tableText(report);
    case "json":
      return `${JSON.stringify(reportBody(report), null, 2)}\n`;
    case "csv":
      return recordsText(report);
    default:
      return unreachable(format);
  }
}

/** The report as the API answers it in JSON: money in whole rupiah, shares from 0 to 1. */
export function reportBody(report: Report): Readonly<Record<string, unknown>> {
  const { heading, facts, checks } = report;
  return {
    report: heading.name,
    kind: heading.kind,
    says: heading.says,
    from: heading.from,
    to: heading.to,
    date: "bills_on",
    plan: heading.plan,
    zone: heading.zone,
    as_of: asOf(heading),
    currency: "IDR",
    ...facts,
    checks: checks.map((check) => ({ ...check, ties: holds(check) })),
    ties: ties(report),
  };
}

/** One fact a record; what the report is about is repeated on each, so that a record can stand alone. */
function recordsText({ heading, records }: Report): string {
  const { name, from, to, plan, zone } = heading;
  const context: Cell[] = [name, from, to, plan, zone, asOf(heading)];
  return csvText([
    ["report", "from", "to", "plan_filter", "zone", "as_of", ...records.columns.map((column) => column.key)],
    ...records.rows.map((row) => [...context, ...row]),
  ]);
}

function tableText(report: Report): string {
  const { heading, tables, checks } = report;
  const { title, from, to, plan, zone, says } = heading;
  return `${[
    `${title}: invoices billed ${from} to ${to}, ${plan === null ? "all plans" : `plan ${plan}`}`,
    `${says}\nas of ${asOf(heading)} (${zone}); whole rupiah`,
    ...tables.map((table) => [table.title, ...(table.notes ?? []), frame(table)].join("\n")),
    checks.map(checkText).join("\n"),
  ].join("\n\n")}\n`;
}

const BARE = {
  top: "",
  "top-mid": "",
  "top-left": "",
  "top-right": "",
  bottom: "",
  "bottom-mid": "",
  "bottom-left": "",
  "bottom-right": "",
  left: "",
  "left-mid": "",
  mid: "",
  "mid-mid": "",
  right: "",
  "right-mid": "",
  middle: "  ",
};

function frame({ columns, rows }: Table): string {
  if (rows.length === 0) return "(none)";
  const table = new CliTable({
    head: columns.map((column) => column.label),
    colAligns: columns.map(({ kind }) => (kind === "text" ? "left" : "right")),
    chars: BARE,
    style: { head: [], border: [], "padding-left": 0, "padding-right": 0 },
  });
  table.push(...rows.map((row) => row.map((cell, index) => shown(cell, columns[index]?.kind ?? "text"))));
  return table
    .toString()
    .split("\n")
    .map((line) => line.trimEnd())
    .join("\n");
}

function shown(cell: Cell, kind: ColumnKind): string {
  if (cell === null) return "-";
  if (typeof cell === "string") return printable(cell);
  switch (kind) {
    case "rupiah":
      return formatRupiah(cell);
    case "share":
      return `${(cell * 100).toFixed(1)} %`;
    case "count":
    case "text":
      return String(cell);
    default:
      return unreachable(kind);
  }
}

/** Texts that came from outside may not steer the terminal. */
function printable(text: string): string {
  return text.replace(/\p{Cc}/gu, "?");
}

function checkText(check: Check): string {
  const { says, left, right } = check;
  if (holds(check)) return `ties: ${says} (${left.n}, ${formatRupiah(left.amount)})`;
  return `DOES NOT TIE: ${says}: ${left.n}, ${formatRupiah(left.amount)} against ${right.n}, ${formatRupiah(right.amount)}`;
}

/** The moment with its offset, in the zone that is printed beside it. */
function asOf({ asOf: at, zone }: Heading): string {
  return at.setZone(zone).toISO({ suppressMilliseconds: true }) ?? at.toString();
}
