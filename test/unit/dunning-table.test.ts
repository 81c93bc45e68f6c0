import { DateTime } from "luxon";
import { expect, test } from "vitest";
import type { DunningFacts, Seen } from "../../src/dunning/dunning-facts.ts";
import { nextTry } from "../../src/dunning/next-try.ts";
import { type DunningPolicy, WEEKDAYS } from "../../src/dunning/policy.ts";
import { say, sayRejected } from "../../src/dunning/say.ts";
import type { DeclineClass } from "../../src/gateway/gateway.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { balanceSeen, POLICY, shown, someFacts, wib } from "./dunning-builders.ts";
import { expectedNext } from "./dunning-oracle.ts";

const CLASSES = [
  ...["funds", "limit", "risk", "unclassified", "window", "binding", "account", "config"],
] as DeclineClass[];

/** First failures whose ladders meet a money day, a month's end, a leap day, a year's end, and none of them. */
const FIRST_FAILURES = ["2027-01-15", "2027-01-30", "2028-02-14", "2026-12-20", "2027-04-03"];
/** Days since the first failure: before, on, between and after the steps. */
const POSITIONS = [0, 1, 2, 5, 9, 10, 14, 19, 20, 21, 25];
/** Before, at, within and after the charge window. */
const TIMES = ["05:30", "08:00", "12:34", "21:00"];

const POLICIES: readonly Partial<DunningPolicy>[] = [
  {},
  { window: { from: "08:00", to: "20:00", days: ["mon", "tue", "wed", "thu", "fri"] } },
  { window: { from: "13:00", to: "15:30", days: WEEKDAYS }, end: { ...POLICY.end, notAfter: null } },
  { window: null, spread: null, moneyDays: { days: [10, "last"], withinDays: 4, onHoliday: "none" } },
  { probes: { at: ["00:30", "07:00", "23:45"], chargeWhenEnough: true }, zone: "Asia/Jayapura" },
];

/** Holidays on money days, one of them a long row. */
const HOLIDAYS: ReadonlySet<string> = new Set([
  ...["2027-01-25", "2027-01-26", "2027-01-27", "2026-12-25", "2027-01-01", "2028-02-29"],
  ...["2027-02-25", "2027-02-26", "2027-03-01", "2027-04-28"],
]);

const REQUESTS = [
  { ofBill: 1, ofBillToday: 0, ofCustomerToday: 0 },
  { ofBill: 3, ofBillToday: 1, ofCustomerToday: 1 },
  { ofBill: 2, ofBillToday: 0, ofCustomerToday: 2 },
  { ofBill: 8, ofBillToday: 0, ofCustomerToday: 0 },
];

function outcomes(declineClass: DeclineClass, at: Instant): Seen[] {
  const declined: Seen = { kind: "declined", at, code: "4035414" };
  return declineClass === "funds" ? [declined, balanceSeen(at), balanceSeen(at, 99_000)] : [declined];
}

type Row = {
  readonly policy: DunningPolicy;
  readonly facts: DunningFacts;
  readonly holidays: ReadonlySet<string>;
  readonly now: Instant;
};

/** Every combination of failure, class, position, time and budget; policy, sleep and next bill take turns with them. */
function* combinations(): Generator<Row> {
  let turn = 0;
  for (const first of FIRST_FAILURES)
    for (const declineClass of CLASSES)
      for (const days of POSITIONS)
        for (const time of TIMES)
          for (const requests of REQUESTS) {
            const firstFailedAt = wib(`${first} 04:41`);
            const now = wib(`${first} ${time}`).plus({ days });
            turn += 1;
            // Asleep for up to two days: what was planned meanwhile is late.
            const slept = now.minus({ hours: [0, 3, 14, 50][turn % 4] ?? 0 });
            const at = DateTime.max(slept, firstFailedAt);
            for (const seen of outcomes(declineClass, at)) {
              turn += 1;
              const nextBillOn = turn % 3 === 0 ? now.plus({ days: 3 }).toISODate() : null;
              const inDoubt = days === 5 && requests.ofBillToday === 1;
              const facts = { firstFailedAt, declineClass, seen, requests, nextBillOn, inDoubt };
              yield {
                policy: { ...POLICY, ...POLICIES[turn % POLICIES.length] },
                facts: someFacts({ billsOn: first, ...facts }),
                holidays: turn % 2 === 0 ? HOLIDAYS : new Set(),
                now,
              };
            }
          }
}

test("every class at every place in the ladder comes to the step that its rules say, and says why", {
  // Ten thousand rows, each worked out a second time the slow way.
  timeout: 120_000,
}, () => {
  const kinds = new Map<string, number>();
  let rows = 0;
  for (const { policy, facts, holidays, now } of combinations()) {
    rows += 1;
    const { kind, at, waitingFor, why } = nextTry(policy, facts, holidays, now);
    const shownAt = at === null ? null : at.setZone(policy.zone).toFormat("yyyy-MM-dd HH:mm");
    const got = { kind, at: shownAt, why: waitingFor ?? why.reason.code };
    const expected = expectedNext(policy, facts, holidays, now);
    if (JSON.stringify(got) !== JSON.stringify(expected))
      expect({ ...got, now: shown(now), facts: JSON.stringify(facts) }).toEqual(expected);
    kinds.set(got.why, (kinds.get(got.why) ?? 0) + 1);
    if (rows % 10 === 0) {
      const stored = JSON.parse(JSON.stringify(why));
      for (const language of ["en", "id"] as const)
        expect([say(stored, language), ...sayRejected(stored, language)].join(), language).not.toMatch(
          /undefined|null|NaN|Invalid/,
        );
    }
  }
  expect(rows).toBeGreaterThan(8_000);
  const met = ["ladder", "probe", "balance_enough", "cut_off", "end", "inquiry", "method", "person"];
  for (const why of met) expect(kinds.get(why), why).toBeGreaterThan(50);
});
