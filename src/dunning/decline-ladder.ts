import type { LocalDate } from "../kernel/time.ts";
import { clampedDate, monthNumber, plusDays } from "../subscriptions/local-date.ts";
import type { Move } from "./explanation.ts";
import { moneyDayFor } from "./money-day.ts";
import type { DunningPolicy, LadderClass, LadderStep } from "./policy.ts";
import { openDayFrom } from "./window.ts";

/** A day on which an invoice is tried again, and how it came to be that day. */
export type LadderDay = {
  readonly step: LadderStep;
  readonly plannedOn: LocalDate;
  readonly date: LocalDate;
  readonly payday: boolean;
  readonly moves: readonly Move[];
};

/**
 * The days of a ladder in their order, one entry a day: counted from the first failure, moved on to money days (funds
 * only: a limit or a risk has nothing to do with salaries) and to days on which a payment may leave.
 */
export function ladderDays(
  policy: DunningPolicy,
  ladder: LadderClass,
  firstFailedOn: LocalDate,
  holidays: ReadonlySet<LocalDate>,
): readonly LadderDay[] {
  const known = keptFor(policy, holidays);
  const name = `${ladder} ${firstFailedOn}`;
  const found = known.get(name);
  if (found !== undefined) return found;
  if (known.size >= MAX_KEPT) known.clear();
  const made = madeDays(policy, ladder, firstFailedOn, holidays);
  known.set(name, made);
  return made;
}

/** What failed on one day goes up the same ladder: a billing day asks for it ten thousand times. */
type Kept = {
  readonly holidays: ReadonlySet<LocalDate>;
  readonly ladders: Map<string, readonly LadderDay[]>;
};
const kept = new WeakMap<DunningPolicy, Kept>();
const MAX_KEPT = 500;

function keptFor(policy: DunningPolicy, holidays: ReadonlySet<LocalDate>): Kept["ladders"] {
  const found = kept.get(policy);
  if (found?.holidays === holidays) return found.ladders;
  const made = { holidays, ladders: new Map() };
  kept.set(policy, made);
  return made.ladders;
}

function madeDays(
  policy: DunningPolicy,
  ladder: LadderClass,
  firstFailedOn: LocalDate,
  holidays: ReadonlySet<LocalDate>,
): LadderDay[] {
  const days = policy.ladders[ladder].map((step) => dayOf(policy, ladder, step, firstFailedOn, holidays));
  days.sort((one, other) => (one.date < other.date ? -1 : one.date > other.date ? 1 : 0));
  return days.filter(({ date }, index) => date !== days[index - 1]?.date);
}

function dayOf(
  policy: DunningPolicy,
  ladder: LadderClass,
  step: LadderStep,
  firstFailedOn: LocalDate,
  holidays: ReadonlySet<LocalDate>,
): LadderDay {
  const plannedOn =
    step === "first_of_next_month"
      ? clampedDate(monthNumber(firstFailedOn) + 1, 1)
      : plusDays(firstFailedOn, step);
  const paid =
    ladder === "funds"
      ? moneyDayFor(policy.moneyDays, plannedOn, holidays)
      : { date: plannedOn, payday: false, moves: [] as readonly Move[] };
  const date = openDayFrom(policy, paid.date);
  const moves: readonly Move[] =
    date === paid.date ? paid.moves : [...paid.moves, { to: date, because: "window" }];
  return { step, plannedOn, date, payday: paid.payday, moves };
}
