import { DateTime } from "luxon";
import { checkRules } from "../invariants/check-rules.flow.ts";
import { ledgerAgrees } from "../invariants/ledger-agrees.store.ts";
import { RULES } from "../invariants/rules.ts";
import { INVOICE_LETTERS } from "../invoices/reference.ts";
import type { Instant } from "../kernel/time.ts";
import { dayAt, FIRST_DAY, liveUntil, planMonth, settlePeople } from "./live.flow.ts";
import { findMonths, findOutcome, tellStory } from "./outcome.store.ts";
import {
  type Break,
  commandOf,
  type LifeOrder,
  type MonthOutcome,
  type SimulationOutcome,
} from "./outcome.ts";
import { buildTown, digestOf, type Ground, type Town } from "./town.flow.ts";

/** Told after each day. */
export type Progress = (day: number, days: number, date: string) => void;

/** Lives the months, and checks the rules after each day; stops at the first that is broken. */
export async function simulate(
  order: LifeOrder,
  ground: Ground,
  progress: Progress,
): Promise<SimulationOutcome> {
  const startedMs = ground.stopwatch();
  await ground.db.query(`update turned_time set at = $1`, [dayAt(0).minus({ hours: 2 }).toJSDate()]);
  const town = await buildTown(order, ground, dayAt(0).minus({ hours: 2 }).toMillis());
  try {
    const people = await settlePeople(town);
    const end = DateTime.fromISO(FIRST_DAY).plus({ months: order.months });
    const days = Math.round(end.diff(DateTime.fromISO(FIRST_DAY), "days").days);
    let broken: Break | null = null;
    let lived = 0;
    for (let day = 0; day < days && broken === null; day += 1) {
      const date = DateTime.fromISO(FIRST_DAY).plus({ days: day });
      if (date.day === 1)
        planMonth(town, people, Math.round(date.diff(DateTime.fromISO(FIRST_DAY), "months").months));
      const stepMs = town.mishaps.clockStepMs(day);
      if (stepMs !== 0) town.agenda.step(stepMs);
      await liveUntil(town, dayAt(day + 1));
      lived = day + 1;
      if (isChecked(order, day, days))
        broken = await firstBreak(town, dayAt(day + 1), date.toISODate() ?? "");
      town.gateway.forgetRequests();
      progress(day + 1, days, date.toISODate() ?? "");
    }
    return await outcomeOf(town, { broken, days: lived, seconds: (ground.stopwatch() - startedMs) / 1_000 });
  } finally {
    town.close();
  }
}

/** Reading everything after each day would cost large lives more than living them does. */
const SMALL = 100;
const LARGE_EVERY_DAYS = 30;

function isChecked({ subscriptions }: LifeOrder, day: number, days: number): boolean {
  return subscriptions <= SMALL || day === days - 1 || day % LARGE_EVERY_DAYS === LARGE_EVERY_DAYS - 1;
}

async function firstBreak(
  { order, ground, gateway }: Town,
  now: Instant,
  day: string,
): Promise<Break | null> {
  const payments = gateway
    .ledger()
    .filter(({ kind }) => kind === "payment")
    .map(({ reference, amount }) => ({ reference, amount: Math.abs(amount) }));
  const [first] = await checkRules(ground.db, [...RULES, ledgerAgrees(payments)], {
    now,
    patienceMs: PATIENCE_MS,
  });
  if (first === undefined) return null;
  const story = await tellStory(ground.db, first);
  return { ...first, day, story, repeat: commandOf(order) };
}

/** Leases of dead workers run two minutes, and lost connections and bells are found by the next beat. */
const PATIENCE_MS = 600_000;

async function outcomeOf(
  town: Town,
  { broken, days, seconds }: Pick<SimulationOutcome, "broken" | "days" | "seconds">,
): Promise<SimulationOutcome> {
  const { order, ground, counts, stepper, surprises } = town;
  const months = await findMonths(ground.db);
  const sum = (name: Exclude<keyof MonthOutcome, "month">) =>
    months.reduce((total, month) => total + month[name], 0);
  return {
    ...order,
    by_month: months,
    invoices: sum("invoices"),
    paid: sum("paid"),
    paid_first_try: sum("paid_first_try"),
    recovered: sum("recovered"),
    declined: sum("declined"),
    in_dunning: sum("in_dunning"),
    double_charges: countDoubles(town),
    lost: broken === null ? 0 : 1,
    digest: digestOf(await findOutcome(ground.db)),
    seconds: Math.round(seconds * 10) / 10,
    days,
    steps: stepper.count(),
    ...counts,
    surprises: Object.fromEntries(surprises),
    broken,
  };
}

function countDoubles({ gateway }: Town): number {
  const times = new Map<string, number>();
  for (const { kind, reference } of gateway.ledger()) {
    const invoice = reference.slice(0, INVOICE_LETTERS);
    times.set(invoice, (times.get(invoice) ?? 0) + (kind === "payment" ? 1 : -1));
  }
  return [...times.values()].filter((count) => count > 1).length;
}
