import { describe, expect, it } from "vitest";
import type { DeclineClass } from "../../src/gateway/gateway.ts";
import { afterDecline, afterNotSent, builtInPolicy, endsOn } from "../../src/invoices/dunning.ts";
import { type Instant, localDateAt } from "../../src/kernel/time.ts";
import { at, NOW, policy } from "./invoice-builders.ts";

const WINDOW_FROM = "08:00";
const dayAfter = (days: number, from: Instant = NOW) => from.plus({ days });
const retryOn = (date: string, time = WINDOW_FROM) => ({ kind: "retry", at: at(`${date}T${time}`) });
const next = (declineClass: DeclineClass, days: number, first: Instant = NOW) =>
  afterDecline(policy, declineClass, first, dayAfter(days, first));
const waits = (waitingFor: string) => ({ kind: "wait", waitingFor });

/** First failed on 15 January 2027, at 10 in the morning; the day of the failure and what follows it. */
const LADDER: readonly (readonly [DeclineClass, number, string | null, string | null])[] = [
  ["funds", 0, "2027-01-16", null],
  ["funds", 1, "2027-01-18", null],
  ["funds", 2, "2027-01-18", null],
  ["funds", 3, "2027-01-20", null],
  ["funds", 5, "2027-01-22", null],
  ["funds", 7, "2027-01-25", null],
  ["funds", 10, "2027-01-29", null],
  ["funds", 14, "2027-02-04", null],
  ["funds", 20, "2027-02-05", null],
  ["funds", 21, null, "customer"],
  ["funds", 40, null, "customer"],
  ["limit", 0, "2027-01-16", null],
  ["limit", 1, "2027-01-18", null],
  ["limit", 3, "2027-02-01", null],
  ["limit", 17, "2027-02-05", null],
  ["limit", 21, null, "customer"],
  ["risk", 0, "2027-01-18", null],
  ["risk", 2, "2027-01-18", null],
  ["risk", 3, null, "person"],
  ["unclassified", 0, "2027-01-18", null],
  ["unclassified", 3, null, "person"],
  ["binding", 0, null, "method"],
  ["account", 0, null, "person"],
  ["config", 0, null, "person"],
];

describe("after a decline", () => {
  it.each(LADDER)("of %s on day %i: next on %s, or waits for %s", (declineClass, day, date, who) => {
    expect(next(declineClass, day)).toEqual(date === null ? waits(who ?? "") : retryOn(date));
  });

  it("every class has an answer, whichever the day", () => {
    const classes = new Set(LADDER.map(([declineClass]) => declineClass)).add("window");
    for (const declineClass of classes)
      for (let day = 0; day <= 60; day += 1) {
        const step = next(declineClass, day);
        if (step.kind === "retry") expect(step.at > dayAfter(day)).toBe(true);
        else expect(["method", "person", "customer"]).toContain(step.waitingFor);
      }
  });

  it("of funds there are eight tries in three weeks; on the last day it only ends", () => {
    const dates: string[] = [];
    for (let step = afterDecline(policy, "funds", NOW, NOW); step.kind === "retry"; ) {
      dates.push(localDateAt(step.at, policy.zone));
      step = afterDecline(policy, "funds", NOW, step.at);
    }
    expect(dates.at(-1)).toBe(endsOn(policy, NOW));
    // With the first try, which failed on the day it all began.
    expect(dates.slice(0, -1)).toHaveLength(7);
  });

  it("days pass by date: a failure late in the evening is tried again the next morning", () => {
    const evening = at("2027-01-15T19:59");
    expect(afterDecline(policy, "funds", evening, evening)).toEqual(retryOn("2027-01-16"));
  });

  it("a day that was missed is not made up for: the ladder goes on where the calendar is", () => {
    expect(afterDecline(policy, "funds", NOW, at("2027-01-23T09:00"))).toEqual(retryOn("2027-01-25"));
  });

  it.each([
    ["2027-01-15T10:00", "2027-02-01"],
    ["2027-01-31T10:00", "2027-02-01"],
    ["2027-12-30T10:00", "2028-01-01"],
    ["2028-02-28T10:00", "2028-03-01"],
  ])("of limit at %s is tried when the wallet's month is new, on %s", (first, date) => {
    const failed = at(first);
    const dates: string[] = [];
    for (let now = failed; ; ) {
      const step = afterDecline(policy, "limit", failed, now);
      if (step.kind !== "retry") break;
      now = step.at;
      dates.push(localDateAt(now, policy.zone));
    }
    expect(dates).toContain(date);
  });

  it("without a charge window is tried when people are awake", () => {
    const always = builtInPolicy({ ...policy, window: null });
    expect(afterDecline(always, "funds", NOW, NOW)).toEqual(retryOn("2027-01-16", "09:00"));
  });
});

describe("a refusal because the gateway is closed", () => {
  it.each([
    ["2027-01-15T10:00", "2027-01-15T12:00"],
    ["2027-01-15T17:59", "2027-01-15T19:59"],
    ["2027-01-15T18:00", "2027-01-16T08:00"],
    ["2027-01-15T23:30", "2027-01-16T08:00"],
    ["2027-01-15T06:30", "2027-01-15T08:30"],
  ])("at %s is tried again at %s: two hours on, inside the window", (now, then) => {
    expect(afterDecline(policy, "window", NOW, at(now))).toEqual({ kind: "retry", at: at(then) });
  });
});

describe("a request that could not leave", () => {
  it.each([
    [1, 1],
    [2, 2],
    [3, 5],
    [4, 15],
    [5, 30],
    [6, 30],
    [500, 30],
  ])("for the time number %i is tried again after %i minutes, for ever", (count, minutes) => {
    expect(afterNotSent(count, NOW)).toEqual(NOW.plus({ minutes }));
  });
});

it("collecting by the ladder is over three weeks after the first failure, by local date", () => {
  expect(endsOn(policy, at("2027-01-15T23:59"))).toBe("2027-02-05");
  expect(endsOn(policy, at("2027-01-16T00:00"))).toBe("2027-02-06");
});
