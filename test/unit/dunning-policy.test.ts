import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { defaultPolicy } from "../../src/dunning/default-policy.ts";
import { readHolidays } from "../../src/dunning/holidays.ts";
import { WEEKDAYS } from "../../src/dunning/policy.ts";
import { fileOf, policyOf } from "../../src/dunning/policy-file.ts";
import { readPolicy, readPolicySource, sayMistake } from "../../src/dunning/read-policy.ts";
import { inquiryLadderMs as inquiryLadder } from "../../src/platform/config-values.ts";
import { POLICY } from "./dunning-builders.ts";

const read = (source: string) => readPolicySource(source, POLICY, "ovo-default");

/** What a text is refused for, a line each; empty when it is taken. */
function mistakes(source: string): string[] {
  const result = read(source);
  return result.kind === "wrong" ? result.mistakes.map(sayMistake) : [];
}

describe("a policy file", () => {
  test("of the examples is the built-in policy, every field written out", () => {
    const source = readFileSync(new URL("../../examples/dunning-policy.yaml", import.meta.url), "utf8");
    const result = read(source);
    if (result.kind === "wrong") throw new Error(result.mistakes.map(sayMistake).join("\n"));
    const inquiryLadderMs = inquiryLadder("65s,5m,15m,1h,3h,6h,12h,24h");
    expect(policyOf(result.file, "ovo-default", 1)).toEqual({
      ...POLICY,
      end: { ...POLICY.end, notAfter: null },
      inquiryLadderMs,
    });
    expect(Object.keys(fileOf(POLICY)).filter((key) => !source.includes(`\n${key}:`))).toEqual([]);
    expect(result.warnings).toEqual([]);
  });

  test("that says nothing is the built-in policy, and so is the built-in policy written out", () => {
    for (const source of ["{}", JSON.stringify(fileOf(POLICY), null, 2), "policy: ovo-default"]) {
      const result = read(source);
      expect(result.kind === "file" && policyOf(result.file, "ovo-default", 1), source).toEqual(POLICY);
    }
  });

  test("and back again, for policies that differ in every field", () => {
    const other = {
      ...POLICY,
      window: null,
      spread: null,
      balanceCheck: { beforeCharge: "skip", onError: "charge", waitMinutes: 5 },
      probes: { at: [], chargeWhenEnough: false },
      limits: { requestsPerBill: 3, requestsPerCustomerPerDay: 1 },
      ladders: { funds: ["first_of_next_month"], limit: [], risk: [1] },
      moneyDays: { days: ["last"], withinDays: 0, onHoliday: "none" },
      end: { afterDays: 9, notAfter: null, action: "cancel" },
      grace: { fullDays: 0, limitedUntil: 1 },
      overlap: { whenNextBillOpens: "separate", pay: "oldest_only" },
      manual: { retryNowPerCycle: 0 },
      inquiryLadderMs: [65_000, 90_000, 86_400_000],
      reviewAfterWorkingDays: 1,
      holdClock: "runs",
    } as const;
    expect(policyOf(fileOf(other), other.code, other.version)).toEqual(other);
    const weekend = { ...POLICY, window: { from: "08:00", to: "20:00", days: ["sat", "sun"] } } as const;
    expect(policyOf(fileOf(weekend), weekend.code, weekend.version)).toEqual(weekend);
  });

  test.each([
    ["zone: Jakarta", "line 1: zone: must be a time zone such as Asia/Jakarta"],
    ['\nwindow: { from: "20:00", to: "08:00" }', "line 2: window.to: must be later than from (20:00)"],
    [
      "window: { days: [mon, tus] }",
      "line 1: window.days: must be one of mon, tue, wed, thu, fri, sat, sun; is it tue?",
    ],
    [
      "window: sometimes",
      "line 1: window: must be always, or days (all, or such as [mon, fri]), from and to (such as 08:00 and 20:00)",
    ],
    [
      'spread: { from: "07:00", to: "09:00" }',
      "line 1: spread: must lie within the window (08:00 to 20:00); change it, or write none",
    ],
    [
      "balance_check:\n  before_charge: requird",
      "line 2: balance_check.before_charge: must be one of required, skip; is it required?",
    ],
    ['probes:\n  at: ["18:30", "09:30"]', "line 2: probes.at: must grow: 09:30 after 18:30"],
    ['probes: { at: ["24:00"] }', "line 1: probes.at: must be before 24:00"],
    [
      "probes:\n  per_day: 3",
      "line 2: probes.per_day: must be the number of times in probes.at (2); it may be left out",
    ],
    [
      "limits: { requests_per_bill: 0 }",
      "line 1: limits.requests_per_bill: must be a whole number from 1 to 100",
    ],
    [
      "limits: { requests_per_customer_per_day: 3 }",
      "line 1: limits.requests_per_customer_per_day: must be a whole number from 1 to 2",
    ],
    [
      "limits: { requests_per_bill_per_day: 2 }",
      "line 1: limits.requests_per_bill_per_day: is always 1: a second request on a day meets the same wallet",
    ],
    ["ladder:\n  funds:\n    - 1\n    - 7\n    - 5\n", "line 5: ladder.funds: must grow: 5 after 7"],
    [
      "ladder: { funds: [1, 21] }",
      "line 1: ladder.funds: day 21 is not before the end; take it out, or make end.after_days (21) longer",
    ],
    [
      "ladder: { limit: [first_of_next_month, first_of_next_month] }",
      "line 1: ladder.limit: says first_of_next_month twice; once is enough",
    ],
    [
      "ladder: { funds: [1, tomorrow] }",
      "line 1: ladder.funds: must be a number of days from 1 to 366, or first_of_next_month",
    ],
    ["ladder: { fund: [1] }", "line 1: ladder.fund: is not a known field; is it funds?"],
    [
      "money_days: { days: [0] }",
      "line 1: money_days.days: must be a day of the month from 1 to 31, or last",
    ],
    [
      "money_days:\n  holidays: id.txt",
      "line 2: money_days.holidays: holidays are one list for all policies: tagih policy set-holidays",
    ],
    ["end: { then: unpaid }", "line 1: end.then: is called action here"],
    [
      "end: { action: cancelled }",
      "line 1: end.action: must be one of unpaid, cancel, pause, carry_on, write_off; is it cancel?",
    ],
    [
      "grace: { access_full_days: 14 }",
      "line 1: grace.access_limited_until: must be later than access_full_days (14)",
    ],
    ["overlap: { order: newest_first }", "line 1: overlap.order: is always oldest_first"],
    [
      "unknown: { query_after: [10s, 5m] }",
      "line 1: unknown.query_after: must be at least 65s: until then the gateway does not know",
    ],
    [
      "unknown: { query_after: [soon] }",
      "line 1: unknown.query_after: must be a wait above zero such as 65s, 5m or 12h",
    ],
    [
      "notices: { quiet: x }",
      "line 1: notices: Tagih sends no messages to customers; send them on its events, and take this out",
    ],
    ["policy: gold", "line 1: policy: must be ovo-default, as the policy is stored under that code"],
    ["hold_clock: runs\nhold_clock: stops", "line 2: Map keys must be unique"],
    ["a: [1", "line 1: Flow sequence in block collection must be sufficiently indented and end with a ]"],
    ["- 1", "must be fields with values, such as zone: Asia/Jakarta"],
    ["zone: &z Asia/Jakarta\nhold_clock: *z", "source: must say each value where it stands, without aliases"],
    ["__proto__: { x: 1 }", "line 1: __proto__: is not a known field; known are"],
  ])("is refused with the line and what to do: %j", (source, says) => {
    const found = mistakes(source);
    expect(
      found.some((one) => one.startsWith(says)),
      found.join("\n"),
    ).toBe(true);
    expect(found).toHaveLength(1);
  });

  test("says all its mistakes at once", () => {
    expect(mistakes("zone: x\nhold_clock: y\nmanual: { retry_now_per_cycle: 9 }")).toEqual([
      "line 1: zone: must be a time zone such as Asia/Jakarta",
      "line 3: manual.retry_now_per_cycle: must be a whole number from 0 to 5",
      "line 2: hold_clock: must be one of stops, runs",
    ]);
    expect(mistakes("x".repeat(20_001))).toEqual(["source: may have at most 20000 letters"]);
  });

  test("given as fields has no lines", () => {
    const result = readPolicy({ ladder: { funds: [3, 2] } }, POLICY, "p");
    expect(result).toEqual({
      kind: "wrong",
      mistakes: [{ line: null, field: "ladder.funds", message: "must grow: 2 after 3" }],
    });
  });

  test("that is most likely not meant is taken with a warning", () => {
    const result = read("limits: { requests_per_bill: 4 }\nprobes: { charge_when_enough: false }");
    expect(result.kind === "file" && result.warnings).toEqual([
      "limits.requests_per_bill: 4 requests do not reach the end of a ladder of 7 steps and a first try",
      "probes.charge_when_enough: looks are made and nothing follows from them",
    ]);
  });
});

