import { type Rupiah, rupiah } from "../kernel/money.ts";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import { type BillingPeriod, billingPeriod, type Terms } from "./billing-period.ts";
import {
  type CatchUpPolicy,
  latePerDay,
  type Opening,
  opening,
  type PassedOver,
  type Standing,
} from "./opening.ts";
import { wakeAt, wakeOn } from "./wake-at.ts";

/** What the house does where a subscription has no choice of its own. */
export const HOUSE_CATCH_UP_POLICY: CatchUpPolicy = "one_a_day";

/** One subscription of the customer that is planned for. */
export type Standings = {
  readonly reference: string;
  readonly standing: Standing;
  /** Its own choice, which wins over that of the rules. */
  readonly policy?: CatchUpPolicy | null;
};

export type CatchUpRow = {
  /** The local day on which the invoice opens. */
  readonly on: LocalDate;
  readonly subscription: string;
  readonly period: BillingPeriod;
  /** The terms that the period is one of: other ones after a moved anchor. */
  readonly terms: Terms;
  /** The period's price; what its invoice says once `billCatchUp` has seen it. */
  readonly amount: Rupiah;
  /** False for a period that opens on its own day meanwhile. */
  readonly late: boolean;
};

/** A late period that opens only when a person has chosen a policy; `amount` as in a row. */
export type HeldPeriod = {
  readonly subscription: string;
  readonly period: BillingPeriod;
  readonly amount: Rupiah;
};

/** What billing will do, from `now` until nothing is late any more. */
export type CatchUpPlan = {
  readonly policy: CatchUpPolicy;
  /** Subscriptions with a choice of their own, and which. */
  readonly own: readonly { readonly subscription: string; readonly policy: CatchUpPolicy }[];
  readonly rows: readonly CatchUpRow[];
  readonly passedOver: readonly (PassedOver & { readonly subscription: string })[];
  readonly held: readonly HeldPeriod[];
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
  const perDay = perDayOf(subscriptions, rules);
  const opened = new Map(rules.opened);
  const steps: OpeningStep[] = [];
  const candidates = subscriptions.map((each) => candidateOf(each, rules));
  const held = new Set<string>();
  for (let taken = 0; taken < ROW_LIMIT; taken += 1) {
    const at = nextDue(candidates);
    const due = candidates[at];
    if (due === undefined) break;
    const { reference, standing, policy } = due.each;
    const today = localDateAt(rules.now, standing.zone);
    const isBound = due.isLate || standing.lastOpenedOn === today;
    const openedToday = (opened.get(today) ?? 0) + (isBound ? stillToOpen(candidates, today) : 0);
    const step = opening(standing, { ...rules, policy: policy ?? rules.policy, perDay, openedToday });
    steps.push({ reference, opening: step });
    if (step.kind === "opens") opened.set(today, (opened.get(today) ?? 0) + 1);
    if (step.kind === "holds") held.add(reference);
    const left = step.kind === "holds" ? due.each : { ...due.each, standing: step.next };
    candidates[at] = { ...candidateOf(left, rules), ...(held.has(reference) ? { isDue: false } : {}) };
  }
  return { steps, after: candidates.map(({ each }) => each) };
}

/** Those that are over or held do not count: they open nothing. */
function perDayOf(subscriptions: readonly Standings[], rules: CatchUpRules): number {
  const opening = subscriptions.filter(
    (each) => each.standing.nextInvoiceAt !== null && !isHeld(each, rules),
  );
  return latePerDay(opening.map(({ standing }) => standing.terms));
}

function isHeld({ standing, policy }: Standings, rules: CatchUpRules): boolean {
  if ((policy ?? rules.policy) !== "hold") return false;
  const period = billingPeriod(standing.terms, standing.nextIndex);
  if (period === null) return false;
  return wakeOn(period.billsOn, standing.zone, rules.windowFrom) < localDateAt(rules.now, standing.zone);
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
      const { period, late } = step;
      rows.push({ on, subscription, period, terms: step.next.terms, amount: period.amount, late });
    }
    now = nextMoment(
      standings.filter(({ reference }) => !held.has(reference)),
      rules.windowFrom,
    );
  }
  return {
    policy: rules.policy,
    own: subscriptions.flatMap(({ reference: subscription, policy }) =>
      policy === null || policy === undefined ? [] : [{ subscription, policy }],
    ),
    rows,
    passedOver,
    held: heldPeriods(
      standings.filter(({ reference }) => held.has(reference)),
      rules,
    ),
    lateAmount: lateAmountOf(rows),
    complete: now === null,
    after: standings,
  };
}

/** What the late ones of these add up to. */
export function lateAmountOf(rows: readonly CatchUpRow[]): Rupiah {
  return rupiah(rows.reduce((total, { late, amount }) => total + (late ? amount : 0), 0));
}

type Candidate = {
  readonly each: Standings;
  /** The own day of what it would open next; null when nothing is left. */
  readonly day: LocalDate | null;
  readonly isDue: boolean;
  readonly isLate: boolean;
};

function candidateOf(each: Standings, rules: CatchUpRules): Candidate {
  const { nextInvoiceAt, zone } = each.standing;
  const day = nextInvoiceAt === null ? null : openingDay(each, rules);
  const isDue = nextInvoiceAt !== null && nextInvoiceAt <= rules.now;
  return { each, day, isDue, isLate: isDue && (day ?? "") < localDateAt(rules.now, zone) };
}

/** The place of what goes first, or −1: what is on its day, so that late ones see it and wait; of those, the oldest. */
function nextDue(candidates: readonly Candidate[]): number {
  let first = -1;
  candidates.forEach((candidate, at) => {
    const best = candidates[first];
    if (candidate.isDue && (best === undefined || goesBefore(candidate, best))) first = at;
  });
  return first;
}

function goesBefore(one: Candidate, other: Candidate): boolean {
  if (one.isLate !== other.isLate) return other.isLate;
  if (one.day !== other.day) return (one.day ?? "") < (other.day ?? "");
  return one.each.reference < other.each.reference;
}

/** How many open on their own day later today: a late one leaves them the day. */
function stillToOpen(candidates: readonly Candidate[], today: LocalDate): number {
  return candidates.filter(({ isDue, day }) => !isDue && day === today).length;
}

/** The own day of the period that would open next; null when none is left. */
function openingDay({ standing, policy }: Standings, rules: CatchUpRules): LocalDate | null {
  const { terms, nextIndex, zone } = standing;
  let period = billingPeriod(terms, nextIndex);
  if ((policy ?? rules.policy) === "current_only") {
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

function heldPeriods(standings: readonly Standings[], { now, windowFrom }: CatchUpRules): HeldPeriod[] {
  const found: HeldPeriod[] = [];
  for (const { reference: subscription, standing } of standings) {
    for (let nextIndex = standing.nextIndex; found.length < ROW_LIMIT; nextIndex += 1) {
      const period = billingPeriod(standing.terms, nextIndex);
      if (period === null || wakeAt(period.billsOn, standing.zone, windowFrom) > now) break;
      found.push({ subscription, period, amount: period.amount });
    }
  }
  const order = ({ period, subscription }: HeldPeriod) => `${period.start} ${subscription}`;
  return found.sort((a, b) => (order(a) < order(b) ? -1 : Number(order(a) > order(b))));
}
