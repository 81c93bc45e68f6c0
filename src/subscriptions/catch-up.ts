import { type Rupiah, rupiah } from "../kernel/money.ts";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import { type BillingPeriod, billingPeriod } from "./billing-period.ts";
import {
  type CatchUpPolicy,
  latePerDay,
  type Opening,
  opening,
  type PassedOver,
  type Standing,
} from "./opening.ts";
import { wakeAt, wakeOn } from "./wake-at.ts";

/** One subscription of the customer that is planned for. */
export type Standings = { readonly reference: string; readonly standing: Standing };

type CatchUpRow = {
  /** The local day on which the invoice opens. */
  readonly on: LocalDate;
  readonly subscription: string;
  readonly period: BillingPeriod;
  /** False for a period that opens on its own day meanwhile. */
  readonly late: boolean;
};

/** What billing will do, from `now` until nothing is late any more. */
export type CatchUpPlan = {
  readonly policy: CatchUpPolicy;
  readonly rows: readonly CatchUpRow[];
  readonly passedOver: readonly (PassedOver & { readonly subscription: string })[];
  /** Late periods that open only when a person has chosen a policy. */
  readonly held: readonly { readonly subscription: string; readonly period: BillingPeriod }[];
  /** What the late periods add up to; without those held or passed over. */
  readonly lateAmount: Rupiah;
  /** False when the plan was cut off at its limit of invoices. */
  readonly complete: boolean;
  /** Where the subscriptions stand after it. */
  readonly after: readonly Standings[];
};

export type CatchUpRules = {
  readonly now: Instant;
  readonly windowFrom: string | null;
  readonly policy: CatchUpPolicy;
  /** Invoices that were opened for the customer already, by local day; days that are over may be left out. */
  readonly opened: ReadonlyMap<LocalDate, number>;
};

export type OpeningStep = { readonly reference: string; readonly opening: Opening };

/**
 * Everything that opens at this moment for one customer: what is on its day, then what is late, oldest first. Called at
 * each later moment with the standings it left, it does what `planCatchUp` said.
 */
export function openNow(
  subscriptions: readonly Standings[],
  rules: CatchUpRules,
): { readonly steps: readonly OpeningStep[]; readonly after: readonly Standings[] } {
  const perDay = latePerDay(subscriptions.map(({ standing }) => standing.terms));
  const opened = new Map(rules.opened);
  const steps: OpeningStep[] = [];
  const held = new Set<string>();
  let after = subscriptions;
  for (let taken = 0; taken < ROW_LIMIT; taken += 1) {
    const free = after.filter(({ reference }) => !held.has(reference));
    const due = nextDue(free, rules);
    if (due === null) break;
    const today = localDateAt(rules.now, due.standing.zone);
    const others = free.filter(({ reference }) => reference !== due.reference);
    const openedToday = (opened.get(today) ?? 0) + stillToOpen(others, today, rules);
    const step = opening(due.standing, { ...rules, perDay, openedToday });
    steps.push({ reference: due.reference, opening: step });
    if (step.kind === "opens") opened.set(today, (opened.get(today) ?? 0) + 1);
    if (step.kind === "holds") held.add(due.reference);
    else
      after = after.map((each) =>
        each.reference === due.reference ? { ...each, standing: step.next } : each,
      );
  }
  return { steps, after };
}

/** Twenty years of a daily plan: nobody reads more, and a plan must end. */
const ROW_LIMIT = 8_000;

/** Plays `openNow` forward, moment by moment, until every subscription is level, held or over. Changes nothing. */
export function planCatchUp(subscriptions: readonly Standings[], rules: CatchUpRules): CatchUpPlan {
  const opened = new Map(rules.opened);
  const rows: CatchUpRow[] = [];
  const passedOver: (PassedOver & { readonly subscription: string })[] = [];
  const held = new Set<string>();
  let standings = subscriptions;
  let now: Instant | null = rules.now;
  while (now !== null && rows.length < ROW_LIMIT) {
    const moment: Instant = now;
    const free = standings.filter(({ reference }) => !held.has(reference));
    const { steps, after } = openNow(free, { ...rules, now: moment, opened });
    standings = standings.map((each) => after.find(({ reference }) => reference === each.reference) ?? each);
    for (const { reference: subscription, opening: step } of steps) {
      if (step.kind === "holds") held.add(subscription);
      if (step.kind !== "opens" && step.kind !== "over") continue;
      passedOver.push(...step.passedOver.map((each) => ({ ...each, subscription })));
      if (step.kind === "over") continue;
      const on = step.next.lastOpenedOn ?? step.period.billsOn;
      opened.set(on, (opened.get(on) ?? 0) + 1);
      rows.push({ on, subscription, period: step.period, late: step.late });
    }
    now = nextMoment(
      standings.filter(({ reference }) => !held.has(reference)),
      rules.windowFrom,
    );
  }
  const late = rows.filter((row) => row.late).reduce((total, { period }) => total + period.amount, 0);
  return {
    policy: rules.policy,
    rows,
    passedOver,
    held: heldPeriods(
      standings.filter(({ reference }) => held.has(reference)),
      rules,
    ),
    lateAmount: rupiah(late),
    complete: now === null,
    after: standings,
  };
}