describe("the built-in policy", () => {
  const settings = { zone: "Asia/Jakarta", inquiryLadderMs: [65_000] };

  test("takes window, zone and inquiry ladder from the configuration, and spreads within that window", () => {
    expect(defaultPolicy({ ...settings, window: { from: "10:00", to: "20:00" } })).toMatchObject({
      window: { from: "10:00", to: "20:00", days: WEEKDAYS },
      spread: { from: "10:00", to: "11:00" },
      inquiryLadderMs: [65_000],
    });
    expect(defaultPolicy({ ...settings, window: { from: "13:00", to: "15:00" } }).spread).toBeNull();
    expect(defaultPolicy({ ...settings, window: null })).toMatchObject({ window: null, spread: null });
  });
});

describe("a file of holidays", () => {
  test("is read without its comments, by date", () => {
    expect(readHolidays("# ours\r\n2027-12-25 Natal # fixed\n\n2027-01-01\tTahun  Baru\n")).toEqual({
      kind: "holidays",
      holidays: [
        { date: "2027-01-01", name: "Tahun Baru" },
        { date: "2027-12-25", name: "Natal" },
      ],
    });
  });

  test("names each bad line", () => {
    expect(readHolidays("2027-02-29 x\n25/12/2027 Natal\n2027-12-25\n2027-01-01 a\n2027-01-01 b")).toEqual({
      kind: "wrong",
      problems: [
        "line 1: 2027-02-29 is no date that exists; write 2027-12-25 Kelahiran Yesus Kristus",
        "line 2: 25/12/2027 is no date that exists; write 2027-12-25 Kelahiran Yesus Kristus",
        "line 3: 2027-12-25 has no name; write what is celebrated behind the date",
        "line 5: 2027-01-01 stands twice; take one out",
      ],
    });
  });

  test.each(["2026", "2027"])("the example of %s can be read, and is of that year", (year) => {
    const file = new URL(`../../examples/holidays-id-${year}.txt`, import.meta.url);
    const result = readHolidays(readFileSync(file, "utf8"));
    if (result.kind === "wrong") throw new Error(result.problems.join("\n"));
    expect(result.holidays.length).toBeGreaterThanOrEqual(9);
    expect(result.holidays.filter(({ date }) => !date.startsWith(year))).toEqual([]);
  });
});
