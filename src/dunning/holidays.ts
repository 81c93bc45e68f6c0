import { isLocalDate, type LocalDate } from "../kernel/time.ts";

export type Holiday = { readonly date: LocalDate; readonly name: string };

/** Ten years of holidays, and room: a file that is none must not fill the table. */
const MOST_HOLIDAYS = 500;
const MOST_PROBLEMS = 50;

/**
 * Reads the merchant's file of holidays: a date and a name a line, `#` begins a comment. Answers the holidays by date,
 * or what is wrong, each with its line.
 */
export function readHolidays(
  text: string,
):
  | { readonly kind: "holidays"; readonly holidays: readonly Holiday[] }
  | { readonly kind: "wrong"; readonly problems: readonly string[] } {
  const found = new Map<LocalDate, Holiday>();
  const problems: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const entry = line.replace(/#.*$/, "").trim();
    if (entry === "") continue;
    const [date = "", ...words] = entry.split(/\s+/);
    const wrong = whatIsWrong(date, words.join(" "), found);
    if (wrong === null) found.set(date, { date, name: words.join(" ") });
    else problems.push(`line ${index + 1}: ${wrong}`);
  }
  if (found.size > MOST_HOLIDAYS)
    problems.push(`at most ${MOST_HOLIDAYS} holidays; leave out years that are over`);
  if (problems.length > 0) return { kind: "wrong", problems: problems.slice(0, MOST_PROBLEMS) };
  const holidays = [...found.values()].sort((one, other) => (one.date < other.date ? -1 : 1));
  return { kind: "holidays", holidays };
}

function whatIsWrong(date: string, name: string, found: ReadonlyMap<LocalDate, Holiday>): string | null {
  if (!isLocalDate(date))
    return `${date.slice(0, 20)} is no date that exists; write 2027-12-25 Kelahiran Yesus Kristus`;
  if (name === "") return `${date} has no name; write what is celebrated behind the date`;
  if (name.length > 100) return `the name of ${date} is longer than 100 letters`;
  return found.has(date) ? `${date} stands twice; take one out` : null;
}
