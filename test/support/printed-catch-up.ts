import type { LocalDate } from "../../src/kernel/time.ts";

/** One line of the printed table; `on` is a day, `never` or `held`. */
export type PrintedRow = {
  readonly on: LocalDate | "never" | "held";
  readonly subscription: string;
  readonly start: LocalDate;
  readonly end: LocalDate;
  readonly amount: number | null;
  readonly says: string;
};

const LINE =
  /^(\d{4}-\d\d-\d\d|never|held) +(\S+) +(\d{4}-\d\d-\d\d) to (\d{4}-\d\d-\d\d)(?: +Rp ([\d.]+))?(?: +(.+))?$/;

/** What `tagih subscription catch-up` printed, by customer. Throws on a line that is none of the table's. */
export function readCatchUp(text: string): Map<string, PrintedRow[]> {
  const printed = new Map<string, PrintedRow[]>();
  for (const section of text.trim().split("\n\n")) {
    if (section === "nothing is late") continue;
    const [title = "", ...lines] = section.split("\n");
    const customer = /^customer (\S+)$/.exec(title)?.[1];
    if (customer === undefined) throw new Error(`not a customer: ${title}`);
    printed.set(customer, lines.filter((line) => !isAround(line)).map(readLine));
  }
  return printed;
}

/** The policy, the heading, the total. */
function isAround(line: string): boolean {
  return /^(\S+: |opens on |late periods billed: )/.test(line);
}

function readLine(line: string): PrintedRow {
  const [, on, subscription, start, end, amount, says] = LINE.exec(line) ?? [];
  if (on === undefined || subscription === undefined || start === undefined || end === undefined)
    throw new Error(`not a line of the table: ${line}`);
  const rupiah = amount === undefined ? null : Number(amount.replaceAll(".", ""));
  return { on, subscription, start, end, amount: rupiah, says: says ?? "" };
}
