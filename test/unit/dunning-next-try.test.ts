import { describe, expect, test } from "vitest";
import type { DunningFacts } from "../../src/dunning/dunning-facts.ts";
import { nextTry } from "../../src/dunning/next-try.ts";
import type { DunningPolicy } from "../../src/dunning/policy.ts";
import type { Instant } from "../../src/kernel/time.ts";
import {
  balanceSeen,
  inShort,
  NO_HOLIDAYS,
  POLICY,
  sent,
  shortAt,
  shown,
  someFacts,
  unread,
  wib,
} from "./dunning-builders.ts";
import { type Case, ROWS } from "./dunning-rows.ts";

function next({ facts, now, policy = {}, holidays = [] }: Case): string {
  return inShort(nextTry({ ...POLICY, ...policy }, facts, new Set(holidays), wib(now)));
}

describe("what comes next", () => {
  test.each(ROWS)("%s", (_name, given, expected) => {
    expect(next(given)).toBe(expected);
  });

  test("a worked example, from the first try to the end, tries on the days that docs/dunning.md says", () => {
    const tries: string[] = [];
    let facts = someFacts();
    let now = wib("2027-01-15 00:00");
    for (;;) {
      const step = nextTry(POLICY, facts, NO_HOLIDAYS, now);
      const at = step.at as Instant;
      if (step.kind === "end") {
        expect(shown(at)).toBe("2027-02-05 08:00");
        break;
      }
      if (step.kind === "try" && at <= now) tries.push(shown(at).slice(5, 10));
      now = at;
      if (step.kind === "try" && tries.at(-1) !== shown(at).slice(5, 10)) continue;
      facts = { ...shortAt("2027-01-15 09:50"), seen: balanceSeen(now) };
    }
    expect(tries).toEqual(["01-15", "01-16", "01-18", "01-20", "01-22", "01-25", "02-01", "02-04"]);
  });

  test("a try reads the balance first, unless the policy skips that or it could not be read twice", () => {
    const now = wib("2027-01-16 08:00");
    const asks = (facts: DunningFacts, policy: Partial<DunningPolicy> = {}) =>
      nextTry({ ...POLICY, ...policy }, facts, NO_HOLIDAYS, now).askBalance;
    const skip = { balanceCheck: { ...POLICY.balanceCheck, beforeCharge: "skip" } } as const;
    expect(asks(shortAt("2027-01-15 18:30"))).toBe(true);
    expect(asks(shortAt("2027-01-15 18:30"), skip)).toBe(false);
    expect(asks(shortAt("2027-01-15 18:30", sent(1, 0, 1)), skip)).toBe(true);
    expect(asks(shortAt("", unread(2)))).toBe(false);
  });
});
