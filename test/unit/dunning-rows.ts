import type { DunningFacts } from "../../src/dunning/dunning-facts.ts";
import type { DunningPolicy } from "../../src/dunning/policy.ts";
import {
  balanceSeen,
  declined,
  other,
  POLICY,
  refused,
  sent,
  shortAt,
  someFacts,
  unread,
  wib,
} from "./dunning-builders.ts";

export type Case = {
  readonly facts: DunningFacts;
  readonly now: string;
  readonly policy?: Partial<DunningPolicy>;
  readonly holidays?: readonly string[];
};

const weekdays = {
  window: { from: "08:00", to: "20:00", days: ["mon", "tue", "wed", "thu", "fri"] },
} as const;

const OLDEST_ONLY: Partial<DunningPolicy> = { overlap: { ...POLICY.overlap, pay: "oldest_only" } };
const NO_LOOKS: Partial<DunningPolicy> = { probes: { at: [], chargeWhenEnough: true } };

/** What it shows, the case, what comes next. 15 January 2027 is a Friday. */
export const ROWS: readonly (readonly [string, Case, string])[] = [
  [
    "a first try at its own minute of the spread hours",
    { facts: someFacts(), now: "2027-01-15 00:00" },
    "try 2027-01-15 09:50 first_try",
  ],
  ["due at that minute", { facts: someFacts(), now: "2027-01-15 09:50" }, "try 2027-01-15 09:50 first_try"],
  [
    "late, it is made at once",
    { facts: someFacts(), now: "2027-01-15 17:00" },
    "try 2027-01-15 17:00 first_try",
  ],
  [
    "too late for the day, at the next opening",
    { facts: someFacts(), now: "2027-01-15 20:00" },
    "try 2027-01-16 08:00 first_try [window]",
  ],
  [
    "on a closed day, on the next open one",
    { facts: someFacts({ billsOn: "2027-01-16" }), now: "2027-01-15 12:00", policy: weekdays },
    "try 2027-01-18 09:50 first_try [window]",
  ],
  [
    "without spread hours, at the opening",
    { facts: someFacts(), now: "2027-01-15 00:00", policy: { spread: null } },
    "try 2027-01-15 08:00 first_try",
  ],
  [
    "a wallet that was asked twice today is asked for a third bill tomorrow",
    { facts: someFacts(sent(0, 0, 2)), now: "2027-01-15 11:00" },
    "try 2027-01-16 08:00 first_try [customer_budget]",
  ],
  // Funds: the worked example of docs/dunning.md.
  [
    "short on the 15th: first a look in the evening",
    { facts: shortAt("2027-01-15 09:50"), now: "2027-01-15 09:50" },
    "probe 2027-01-15 18:30 probe",
  ],
  [
    "then day 1, before the morning's look",
    { facts: shortAt("2027-01-15 18:30"), now: "2027-01-15 18:30" },
    "try 2027-01-16 08:00 ladder",
  ],
  [
    "then day 3",
    { facts: shortAt("2027-01-17 18:30"), now: "2027-01-17 18:30" },
    "try 2027-01-18 08:00 ladder",
  ],
  [
    "then day 5",
    { facts: shortAt("2027-01-19 18:30"), now: "2027-01-19 18:30" },
    "try 2027-01-20 08:00 ladder",
  ],
  [
    "then day 7",
    { facts: shortAt("2027-01-21 18:30"), now: "2027-01-21 18:30" },
    "try 2027-01-22 08:00 ladder",
  ],
  [
    "day 10 is the 25th, a money day already",
    { facts: shortAt("2027-01-24 18:30"), now: "2027-01-24 18:30" },
    "try 2027-01-25 08:00 ladder",
  ],
  [
    "day 14 moves to the last, a Sunday, and so to Monday",
    { facts: shortAt("2027-01-31 18:30"), now: "2027-01-31 18:30" },
    "try 2027-02-01 08:00 ladder [payday, holiday]",
  ],
  [
    "day 14 itself has only looks",
    { facts: shortAt("2027-01-28 18:30"), now: "2027-01-29 00:00" },
    "probe 2027-01-29 09:30 probe",
  ],
  ["day 20", { facts: shortAt("2027-02-03 18:30"), now: "2027-02-03 18:30" }, "try 2027-02-04 08:00 ladder"],
  [
    "after it looks go on",
    { facts: shortAt("2027-02-04 08:00"), now: "2027-02-04 08:00" },
    "probe 2027-02-04 09:30 probe",
  ],
  [
    "and then the end",
    { facts: shortAt("2027-02-04 18:30"), now: "2027-02-04 18:30" },
    "end 2027-02-05 08:00 end",
  ],
  [
    "a top-up that the look of the 26th sees is asked for at once",
    {
      facts: shortAt("", { seen: balanceSeen(wib("2027-01-26 18:30"), 120_000), ...sent(0) }),
      now: "2027-01-26 18:30",
    },
    "try 2027-01-26 18:30 balance_enough",
  ],
  // Funds: window, money days, holidays.
  [
    "money that a look sees before the window opens is asked for when it opens",
    { facts: shortAt("", { seen: balanceSeen(wib("2027-01-20 06:00"), 99_000) }), now: "2027-01-20 06:00" },
    "try 2027-01-20 08:00 balance_enough",
  ],
  [
    "and after it has closed, the day after",
    { facts: shortAt("", { seen: balanceSeen(wib("2027-01-20 21:00"), 99_000) }), now: "2027-01-20 21:00" },
    "try 2027-01-21 08:00 balance_enough [window]",
  ],
  [
    "where looks do not charge, the plan goes on",
    {
      facts: shortAt("", { seen: balanceSeen(wib("2027-01-18 18:30"), 99_000) }),
      now: "2027-01-18 18:30",
      policy: { probes: { at: ["18:30"], chargeWhenEnough: false } },
    },
    "probe 2027-01-19 18:30 probe",
  ],
  [
    "a holiday on the money day moves the try on",
    {
      facts: shortAt("2027-01-24 18:30"),
      now: "2027-01-25 00:00",
      holidays: ["2027-01-25"],
      policy: NO_LOOKS,
    },
    "try 2027-01-26 08:00 ladder [holiday]",
  ],
  [
    "a row of holidays moves it over all of them",
    {
      facts: shortAt("2027-01-24 18:30"),
      now: "2027-01-25 00:00",
      holidays: ["2027-01-25", "2027-01-26", "2027-01-27", "2027-01-28", "2027-01-29"],
      policy: NO_LOOKS,
    },
    "try 2027-02-01 08:00 ladder [holiday]",
  ],
  [
    "a holiday on any other day changes nothing",
    { facts: shortAt("2027-01-17 18:30"), now: "2027-01-17 18:30", holidays: ["2027-01-18"] },
    "try 2027-01-18 08:00 ladder",
  ],
  [
    "a policy without holidays keeps the Sunday",
    {
      facts: shortAt("2027-01-30 18:30"),
      now: "2027-01-30 18:30",
      policy: { moneyDays: { ...POLICY.moneyDays, onHoliday: "none" } },
    },
    "try 2027-01-31 08:00 ladder [payday]",
  ],
  [
    "the last of February is a money day, and of a leap year's too",
    {
      facts: shortAt("2028-02-27 18:30", { firstFailedAt: wib("2028-02-13 10:00"), nextBillOn: null }),
      now: "2028-02-28 00:00",
      policy: {
        moneyDays: { days: ["last"], withinDays: 2, onHoliday: "none" },
        probes: { at: [], chargeWhenEnough: true },
      },
    },
    "try 2028-02-29 08:00 ladder [payday]",
  ],
  [
    "over the end of a year",
    {
      facts: shortAt("2026-12-31 18:30", {
        firstFailedAt: wib("2026-12-30 10:00"),
        nextBillOn: "2027-01-30",
      }),
      now: "2026-12-31 18:30",
      holidays: ["2027-01-01"],
    },
    "probe 2027-01-01 09:30 probe",
  ],
  [
    "a weekend without charges moves a try to Monday",
    {
      facts: shortAt("2027-01-15 18:30"),
      now: "2027-01-15 18:30",
      policy: { ...weekdays, probes: { at: [], chargeWhenEnough: true } },
    },
    "try 2027-01-18 08:00 ladder [window]",
  ],
  [
    "a try that was slept through is made when somebody is awake",
    { facts: shortAt("2027-01-15 18:30"), now: "2027-01-17 13:00" },
    "try 2027-01-17 13:00 ladder",
  ],
  [
    "and at night, when the window opens",
    { facts: shortAt("2027-01-15 18:30"), now: "2027-01-16 23:00" },
    "probe 2027-01-16 23:00 probe",
  ],
  [
    "asked today: no look today, and the plan's next day",
    { facts: refused("funds", "2027-01-16 08:00", sent(1, 1)), now: "2027-01-16 08:01" },
    "probe 2027-01-17 09:30 probe",
  ],
  [
    "money seen on a day that was asked waits for tomorrow",
    {
      facts: shortAt("", { seen: balanceSeen(wib("2027-01-16 18:30"), 99_000), ...sent(1, 1) }),
      now: "2027-01-16 18:30",
    },
    "try 2027-01-17 08:00 balance_enough [asked_today]",
  ],
  [
    "the wallet's budget is spent: tomorrow, and no look today",
    { facts: shortAt("2027-01-15 18:30", sent(1, 0, 2)), now: "2027-01-16 08:00" },
    "try 2027-01-17 08:00 ladder [customer_budget]",
  ],
  [
    "one request of the wallet's two is left",
    { facts: shortAt("2027-01-15 18:30", sent(1, 0, 1)), now: "2027-01-16 08:00" },
    "try 2027-01-16 08:00 ladder",
  ],
  [
    "eight requests: no more tries or looks, only the end",
    { facts: refused("funds", "2027-01-25 08:00", sent(8, 1)), now: "2027-01-25 08:01" },
    "end 2027-02-05 08:00 end",
  ],
  // Other classes.
  [
    "a limit: the next day, without a look",
    { facts: refused("limit", "2027-01-15 09:41", sent(1, 1)), now: "2027-01-15 09:41" },
    "try 2027-01-16 08:00 ladder",
  ],
  [
    "a limit is not moved to a money day",
    {
      facts: refused("limit", "2027-01-24 08:00", { firstFailedAt: wib("2027-01-23 10:00") }),
      now: "2027-01-24 08:01",
    },
    "try 2027-01-26 08:00 ladder",
  ],
  [
    "a limit in its last step: the first of the next month",
    { facts: refused("limit", "2027-01-18 08:00"), now: "2027-01-18 08:01" },
    "try 2027-02-01 08:00 ladder",
  ],
  [
    "which may lie behind the end",
    { facts: refused("limit", "2027-01-18 08:00", { nextBillOn: "2027-01-29" }), now: "2027-01-18 08:01" },
    "end 2027-01-28 08:00 end",
  ],
  [
    "a limit in December goes over to January",
    {
      facts: refused("limit", "2026-12-18 08:00", {
        firstFailedAt: wib("2026-12-15 10:00"),
        nextBillOn: "2027-01-15",
      }),
      now: "2026-12-18 08:01",
    },
    "try 2027-01-01 08:00 ladder",
  ],
  [
    "a risk: once more after three days",
    { facts: refused("risk", "2027-01-15 09:41", sent(1, 1)), now: "2027-01-15 09:41" },
    "try 2027-01-18 08:00 ladder",
  ],
  [
    "then a person",
    { facts: refused("risk", "2027-01-18 08:00", sent(2, 1)), now: "2027-01-18 08:01" },
    "wait never person",
  ],
  [
    "no class is treated as a risk",
    { facts: refused("unclassified", "2027-01-15 09:41", sent(1, 1)), now: "2027-01-15 09:41" },
    "try 2027-01-18 08:00 ladder",
  ],
  [
    "a cut-off: two hours later",
    {
      facts: someFacts({ declineClass: "window", seen: declined("2027-01-15 09:41", "4035406") }),
      now: "2027-01-15 09:41",
    },
    "try 2027-01-15 11:41 cut_off",
  ],
  [
    "a cut-off in the evening: the next morning",
    {
      facts: someFacts({ declineClass: "window", seen: declined("2027-01-15 19:00", "4035406") }),
      now: "2027-01-15 19:00",
    },
    "try 2027-01-16 08:00 cut_off",
  ],
  [
    "a cut-off counted as a request of the day: the next morning",
    {
      facts: someFacts({
        declineClass: "window",
        seen: declined("2027-01-15 09:41", "4035406"),
        ...sent(0, 1),
      }),
      now: "2027-01-15 09:41",
    },
    "try 2027-01-16 08:00 cut_off",
  ],
  [
    "no wallet: waits for it until the end",
    { facts: refused("binding", "2027-01-15 09:41"), now: "2027-01-15 09:41" },
    "wait 2027-02-05 08:00 method",
  ],
  [
    "and then ends",
    { facts: refused("binding", "2027-01-15 09:41"), now: "2027-02-05 08:00" },
    "end 2027-02-05 08:00 end",
  ],
  [
    "a blocked wallet: a person, without an end",
    { facts: refused("account", "2027-01-15 09:41"), now: "2027-02-20 08:00" },
    "wait never person",
  ],
  [
    "our mistake: a person",
    { facts: refused("config", "2027-01-15 09:41"), now: "2027-01-15 09:41" },
    "wait never person",
  ],
  [
    "doubt comes before everything, also before the end",
    { facts: shortAt("2027-01-15 09:50", { inDoubt: true }), now: "2027-03-01 08:00" },
    "wait never inquiry",
  ],
  [
    "doubt before anything failed",
    { facts: someFacts({ inDoubt: true }), now: "2027-01-15 12:00" },
    "wait never inquiry",
  ],
  // The end.
  [
    "the day before the next bill is the last",
    { facts: shortAt("2027-01-20 18:30", { nextBillOn: "2027-01-22" }), now: "2027-01-20 18:30" },
    "end 2027-01-21 08:00 end",
  ],
  [
    "or not, by policy",
    {
      facts: shortAt("2027-01-20 18:30", { nextBillOn: "2027-01-22" }),
      now: "2027-01-20 18:30",
      policy: { end: { ...POLICY.end, notAfter: null } },
    },
    "probe 2027-01-21 09:30 probe",
  ],
  [
    "a bill of every day has the rest of its day",
    { facts: shortAt("2027-01-15 09:50", { nextBillOn: "2027-01-16" }), now: "2027-01-15 09:50" },
    "probe 2027-01-15 18:30 probe",
  ],
  [
    "and ends when the window closes",
    { facts: shortAt("2027-01-15 18:30", { nextBillOn: "2027-01-16" }), now: "2027-01-15 18:30" },
    "end 2027-01-15 20:00 end",
  ],
  [
    "slept through, the end is due",
    { facts: shortAt("2027-01-15 18:30"), now: "2027-02-20 03:00" },
    "end 2027-02-05 08:00 end",
  ],
  // The balance cannot be read.
  [
    "once: again in a quarter of an hour",
    { facts: shortAt("", unread(1)), now: "2027-01-16 08:00" },
    "try 2027-01-16 08:15 balance_unread",
  ],
  [
    "twice: charged unseen",
    { facts: shortAt("", unread(2)), now: "2027-01-16 08:00" },
    "try 2027-01-16 08:00 balance_unread",
  ],
  [
    "never unseen for a wallet that was asked today",
    { facts: shortAt("", { ...unread(2), ...sent(1, 0, 1) }), now: "2027-01-16 08:00" },
    "probe 2027-01-16 09:30 probe",
  ],
  [
    "at a look: the next step of the plan",
    { facts: shortAt("", unread(1, "probe")), now: "2027-01-16 08:00" },
    "probe 2027-01-16 09:30 probe",
  ],
  [
    "or wait for the next step, by policy",
    {
      facts: shortAt("", unread(1)),
      now: "2027-01-16 08:00",
      policy: { balanceCheck: { ...POLICY.balanceCheck, onError: "wait" } },
    },
    "probe 2027-01-16 09:30 probe",
  ],
  [
    "or charge at once, by policy",
    {
      facts: shortAt("", unread(1)),
      now: "2027-01-16 08:00",
      policy: { balanceCheck: { ...POLICY.balanceCheck, onError: "charge" } },
    },
    "try 2027-01-16 08:00 balance_unread",
  ],
  [
    "a first try whose balance cannot be read waits for tomorrow, by policy",
    {
      facts: someFacts({
        seen: { kind: "unread", at: wib("2027-01-15 09:50"), code: "504", failures: 1, during: "try" },
      }),
      now: "2027-01-15 09:50",
      policy: { balanceCheck: { ...POLICY.balanceCheck, onError: "wait" } },
    },
    "try 2027-01-16 09:50 first_try",
  ],
  // Several bills of one wallet.
  [
    "another bill's try is joined",
    {
      facts: shortAt("2027-01-16 18:30", { others: [other({ tryAt: wib("2027-01-17 09:20") })] }),
      now: "2027-01-16 18:30",
    },
    "try 2027-01-17 09:20 with_other_bill",
  ],
  [
    "but not by policy",
    {
      facts: shortAt("2027-01-16 18:30", { others: [other({ tryAt: wib("2027-01-17 09:20") })] }),
      now: "2027-01-16 18:30",
      policy: { overlap: { ...POLICY.overlap, whenNextBillOpens: "separate" } },
    },
    "probe 2027-01-17 09:30 probe",
  ],
  [
    "nor one that is over",
    {
      facts: shortAt("2027-01-16 18:30", { others: [other({ tryAt: wib("2027-01-16 18:30") })] }),
      now: "2027-01-16 18:30",
    },
    "probe 2027-01-17 09:30 probe",
  ],
  [
    "a policy of the oldest only waits for the older bill",
    {
      facts: shortAt("2027-01-16 18:30", { others: [other({ tryAt: wib("2027-01-17 09:20") })] }),
      now: "2027-01-16 18:30",
      policy: OLDEST_ONLY,
    },
    "wait 2027-01-17 09:20 older_bill",
  ],
  [
    "and looks again where that one is due itself",
    {
      facts: shortAt("2027-01-16 18:30", { others: [other({ tryAt: wib("2027-01-16 18:30") })] }),
      now: "2027-01-16 18:30",
      policy: OLDEST_ONLY,
    },
    "wait 2027-01-16 18:45 older_bill",
  ],
  [
    "or for tomorrow where that one has no time",
    {
      facts: shortAt("2027-01-16 18:30", { others: [other()] }),
      now: "2027-01-16 18:30",
      policy: OLDEST_ONLY,
    },
    "wait 2027-01-17 08:00 older_bill",
  ],
  [
    "a younger bill is nothing to wait for",
    {
      facts: shortAt("2027-01-16 18:30", { others: [other({ billsOn: "2027-01-16" })] }),
      now: "2027-01-16 18:30",
      policy: OLDEST_ONLY,
    },
    "probe 2027-01-17 09:30 probe",
  ],
];
