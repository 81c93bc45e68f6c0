import type { LocalDate } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { monotonicMs } from "../platform/real-time.ts";
import { findHolidays } from "./holiday.store.ts";
import { policiesAt } from "./policy.store.ts";
import type { DunningPolicy } from "./policy.ts";
import type { PolicyBook, PolicyName } from "./policy-book.ts";

/** Holidays that somebody stores are seen by every process within this time (real ms). */
const HOLIDAYS_FOR_MS = 60_000;

/** The book of one process: versions are read once, for they never change. */
export function policyBook(builtIn: DunningPolicy): PolicyBook {
  const known = new Map<string, DunningPolicy>();
  let holidays: { readonly days: ReadonlySet<LocalDate>; readonly untilMs: number } | null = null;
  const holidaysNow = async (tx: Tx): Promise<ReadonlySet<LocalDate>> => {
    if (holidays === null || holidays.untilMs <= monotonicMs())
      holidays = { days: await findHolidays(tx), untilMs: monotonicMs() + HOLIDAYS_FOR_MS };
    return holidays.days;
  };
  return {
    read: async (tx, names) => {
      const unknown = names.flatMap(({ policyCode: code, policyVersion: version }) =>
        code === null || known.has(`${code}/${version}`) ? [] : [{ code, version }],
      );
      for (const [name, policy] of await policiesAt(tx, unknown)) known.set(name, policy);
      const days = await holidaysNow(tx);
      // A version that is not there any more was taken out by hand: the built-in one goes on.
      return { of: (name) => known.get(keyOf(name)) ?? builtIn, holidays: days };
    },
  };
}

function keyOf({ policyCode, policyVersion }: PolicyName): string {
  return `${policyCode ?? ""}/${policyVersion}`;
}
