import { describe, expect, it, test } from "vitest";
import { type Instant, type LocalDate, localDateAt } from "../../src/kernel/time.ts";
import { billingPeriod, previewPeriods } from "../../src/subscriptions/billing-period.ts";
import { plusDays } from "../../src/subscriptions/local-date.ts";
import {
  latePerDay,
  nextWake,
  type OpeningRules,
  opening,
  type Standing,
} from "../../src/subscriptions/opening.ts";
import { wakeAt, wakeOn } from "../../src/subscriptions/wake-at.ts";
import { someTerms, standingOf } from "./subscription-builders.ts";

const ZONES = ["Asia/Jakarta", "Asia/Tokyo", "America/New_York", "Pacific/Auckland", "Pacific/Apia"];
const WINDOWS = [null, "08:00", "02:30"];

/** What opens when subscriptions are looked at `now`; [] when it is not its day or enough was opened. */
function openAt(standing: Standing, now: Instant, windowFrom: string | null, openedToday = 0) {
  const opened: number[] = [];
  let next = standing;
  while (next.nextInvoiceAt !== null && next.nextInvoiceAt <= now) {
    const perDay = latePerDay([standing.terms]);
    const today: OpeningRules = { now, windowFrom, policy: "one_a_day", openedToday, perDay };
    const step = opening(next, { ...today, openedToday: openedToday + opened.length });
    if (step.kind === "holds") break;
    if (step.kind === "opens") opened.push(step.period.index);
    next = step.next;
  }
  return { opened, next };
}

/** The day before in that zone; one that the zone skipped is none. */
function dayBefore(date: LocalDate, zone: string): LocalDate {
  const before = plusDays(date, -1);
  return localDateAt(wakeAt(before, zone, "12:00"), zone) === before ? before : plusDays(before, -1);
}

const KINDS = [
  ["monthly on the 31st", someTerms("2026-10-31", "month")],
  ["monthly on the 30th, at the end of 2011", someTerms("2011-10-30", "month")],
  ["monthly on the 31st, at the end of 2011", someTerms("2011-10-31", "month")],
  ["quarterly, calendar", someTerms("2027-02-10", "month", { count: 3, alignment: "calendar" })],
  ["yearly from 29 February", someTerms("2028-02-29", "year")],
  ["weekly over 30 December 2011", someTerms("2011-12-02", "week")],
  ["every 14 days on Sundays, when clocks change", someTerms("2027-03-14", "day", { count: 14 })],
  ["chosen day 28", someTerms("2027-03-14", "month", { billingDay: 28 })],
] as const;

describe.each(ZONES)("in %s every boundary is due exactly once", (zone) => {
  test.each(KINDS)("%s", (_name, terms) => {
    for (const windowFrom of WINDOWS) {
      for (let index = 1; index < 16; index += 1) {
        const period = billingPeriod(terms, index);
        if (period === null) throw new Error("these have no end");
        const day = wakeOn(period.billsOn, zone, windowFrom);
        const waiting = standingOf(terms, zone, windowFrom, index);
        const lateBefore = wakeAt(dayBefore(day, zone), zone, "23:59");
        expect(openAt(waiting, lateBefore, windowFrom).opened).toEqual([]);
        const on = openAt(waiting, wakeAt(day, zone, "23:59"), windowFrom);
        expect(on.opened).toEqual([index]);
        const following = wakeOn(period.end, zone, windowFrom);
        const after = wakeAt(plusDays(day, 1), zone, "23:59");
        if (after < wakeAt(following, zone, windowFrom)) {
          expect(openAt(on.next, after, windowFrom).opened).toEqual([]);
        }
      }
    }
  });

  it("daily through a year of days, with a look before the window, at noon and at night", () => {
    const terms = someTerms("2011-06-01", "day", { endsOn: "2012-06-01" });
    let standing = standingOf(terms, zone, "08:00");
    const openedOn: string[] = [];
    for (let day = "2011-05-25"; day < "2012-06-10"; day = plusDays(day, 1)) {
      if (localDateAt(wakeAt(day, zone, "12:00"), zone) !== day) continue;
      for (const time of ["07:59", "12:00", "23:59"]) {
        const already = openedOn.filter((on) => on.endsWith(` ${day}`)).length;
        const { opened, next } = openAt(standing, wakeAt(day, zone, time), "08:00", already);
        openedOn.push(...opened.map((index) => `${billingPeriod(terms, index)?.start} ${day}`));
        standing = next;
      }
    }
    const skips = zone === "Pacific/Apia" ? "2011-12-30" : "";
    const expected = previewPeriods(terms, 400).map(
      ({ start }) => `${start} ${start === skips ? "2011-12-31" : start}`,
    );
    expect(openedOn).toEqual(expected);
    expect(standing.nextInvoiceAt).toBeNull();
  });
});

describe("30 December 2011 in Apia", () => {
  it("is billed on the 31st, and is not late then", () => {
    const terms = someTerms("2011-10-30", "month");
    const standing = standingOf(terms, "Pacific/Apia", "08:00", 2);
    const now = wakeAt("2011-12-31", "Pacific/Apia", "09:00");
    const step = opening(standing, { now, windowFrom: "08:00", policy: "hold", openedToday: 0, perDay: 1 });
    expect(step).toMatchObject({ kind: "opens", late: false, period: { start: "2011-12-30" } });
  });
});

describe("a change of zone", () => {
  const terms = someTerms("2027-01-31", "month");
  const jakarta = { terms, nextIndex: 3, zone: "Asia/Jakarta" };

  it("moves the moment of the next unbilled period and no date", () => {
    expect(nextWake(jakarta, "08:00")?.toISO()).toBe("2027-04-30T01:00:00.000Z");
    expect(nextWake({ ...jakarta, zone: "Asia/Jayapura" }, "08:00")?.toISO()).toBe(
      "2027-04-29T23:00:00.000Z",
    );
    expect(nextWake({ ...jakarta, zone: "America/New_York" }, "08:00")?.toISO()).toBe(
      "2027-04-30T12:00:00.000Z",
    );
  });

  it("after a period was billed does not bill it again, nor the next one early", () => {
    const now = wakeAt("2027-03-31", "Pacific/Auckland", "08:00");
    const east = openAt(standingOf(terms, "Pacific/Auckland", "08:00", 2), now, "08:00");
    expect(east.opened).toEqual([2]);
    const west: Standing = { ...east.next, zone: "Pacific/Honolulu" };
    expect(openAt(west, wakeAt("2027-03-31", "Pacific/Honolulu", "23:59"), "08:00").opened).toEqual([]);
    expect(openAt(west, wakeAt("2027-04-29", "Pacific/Honolulu", "23:59"), "08:00").opened).toEqual([]);
    expect(openAt(west, wakeAt("2027-04-30", "Pacific/Honolulu", "08:00"), "08:00").opened).toEqual([3]);
  });

  it("to one where the day has not begun waits for it", () => {
    const waiting = { ...standingOf(terms, "Asia/Tokyo", "08:00", 3), zone: "America/New_York" };
    const { opened, next } = openAt(waiting, wakeAt("2027-04-30", "Asia/Tokyo", "09:00"), "08:00");
    expect(opened).toEqual([]);
    expect(next.nextInvoiceAt?.toISO()).toBe("2027-04-30T12:00:00.000Z");
  });
});
