import CliTable from "cli-table3";
import { formatRupiah } from "../kernel/money.ts";
import type { Break, MonthOutcome, SimulationOutcome } from "./outcome.ts";

/** A life as people read it: a table and a picture of its months, and what broke, if anything did. */
export function renderLife(outcome: SimulationOutcome): string {
  const { by_month: months, digest, seconds, days, steps } = outcome;
  return [
    `${outcome.subscriptions} subscriptions, ${days} days, seed ${outcome.seed}, faults ${outcome.faults}, ${outcome.workers} workers`,
    tableOf(months),
    ...months.map(pictureOf),
    months.length === 0 ? "" : "█ paid first try  ▓ recovered  ▒ in dunning  ░ waits for somebody  · other",
    `charged twice: ${outcome.double_charges}   lost: ${outcome.lost}   deadlocks: ${outcome.deadlocks}   sent without a row: ${outcome.unwritten_sends}, without a lease: ${outcome.unleased_sends}   evidence refused: ${outcome.refused_evidence}`,
    `${outcome.wishes} things were done by people, ${outcome.refusals} were refused to them; ${outcome.deaths} processes died, ${outcome.sleeps} stood still`,
    ...Object.entries(outcome.surprises).map(([words, times]) => `${times} x ${words}`),
    `digest ${digest}; ${steps.toLocaleString("en")} steps in ${seconds} s`,
    ...(outcome.broken === null ? [] : breakText(outcome.broken)),
  ].join("\n");
}

function tableOf(months: readonly MonthOutcome[]): string {
  const head = ["month", "invoiced", "paid first try", "recovered", "in dunning", "waiting", "paid"];
  const table = new CliTable({ head, style: { head: [], border: [] } });
  for (const {
    month,
    invoices,
    paid_first_try: first,
    recovered,
    in_dunning: dunning,
    waiting,
    amount,
  } of months)
    table.push([month, invoices, first, recovered, dunning, waiting, formatRupiah(amount)]);
  return table.toString();
}

/** As wide as a terminal leaves beside the name of the month. */
const CELLS = 64;

function pictureOf(month: MonthOutcome): string {
  const { invoices, paid_first_try: first, recovered, in_dunning: dunning, waiting } = month;
  const parts = [
    ["█", first],
    ["▓", recovered],
    ["▒", dunning],
    ["░", waiting],
  ] as const;
  let drawn = "";
  let sum = 0;
  for (const [cell, count] of parts) {
    sum += count;
    // By the running sum, so that roundings do not add up.
    drawn += cell.repeat(Math.max(0, Math.round((CELLS * sum) / Math.max(1, invoices)) - drawn.length));
  }
  return `${month.month} ${drawn.padEnd(CELLS, "·")}`;
}

function breakText({ rule, day, subject, says, story, repeat }: Break): string[] {
  return [
    "",
    `BROKEN on ${day}: ${rule}`,
    `  ${subject}: ${says}`,
    ...story.map((line) => `  ${line}`),
    `repeat it: ${repeat}`,
  ];
}
