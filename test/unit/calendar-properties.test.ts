import { describe, expect, it } from "vitest";
import { rupiah } from "../../src/kernel/money.ts";
import type { LocalDate } from "../../src/kernel/time.ts";
import type { IntervalUnit } from "../../src/plans/plan.ts";
import {
  type BillingPeriod,
  billingPeriod,
  previewPeriods,
  type Terms,
} from "../../src/subscriptions/billing-period.ts";
import { plusDays } from "../../src/subscriptions/local-date.ts";
import { opening, type Standing } from "../../src/subscriptions/opening.ts";
import { prorate } from "../../src/subscriptions/proration.ts";
import { someTerms, standingOf } from "./subscription-builders.ts";

const SUBSCRIPTIONS = 10_000;
const YEARS = 10;
const SEED = 20_271_231;
/** All kinds of plans, and few of those that are billed often: they would be most of the periods. */
const STEPS: readonly (readonly [weight: number, unit: IntervalUnit, count: number])[] = [
  [16, "month", 1],
  [12, "month", 2],
  [15, "month", 3],
  [10, "month", 6],
  [4, "month", 5],
  [4, "month", 13],
  [25, "year", 1],
  [4, "year", 2],
  [1, "week", 1],
  [2, "week", 2],
  [2, "week", 4],
  [3, "day", 30],
  [0.5, "day", 10],
  [0.1, "day", 1],
];
const ZONES = ["Asia/Jakarta", "Asia/Tokyo", "America/New_York", "Pacific/Auckland", "Pacific/Apia"];

/** Numbers from 0 up to 1 that a seed makes again (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

type Seeded = { readonly terms: Terms; readonly zone: string; readonly until: LocalDate };

function anySubscription(random: () => number): Seeded {
  const below = (limit: number) => Math.floor(random() * limit);
  const maybe = <Value>(chance: number, value: () => Value): Value | null =>
    random() < chance ? value() : null;
  const [, unit, count] = anyStep(random);
  const startOn = plusDays("2027-09-01", below(366));
  const calendar = random() < 0.15;
  const trialEndsOn = maybe(0.2, () => plusDays(startOn, 1 + below(90)));
  const terms = someTerms(startOn, unit, {
    count,
    billingDay: calendar ? null : maybe(0.4, () => 1 + below(31)),
    trialEndsOn,
    alignment: calendar ? "calendar" : "anniversary",
    billingMonth: calendar || unit !== "year" ? null : maybe(0.3, () => 1 + below(12)),
    cycles: maybe(0.1, () => 1 + below(150)),
    endsOn: maybe(0.15, () => plusDays(trialEndsOn ?? startOn, 1 + below(3_650))),
    amount: rupiah(1 + below(2_500_000)),
  });
  return { terms, zone: ZONES[below(ZONES.length)] ?? "UTC", until: plusDays(startOn, YEARS * 365 + 3) };
}

function anyStep(random: () => number): (typeof STEPS)[number] {
  let left = random() * STEPS.reduce((sum, [weight]) => sum + weight, 0);
  for (const step of STEPS) {
    left -= step[0];
    if (left < 0) return step;
  }
  return [1, "month", 1];
}

/** The periods of ten years. */
function periodsOf({ terms, until }: Seeded): BillingPeriod[] {
  const periods: BillingPeriod[] = [];
  for (let index = 0; ; index += 1) {
    const period = billingPeriod(terms, index);
    if (period === null || period.start >= until) return periods;
    periods.push(period);
  }
}

type Billed = { readonly period: BillingPeriod; readonly on: LocalDate | null };

/** Ten years of openings, each looked for at the moment that the one before had left. */
function billedOf({ terms, zone, until }: Seeded): Billed[] {
  const billed: Billed[] = [];
  let standing: Standing = standingOf(terms, zone, null);
  while (standing.nextInvoiceAt !== null) {
    const now = standing.nextInvoiceAt;
    const step = opening(standing, { now, windowFrom: null, policy: "hold", openedToday: 0, perDay: 1 });
    if (step.kind === "over") return billed;
    if (step.kind !== "opens") throw new Error(`${JSON.stringify(terms)} ${step.kind}`);
    if (step.period.start >= until) return billed;
    billed.push({ period: step.period, on: step.next.lastOpenedOn });
    standing = step.next;
  }
  return billed;
}

/** Fails with the terms that a rule does not hold for; an `expect` for each of a million facts would take minutes. */
function demand(holds: boolean, rule: string, facts: unknown): void {
  if (!holds) expect({ rule, facts }).toBe("so");
}