/** What is on its day goes first, so that late ones see it and wait; of those, the oldest. */
function nextDue(standings: readonly Standings[], rules: CatchUpRules): Standings | null {
  const due = standings
    .filter(({ standing: { nextInvoiceAt } }) => nextInvoiceAt !== null && nextInvoiceAt <= rules.now)
    .map((each) => {
      const day = openingDay(each.standing, rules) ?? "";
      const isLate = day < localDateAt(rules.now, each.standing.zone);
      return { each, order: `${isLate ? 1 : 0} ${day} ${each.reference}` };
    });
  const [first] = due.sort((a, b) => (a.order < b.order ? -1 : Number(a.order > b.order)));
  return first?.each ?? null;
}

/** How many of these open on their own day later today: a late one leaves them the day. */
function stillToOpen(standings: readonly Standings[], today: LocalDate, rules: CatchUpRules): number {
  return standings.filter(
    ({ standing }) =>
      standing.nextInvoiceAt !== null &&
      standing.nextInvoiceAt > rules.now &&
      openingDay(standing, rules) === today,
  ).length;
}

/** The own day of the period that would open next; null when none is left. */
function openingDay({ terms, nextIndex, zone }: Standing, rules: CatchUpRules): LocalDate | null {
  let period = billingPeriod(terms, nextIndex);
  if (rules.policy === "current_only") {
    const today = localDateAt(rules.now, zone);
    while (period !== null && period.end <= today) period = billingPeriod(terms, period.index + 1);
  }
  return period === null ? null : wakeOn(period.billsOn, zone, rules.windowFrom);
}

/** The earliest time at which something opens or is looked at again; null when nothing is late or will be. */
function nextMoment(standings: readonly Standings[], windowFrom: string | null): Instant | null {
  let first: Instant | null = null;
  let areLevel = true;
  for (const { standing } of standings) {
    const at = standing.nextInvoiceAt;
    if (at === null) continue;
    if (first === null || at < first) first = at;
    areLevel &&= isLevel(standing, windowFrom);
  }
  return areLevel ? null : first;
}

/** Waits for the next period's own day, on which nothing of it has opened: else that one will be late as well. */
function isLevel(standing: Standing, windowFrom: string | null): boolean {
  const period = billingPeriod(standing.terms, standing.nextIndex);
  if (period === null) return false;
  const { zone, nextInvoiceAt, lastOpenedOn } = standing;
  const isOnItsDay = nextInvoiceAt?.toMillis() === wakeAt(period.billsOn, zone, windowFrom).toMillis();
  return isOnItsDay && wakeOn(period.billsOn, zone, windowFrom) !== lastOpenedOn;
}

function heldPeriods(
  standings: readonly Standings[],
  { now, windowFrom }: CatchUpRules,
): CatchUpPlan["held"][number][] {
  const found: CatchUpPlan["held"][number][] = [];
  for (const { reference: subscription, standing } of standings) {
    for (let nextIndex = standing.nextIndex; found.length < ROW_LIMIT; nextIndex += 1) {
      const period = billingPeriod(standing.terms, nextIndex);
      if (period === null || wakeAt(period.billsOn, standing.zone, windowFrom) > now) break;
      found.push({ subscription, period });
    }
  }
  const order = ({ period, subscription }: CatchUpPlan["held"][number]) => `${period.start} ${subscription}`;
  return found.sort((a, b) => (order(a) < order(b) ? -1 : Number(order(a) > order(b))));
}
