import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { rupiah } from "../../src/kernel/money.ts";
import { type Instant, type LocalDate, localDateAt } from "../../src/kernel/time.ts";
import { periodOn, type Terms } from "../../src/subscriptions/billing-period.ts";
import { openNow, planCatchUp, type Standings } from "../../src/subscriptions/catch-up.ts";
import { catchUpTable } from "../../src/subscriptions/catch-up-table.ts";
import { plusDays } from "../../src/subscriptions/local-date.ts";
import { CATCH_UP_POLICIES, type CatchUpPolicy } from "../../src/subscriptions/opening.ts";
import { wakeAt } from "../../src/subscriptions/wake-at.ts";
import { someTerms, standingOf } from "./subscription-builders.ts";

const WINDOW = "08:00";

/** Level until the day before `off`: the first period that begins on `off` or later is the next one. */
function runningUntil(terms: Terms, zone: string, off: LocalDate): Standings["standing"] {
  const period = periodOn(terms, off);
  const started = period !== null && period.start < off;
  const nextIndex = period === null ? (terms.cycles ?? 0) : period.index + (started ? 1 : 0);
  return standingOf(terms, zone, WINDOW, nextIndex);
}

function customer(
  terms: Readonly<Record<string, Terms>>,
  off: LocalDate,
  zone = "Asia/Jakarta",
): Standings[] {
  return Object.entries(terms).map(([reference, each]) => ({
    reference,
    standing: runningUntil(each, zone, off),
  }));
}

type Row = readonly [on: string, subscription: string, from: string, to: string, amount: number];

function planned(subscriptions: readonly Standings[], now: Instant, policy: CatchUpPolicy) {
  const plan = planCatchUp(subscriptions, { now, windowFrom: WINDOW, policy, opened: new Map() });
  const rows = plan.rows.map(
    ({ on, subscription, period }): Row => [on, subscription, period.start, period.end, period.amount],
  );
  return { plan, rows };
}

/** Beats every five hours, as a scheduler would, until the local day `until` is over; what really opens. */
function beats(subscriptions: readonly Standings[], from: Instant, until: LocalDate, policy: CatchUpPolicy) {
  const rows: Row[] = [];
  const late: boolean[] = [];
  const opened = new Map<LocalDate, number>();
  let standings = subscriptions;
  const [first] = subscriptions;
  const zone = first?.standing.zone ?? "UTC";
  for (let now = from; localDateAt(now, zone) <= until; now = now.plus({ hours: 5 }) as Instant) {
    const { steps, after } = openNow(standings, { now, windowFrom: WINDOW, policy, opened });
    standings = after;
    for (const { reference, opening } of steps) {
      if (opening.kind !== "opens") continue;
      const on = localDateAt(now, zone);
      opened.set(on, (opened.get(on) ?? 0) + 1);
      rows.push([on, reference, opening.period.start, opening.period.end, opening.period.amount]);
      late.push(opening.late);
    }
  }
  return { rows, late };
}

const NEWS = someTerms("2027-01-31", "month");
const BOX = someTerms("2027-01-04", "week", { amount: rupiah(20_000) });
const DAILY = someTerms("2027-01-01", "day", { amount: rupiah(5_000) });
const CLUB = someTerms("2027-02-10", "month", { count: 3, alignment: "calendar", amount: rupiah(250_000) });
const SHORT = someTerms("2027-01-10", "month", { billingDay: 25, cycles: 4 });

const CUSTOMERS: readonly (readonly [string, Readonly<Record<string, Terms>>])[] = [
  ["a monthly plan on the 31st", { news: NEWS }],
  ["a weekly plan", { box: BOX }],
  ["a daily plan", { daily: DAILY }],
  ["a quarter of the calendar", { club: CLUB }],
  ["four cycles on a chosen day", { short: SHORT }],
  ["a monthly and a weekly plan", { news: NEWS, box: BOX }],
  ["two monthly plans on one day", { news: NEWS, twin: NEWS }],
  ["everything", { news: NEWS, box: BOX, daily: DAILY, club: CLUB, short: SHORT }],
];
const OFF = [
  ["3 days", "2027-03-29", "2027-04-01"],
  ["40 days", "2027-02-26", "2027-04-07"],
  ["over a year's end", "2027-12-10", "2028-01-20"],
] as const;
/** Billing comes back before the charge window opens, and in the middle of the day. */
const PLACES = [
  ["Asia/Jakarta", "06:30"],
  ["America/New_York", "09:30"],
] as const;

describe.each(CATCH_UP_POLICIES)("%s", (policy) => {
  describe.each(OFF)("after %s off", (_name, off, back) => {
    test.each(CUSTOMERS)("%s: what opens is what the plan said", (_which, terms) => {
      for (const [zone, time] of PLACES) {
        const subscriptions = customer(terms, off, zone);
        const now = wakeAt(back, zone, time);
        const { plan, rows } = planned(subscriptions, now, policy);
        expect(plan.complete).toBe(true);
        const real = beats(subscriptions, now, plusDays(rows.at(-1)?.[0] ?? back, 9), policy);
        expect(real.rows.slice(0, rows.length)).toEqual(rows);
        // After the plan nothing is late any more.
        expect(real.late.slice(rows.length).filter((late) => late)).toEqual([]);
      }
    });
  });
});