function monthsOf(date: LocalDate): number {
  return Number(date.slice(0, 4)) * 12 + Number(date.slice(5, 7)) - 1;
}

/** By the other calendar at hand, the Date object. */
function lastDayOf(date: LocalDate): number {
  return new Date(Date.UTC(Number(date.slice(0, 4)), Number(date.slice(5, 7)), 0)).getUTCDate();
}

/** Seconds on a free machine; a crowded one may take its time. */
const TIMEOUT_MS = 180_000;

describe(`over ${SUBSCRIPTIONS} seeded subscriptions and ${YEARS} years`, { timeout: TIMEOUT_MS }, () => {
  const random = seeded(SEED);
  // By zone: looking up many days of one zone is quick.
  const all = Array.from({ length: SUBSCRIPTIONS }, () => anySubscription(random)).sort(
    (a, b) => ZONES.indexOf(a.zone) - ZONES.indexOf(b.zone),
  );

  it("periods tile from the anchor without gap, overlap or empty one, and stop at the end", () => {
    let seen = 0;
    for (const each of all) {
      const { terms, until } = each;
      let expected = terms.trialEndsOn ?? terms.startOn;
      const periods = periodsOf(each);
      for (const { start, end, billsOn } of periods) {
        demand(start === expected && end > start && billsOn === start, "tiles", {
          terms,
          start,
          end,
          expected,
        });
        expected = end;
      }
      const isOver = terms.endsOn !== null && expected === terms.endsOn;
      const isCounted = terms.cycles !== null && periods.length === terms.cycles;
      demand(isOver || isCounted || expected >= until, "goes on until its end", { terms, expected });
      demand(terms.endsOn === null || expected <= terms.endsOn, "stops at its end", { terms, expected });
      seen += periods.length;
    }
    expect(seen).toBeGreaterThan(300_000);
  });

  it("the anchor never drifts: whole steps, on the anchor's day or its month's last", () => {
    for (const each of all) {
      const { terms } = each;
      const { unit, count } = terms.interval;
      const anchor = terms.trialEndsOn ?? terms.startOn;
      const isCalendar = terms.alignment === "calendar";
      const day = isCalendar ? 1 : (terms.billingDay ?? Number(anchor.slice(8)));
      const [, first, ...rest] = periodsOf(each).map(({ start }) => start);
      if (first === undefined) continue;
      for (const start of [first, ...rest]) {
        if (unit === "day" || unit === "week") {
          const days = (Date.parse(start) - Date.parse(first)) / 86_400_000;
          demand(days % (unit === "week" ? 7 * count : count) === 0, "whole steps of days", { terms, start });
          if (unit === "week" && isCalendar)
            demand(new Date(start).getUTCDay() === 1, "Mondays", { terms, start });
          continue;
        }
        const step = unit === "year" ? 12 * count : count;
        demand((monthsOf(start) - monthsOf(first)) % step === 0, "whole steps of months", { terms, start });
        demand(Number(start.slice(8)) === Math.min(day, lastDayOf(start)), "the anchor's day", {
          terms,
          start,
        });
      }
    }
  });

  it("a preview is what is then billed, each period once and on its day", () => {
    for (const each of all) {
      const { terms, until } = each;
      const billed = billedOf(each);
      // One more, to see that the preview ends where billing does.
      const rows = previewPeriods(terms, billed.length + 1).filter((row) => row.start < until);
      demand(rows.length === billed.length, "has as many rows", { terms });
      rows.forEach(({ index, start, end, amount, bills_on }, at) => {
        const { period, on } = billed[at] ?? { period: null, on: null };
        const isSame = index === period?.index && start === period.start && end === period.end;
        const facts = { terms, period, on, start, end, amount };
        demand(isSame && amount === period.amount && on === bills_on, "is what the preview said", facts);
      });
    }
  });

  it("the part of a price and its rest are the price, and a part is right to half a rupiah", () => {
    for (const each of all) {
      for (const { amount, proration, start } of periodsOf(each)) {
        const { terms } = each;
        if (proration === null) {
          demand(amount === terms.amount, "a whole period costs the price", { terms, start });
          continue;
        }
        const { part, rest } = prorate(terms.amount, proration);
        demand(part === amount && part + rest === terms.amount, "part and rest are the price", {
          terms,
          start,
        });
        const off = 2 * (part * proration.of - terms.amount * proration.days);
        demand(off > -proration.of && off <= proration.of, "half-up", { terms, start, amount });
      }
    }
  });
});
