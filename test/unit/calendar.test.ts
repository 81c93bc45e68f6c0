import { describe, expect, it, test } from "vitest";
import { InvalidError } from "../../src/kernel/errors.ts";
import { preview, previewInputFromText } from "../../src/subscriptions/preview.ts";
import { wakeAt } from "../../src/subscriptions/wake-at.ts";
import { CALENDAR_RULES, WAKING } from "./calendar-cases.ts";

function words(line: string): Record<string, string> {
  return Object.fromEntries(line.split(" ").map((word) => word.split("=")));
}

/** `boundaries | amounts`, as the cases write them; amounts only where the case has some. */
function previewed(line: string): string[] {
  const asked = words(line);
  const rows = preview(previewInputFromText({ amount: "99000", periods: "3", ...asked }));
  const boundaries = [...rows.map((row) => row.start), rows.at(-1)?.end].join(" ");
  const amounts = rows.map(({ amount, proration }) =>
    proration === undefined ? `${amount}` : `${amount}(${proration.days}/${proration.of})`,
  );
  expect(rows.map((row) => row.bills_on)).toEqual(rows.map((row) => row.start));
  return [boundaries, amounts.join(" ")];
}

describe.each(CALENDAR_RULES)("$rule", ({ cases }) => {
  const lines = cases
    .trim()
    .split("\n")
    .map((line) => line.split(" | "));
  test.each(lines)("%s", (asked, boundaries, amounts) => {
    const [foundBoundaries, foundAmounts] = previewed(asked);
    expect(foundBoundaries).toBe(boundaries);
    if (amounts === undefined) expect(foundAmounts).not.toContain("/");
    else expect(foundAmounts).toBe(amounts);
  });
});

describe.each(WAKING)("the moment of a day in $zone", ({ zone, cases }) => {
  const lines = cases
    .trim()
    .split("\n")
    .map((line) => line.split(" | "));
  test.each(lines)("%s", (asked, moment) => {
    const [date, windowFrom] = asked.split(" ");
    expect(wakeAt(date ?? "", zone, windowFrom ?? null).toISO({ suppressMilliseconds: true })).toBe(moment);
  });
});

describe("a preview says why", () => {
  test.each([
    [
      "start=2027-01-05 interval=week alignment=calendar",
      0,
      "short first period until Monday, 2027-01-11; 6 of 7 days are billed",
    ],
    [
      "start=2027-02-10 interval=quarter alignment=calendar",
      0,
      "short first period until the 1st, 2027-04-01; 50 of 90 days are billed",
    ],
    ["start=2027-02-10 interval=quarter alignment=calendar", 1, ""],
    [
      "start=2027-01-10 interval=year billing_day=29 billing_month=2",
      0,
      "short first period until the billing day, 2027-02-28; 49 of 365 days are billed",
    ],
    [
      "start=2027-01-10 interval=year billing_day=29 billing_month=2",
      1,
      "29 does not exist in February 2027: 28th",
    ],
    ["start=2027-01-10 interval=year billing_day=29 billing_month=2", 2, ""],
    [
      "start=2027-01-31 interval=month ends_on=2027-03-10",
      1,
      "31 does not exist in February: 28th; cut short by the end date, 2027-03-10; 10 of 31 days are billed",
    ],
  ])("%s, period %i", (asked, index, note) => {
    expect(preview(previewInputFromText(words(asked)))[index]?.note).toBe(note);
  });
});

describe("what contradicts itself is refused, by field", () => {
  test.each([
    ["start=2027-01-10 interval=month alignment=calendar billing_day=5", "billing_day"],
    ["start=2027-01-10 interval=year alignment=calendar billing_month=5", "billing_month"],
    ["start=2027-01-10 interval=month billing_month=5", "billing_month"],
    ["start=2027-01-10 interval=month count=5 billing_month=5", "billing_month"],
    ["start=2027-01-10 interval=week billing_month=5", "billing_month"],
    ["start=2027-01-10 interval=week billing_day=25", "billing_day"],
    ["start=2027-01-10 interval=day count=10 billing_day=1", "billing_day"],
    ["start=2027-01-10 interval=month trial_days=3 trial_ends_on=2027-02-01", "trial_ends_on"],
    ["start=2027-01-10 interval=month trial_ends_on=2027-01-09", "trial_ends_on"],
    ["start=2027-01-10 interval=month ends_on=2027-01-10", "ends_on"],
    ["start=2027-01-10 interval=month trial_days=5 ends_on=2027-01-15", "ends_on"],
    ["start=2027-01-10 interval=month trial_ends_on=2027-02-01 ends_on=2027-02-01", "ends_on"],
    ["start=2027-01-10 interval=month alignment=lunar", "alignment"],
    ["start=2027-01-10 interval=year billing_month=13", "billing_month"],
    ["start=2027-01-10 interval=month amount=99.000", "amount"],
    ["start=2027-01-10 interval=month periods=1e2", "periods"],
    ["start=2027-01-10 interval=month trial_ends_on=2027-02-30", "trial_ends_on"],
  ])("%s", (asked, field) => {
    expect(() => preview(previewInputFromText(words(asked)))).toThrow(InvalidError);
    expect(() => preview(previewInputFromText(words(asked)))).toThrow(new RegExp(`^${field}: `));
  });

  it("while a trial that ends on the start is none", () => {
    const asked = words("start=2027-01-10 interval=month trial_ends_on=2027-01-10");
    expect(preview(previewInputFromText(asked))[0]?.start).toBe("2027-01-10");
  });
});