describe("the table", () => {
  const subscriptions = customer({ news: NEWS, box: BOX }, "2027-03-15");
  const now = wakeAt("2027-04-09", "Asia/Jakarta", "09:30");
  const shown = (policy: CatchUpPolicy) => catchUpTable(planned(subscriptions, now, policy).plan).split("\n");

  it("one_a_day: oldest first, one invoice of the customer a day", () => {
    expect(shown("one_a_day")).toEqual([
      "one_a_day: every missed period, oldest first, one a day",
      "opens on    subscription  period                       amount",
      "2027-04-09  box           2027-03-15 to 2027-03-22  Rp 20.000  late",
      "2027-04-10  box           2027-03-22 to 2027-03-29  Rp 20.000  late",
      "2027-04-11  box           2027-03-29 to 2027-04-05  Rp 20.000  late",
      "2027-04-12  news          2027-03-31 to 2027-04-30  Rp 99.000  late",
      "2027-04-13  box           2027-04-05 to 2027-04-12  Rp 20.000  late",
      "2027-04-14  box           2027-04-12 to 2027-04-19  Rp 20.000  late",
      "late periods billed: Rp 199.000",
    ]);
  });

  it("all_at_once: the same, on one day", () => {
    expect(shown("all_at_once").slice(2)).toEqual([
      "2027-04-09  box           2027-03-15 to 2027-03-22  Rp 20.000  late",
      "2027-04-09  box           2027-03-22 to 2027-03-29  Rp 20.000  late",
      "2027-04-09  box           2027-03-29 to 2027-04-05  Rp 20.000  late",
      "2027-04-09  news          2027-03-31 to 2027-04-30  Rp 99.000  late",
      "2027-04-09  box           2027-04-05 to 2027-04-12  Rp 20.000  late",
      "late periods billed: Rp 179.000",
    ]);
  });

  it("current_only: what is over is never billed", () => {
    expect(shown("current_only").slice(2)).toEqual([
      "2027-04-09  news          2027-03-31 to 2027-04-30  Rp 99.000  late",
      "2027-04-10  box           2027-04-05 to 2027-04-12  Rp 20.000  late",
      "never       box           2027-03-15 to 2027-03-22             period 10 was over",
      "never       box           2027-03-22 to 2027-03-29             period 11 was over",
      "never       box           2027-03-29 to 2027-04-05             period 12 was over",
      "late periods billed: Rp 119.000",
    ]);
  });

  it("shift_anchor: the period begins when billing does", () => {
    expect(shown("shift_anchor").slice(2)).toEqual([
      "2027-04-09  box           2027-04-09 to 2027-04-16  Rp 20.000  late",
      "2027-04-10  news          2027-04-10 to 2027-05-10  Rp 99.000  late",
      "never       box           2027-03-15 to 2027-04-09             period 10 begins on 2027-04-09",
      "never       news          2027-03-31 to 2027-04-10             period 2 begins on 2027-04-10",
      "late periods billed: Rp 119.000",
    ]);
  });

  it("hold: nothing opens, and the table says what waits", () => {
    expect(shown("hold").slice(2)).toEqual([
      "held      box           2027-03-15 to 2027-03-22  Rp 20.000  waits for a choice",
      "held      box           2027-03-22 to 2027-03-29  Rp 20.000  waits for a choice",
      "held      box           2027-03-29 to 2027-04-05  Rp 20.000  waits for a choice",
      "held      news          2027-03-31 to 2027-04-30  Rp 99.000  waits for a choice",
      "held      box           2027-04-05 to 2027-04-12  Rp 20.000  waits for a choice",
      "late periods billed: Rp 0",
    ]);
  });
});

