import type { LocalDate } from "../kernel/time.ts";
import type { Grid } from "./alignment.ts";
import { dayOfMonth } from "./local-date.ts";
import type { Fraction } from "./proration.ts";

export type Span = {
  readonly index: number;
  readonly start: LocalDate;
  readonly end: LocalDate;
  /** Where it would end without an end date. */
  readonly aligned: LocalDate;
  readonly part: Fraction;
};

/** Why a period's dates or its amount are not the plain ones; empty when they are. */
export function periodNotes(grid: Grid, { index, start, end, aligned, part }: Span): string[] {
  const said: string[] = [];
  const short = index === grid.firstIndex && grid.leading === 1;
  if (grid.by === "months" && !short && dayOfMonth(start) !== grid.day) said.push(clampNote(start, grid.day));
  if (short) said.push(`short first period until ${grid.endsFirstAt}, ${aligned}`);
  if (end < aligned) said.push(`cut short by the end date, ${end}`);
  if (part.days !== part.of) said.push(`${part.days} of ${part.of} days are billed`);
  return said;
}

const MONTHS = "January February March April May June July August September October November December".split(
  " ",
);

function clampNote(date: LocalDate, day: number): string {
  const month = MONTHS[Number(date.slice(5, 7)) - 1];
  // The 29th is missing in some years only.
  const when = day === 29 ? `${month} ${date.slice(0, 4)}` : month;
  return `${day} does not exist in ${when}: ${dayOfMonth(date)}th`;
}