describe("the bound", () => {
  it("a plan of one day opens two a day until it is level", () => {
    const { rows } = planned(
      customer({ daily: DAILY }, "2027-03-01"),
      wakeAt("2027-03-04", "Asia/Jakarta", "09:00"),
      "one_a_day",
    );
    expect(rows.map(([on, , from]) => `${on}: ${from}`)).toEqual([
      "2027-03-04: 2027-03-01",
      "2027-03-04: 2027-03-02",
      "2027-03-05: 2027-03-03",
      "2027-03-05: 2027-03-04",
      "2027-03-06: 2027-03-05",
      "2027-03-06: 2027-03-06",
    ]);
  });

  it("an invoice on its own day comes first, and the late one leaves it the day, also before the window opens", () => {
    const terms = { late: someTerms("2027-01-20", "month"), own: someTerms("2027-01-23", "month") };
    for (const time of ["06:00", "08:00", "13:00"]) {
      const subscriptions = [
        { reference: "late", standing: standingOf(terms.late, "Asia/Jakarta", WINDOW, 1) },
        { reference: "own", standing: standingOf(terms.own, "Asia/Jakarta", WINDOW, 1) },
      ];
      const { rows } = planned(subscriptions, wakeAt("2027-02-23", "Asia/Jakarta", time), "one_a_day");
      expect(rows.map(([on, which]) => `${on} ${which}`)).toEqual(["2027-02-23 own", "2027-02-24 late"]);
    }
  });

  it("counts what was already opened today", () => {
    const now = wakeAt("2027-03-02", "Asia/Jakarta", "09:00");
    const opened = new Map([["2027-03-02", 1]]);
    const plan = planCatchUp(customer({ news: NEWS }, "2027-02-27"), {
      now,
      windowFrom: WINDOW,
      policy: "one_a_day",
      opened,
    });
    expect(plan.rows.map(({ on }) => on)).toEqual(["2027-03-03"]);
  });

  const anyTerms = fc
    .record({
      day: fc.integer({ min: 0, max: 400 }),
      unit: fc.constantFrom("week" as const, "month" as const, "year" as const),
      count: fc.integer({ min: 1, max: 4 }),
      billingDay: fc.option(fc.integer({ min: 1, max: 31 })),
      cycles: fc.option(fc.integer({ min: 1, max: 20 })),
    })
    .map(({ day, ...more }) => someTerms(plusDays("2026-01-01", day), more.unit, more));

  it("current_only: a period that begins today is on its day, whatever was passed over before it", () => {
    const terms = { saturday: someTerms("2027-01-09", "week"), thursday: someTerms("2026-01-01", "week") };
    const { rows } = planned(
      customer(terms, "2027-03-01"),
      wakeAt("2027-03-13", "Asia/Jakarta", "10:00"),
      "current_only",
    );
    expect(rows.map(([on, which]) => `${on} ${which}`)).toEqual([
      "2027-03-13 saturday",
      "2027-03-14 thursday",
    ]);
  });

  it("a period whose own day is the day of a late one is in the plan as well, for it will be late", () => {
    const subscriptions = customer({ box: someTerms("2027-03-03", "week", { count: 2 }) }, "2027-03-01");
    const { rows } = planned(subscriptions, wakeAt("2027-03-17", "Asia/Jakarta", "05:00"), "one_a_day");
    expect(rows.map(([on, , from]) => `${on}: ${from}`)).toEqual([
      "2027-03-17: 2027-03-03",
      "2027-03-18: 2027-03-17",
    ]);
  });

  it("any customer, any policy: what opens is what the plan said", () => {
    fc.assert(
      fc.property(
        fc.array(anyTerms, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 0, max: 60 }),
        fc.constantFrom(...CATCH_UP_POLICIES),
        fc.constantFrom("05:00", "08:00", "21:00"),
        (all, days, policy, time) => {
          const terms = Object.fromEntries(all.map((each, at) => [`s${at}`, each]));
          const subscriptions = customer(terms, "2027-03-01");
          const now = wakeAt(plusDays("2027-03-01", days), "Asia/Jakarta", time);
          const { rows } = planned(subscriptions, now, policy);
          const until = plusDays(rows.at(-1)?.[0] ?? localDateAt(now, "Asia/Jakarta"), 3);
          const real = beats(subscriptions, now, until, policy);
          expect(real.rows.slice(0, rows.length)).toEqual(rows);
          expect(real.late.slice(rows.length).filter((late) => late)).toEqual([]);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("never two late invoices of a customer on one local day, nor a period twice, nor one out of order", () => {
    fc.assert(
      fc.property(
        fc.array(anyTerms, { minLength: 1, maxLength: 4 }),
        fc.integer({ min: 0, max: 200 }),
        fc.constantFrom("one_a_day" as const, "current_only" as const, "shift_anchor" as const),
        (all, days, policy) => {
          const terms = Object.fromEntries(all.map((each, at) => [`s${at}`, each]));
          const subscriptions = customer(terms, "2027-03-01");
          const { plan } = planned(
            subscriptions,
            wakeAt(plusDays("2027-03-01", days), "Asia/Jakarta", "10:00"),
            policy,
          );
          expect(plan.complete).toBe(true);
          const byDay = grouped(plan.rows, ({ on }) => on);
          for (const rows of byDay.values()) {
            // A late one is alone on its day; several of one day are all on their own day.
            if (rows.some(({ late }) => late)) expect(rows).toHaveLength(1);
          }
          for (const rows of grouped(plan.rows, ({ subscription }) => subscription).values()) {
            rows.forEach(({ period }, at) => {
              const before = rows[at - 1]?.period;
              if (before === undefined) return;
              expect(period.index).toBeGreaterThan(before.index);
              expect(period.start >= before.end).toBe(true);
            });
          }
        },
      ),
      { numRuns: 150 },
    );
  });
});

function grouped<Row>(rows: readonly Row[], keyOf: (row: Row) => string): Map<string, Row[]> {
  const groups = new Map<string, Row[]>();
  for (const row of rows) groups.set(keyOf(row), [...(groups.get(keyOf(row)) ?? []), row]);
  return groups;
}
