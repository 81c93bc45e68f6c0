import { describe, expect, it, test } from "vitest";
import type { PlanId, PlanVersionId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { PricedPlan } from "../../src/plans/priced-plan.ts";
import { seenTexts } from "../../src/platform/seen-texts.ts";
import {
  IMPORT_COLUMNS,
  type ImportColumn,
  readImportHeader,
} from "../../src/subscriptions/import-columns.ts";
import { type ImportRow, readImportRow } from "../../src/subscriptions/import-row.ts";
import { firstPeriodToBill, importedTerms } from "../../src/subscriptions/import-terms.ts";
import { aPlan } from "../support/rooms.ts";

const TODAY = "2027-03-10";
const COLUMNS = Object.keys(IMPORT_COLUMNS) as ImportColumn[];
const GOOD = { reference: "s-1", customer: "budi", plan: "pro", start_on: "2024-01-31" };

describe("the first line", () => {
  it("names columns in any order, whatever the case and the blanks", () => {
    expect(readImportHeader(["Plan", " START ON ", "customer", "Reference", "billing-day"])).toEqual([
      "plan",
      "start_on",
      "customer",
      "reference",
      "billing_day",
    ]);
  });

  test.each<[string, string[], RegExp]>([
    [
      "a column that is misspelt",
      ["referense", ...required("reference")],
      /no column referense; is it reference\?/,
    ],
    [
      "a date that has another name",
      [...required(), "next_bill"],
      /no column next_bill; is it next_bill_on\?/,
    ],
    [
      "a column of something else",
      [...required(), "favourite_colour"],
      /no column favourite_colour; take it out/,
    ],
    ["a column that is missing", required("plan"), /the column plan is missing/],
    ["one twice", [...required(), "plan"], /the column plan stands twice/],
    ["one without a name", [...required(), ""], /a column without a name/],
    [
      "no names at all",
      ["s-1", "budi", "pro", "2024-01-31"],
      /the first line must name the columns: reference/,
    ],
  ])("%s is refused", (_name, cells, says) => {
    expect(() => readImportHeader(cells)).toThrow(says);
  });
});

function required(without = ""): string[] {
  return COLUMNS.filter((name) => IMPORT_COLUMNS[name] === "required" && name !== without);
}

describe("a line", () => {
  test.each<[string, Partial<Record<ImportColumn, string>>, string, RegExp]>([
    ["no reference", { reference: "" }, "reference", /is required/],
    ["a reference with a blank in it", { reference: "a b" }, "reference", /1 to 64 letters/],
    ["a date as a spreadsheet shows it", { start_on: "31/01/2024" }, "start_on", /written YYYY-MM-DD/],
    ["a date that does not exist", { start_on: "2027-02-30" }, "start_on", /a date that exists/],
    ["an amount with dots", { amount: "99.000" }, "amount", /digits only/],
    ["an amount with sen", { amount: "99000.00" }, "amount", /digits only/],
    ["an amount of nothing", { amount: "0" }, "amount", /digits only/],
    ["a 32nd day", { billing_day: "32" }, "billing_day", /from 1 to 31/],
    ["a zone that is none", { zone: "Jakarta" }, "zone", /Asia\/Jakarta/],
    ["an alignment that is none", { alignment: "moon" }, "alignment", /anniversary, calendar/],
    ["an e-mail address that is none", { email: "budi" }, "email", /e-mail address/],
    ["a formula for a name", { customer_name: '=HYPERLINK("x")' }, "customer_name", /formula/],
    ["another formula", { customer_name: "@SUM(A1)" }, "customer_name", /formula/],
    ["a NUL byte", { customer_name: "Bu\u0000di" }, "customer_name", /control character/],
    ["a name of 1,000 letters", { customer_name: "x".repeat(1_000) }, "customer_name", /at most 70/],
    ["a maybe", { allow_second: "yes" }, "allow_second", /true or false/],
  ])("with %s is refused by that column", (_name, cells, column, says) => {
    expect(wrongIn(cells)).toEqual([{ field: column, message: expect.stringMatching(says) }]);
  });

  it("names everything that is wrong with it", () => {
    expect(wrongIn({ start_on: "soon", zone: "here" }).map(({ field }) => field)).toEqual([
      "start_on",
      "zone",
    ]);
  });

  it("with a cell too many is refused as a whole", () => {
    expect(readImportRow(["reference", "plan"], ["a", "b", "c"])).toEqual({
      wrong: [{ field: "", message: expect.stringMatching(/^the line has 3 cells and the first line 2/) }],
    });
  });
});

function wrongIn(cells: Partial<Record<ImportColumn, string>>) {
  const read = readImportRow(
    COLUMNS,
    COLUMNS.map((column) => ({ ...GOOD, ...cells })[column] ?? ""),
  );
  if (!("wrong" in read)) throw new Error("it was not refused");
  return read.wrong;
}

function row(cells: Partial<Record<ImportColumn, string>>): ImportRow {
  const read = readImportRow(
    COLUMNS,
    COLUMNS.map((column) => ({ ...GOOD, ...cells })[column] ?? ""),
  );
  if ("wrong" in read) throw new Error(JSON.stringify(read.wrong));
  return read;
}

function priced(more: Parameters<typeof aPlan>[0] = {}): PricedPlan {
  const plan = aPlan(more);
  const price = (number: number, amount: number, effectiveOn: string) => ({
    id: `price-${number}` as PlanVersionId,
    planId: plan.id as PlanId,
    number,
    amount: rupiah(amount),
    effectiveOn,
  });
  return { plan, prices: [price(1, 99_000, "2025-01-01"), price(2, 129_000, "2027-01-01")] };
}

/** The first period that is billed, of a monthly plan unless told. */
function first(cells: Partial<Record<ImportColumn, string>>, plan: Parameters<typeof aPlan>[0] = {}) {
  const { terms } = importedTerms(row(cells), priced(plan), TODAY);
  const { index, start, end } = firstPeriodToBill(terms, row(cells).nextBillOn, TODAY);
  return [index, start, end];
}

describe("the first period that is billed", () => {
  test.each<[string, Partial<Record<ImportColumn, string>>, Parameters<typeof aPlan>[0], unknown[]]>([
    ["on the day of a start three years ago", {}, {}, [38, "2027-03-31", "2027-04-30"]],
    ["today, when a period begins today", { start_on: "2024-01-10" }, {}, [38, "2027-03-10", "2027-04-10"]],
    ["on a billing day", { billing_day: "25" }, {}, [38, "2027-03-25", "2027-04-25"]],
    ["on the plan's billing day", {}, { billingDay: 5 }, [39, "2027-04-05", "2027-05-05"]],
    ["on the calendar's 1st", { alignment: "calendar" }, { billingDay: 5 }, [39, "2027-04-01", "2027-05-01"]],
    [
      "on 29 February, clamped",
      { start_on: "2024-02-29" },
      { intervalUnit: "year" },
      [4, "2028-02-29", "2029-02-28"],
    ],
    ["the one that is named", { next_bill_on: "2027-05-31" }, {}, [40, "2027-05-31", "2027-06-30"]],
    [
      "the one that runs, when it is named",
      { next_bill_on: "2027-02-28" },
      {},
      [37, "2027-02-28", "2027-03-31"],
    ],
    [
      "at the end of a trial",
      { start_on: "2027-03-01", trial_ends_on: "2027-03-20" },
      {},
      [0, "2027-03-20", "2027-04-20"],
    ],
    ["from a start in the future", { start_on: "2027-04-15" }, {}, [0, "2027-04-15", "2027-05-15"]],
    [
      "in weeks",
      { start_on: "2026-01-05" },
      { intervalUnit: "week", intervalCount: 2 },
      [31, "2027-03-15", "2027-03-29"],
    ],
    ["not moved by the plan's trial", {}, { trialDays: 14 }, [38, "2027-03-31", "2027-04-30"]],
    [
      "the last of 40 cycles",
      { cycles: "40", next_bill_on: "2027-04-30" },
      {},
      [39, "2027-04-30", "2027-05-31"],
    ],
  ])("is %s", (_name, cells, plan, expected) => {
    expect(first(cells, plan)).toEqual(expected);
  });

  test.each<[string, Partial<Record<ImportColumn, string>>, RegExp]>([
    [
      "no boundary",
      { next_bill_on: "2027-04-01" },
      /^next_bill_on: no period begins on 2027-04-01; the nearest ones do on 2027-03-31 and 2027-04-30$/,
    ],
    [
      "before the start",
      { start_on: "2027-06-01", next_bill_on: "2027-05-01" },
      /^next_bill_on: no period begins on 2027-05-01; the first one begins on 2027-06-01, the second on 2027-07-01$/,
    ],
    [
      "over",
      { next_bill_on: "2027-01-31" },
      /^next_bill_on: the period from 2027-01-31 is over, and nothing is charged for the past; use 2027-02-28/,
    ],
    [
      "after the end",
      { ends_on: "2027-02-01" },
      /^ends_on: nothing is left to bill from 2027-03-10 on, for it ends/,
    ],
    ["after the last cycle", { cycles: "12" }, /^cycles: nothing is left to bill .* its 12 cycles are spent/],
    ["after the last cycle has begun", { cycles: "38" }, /^cycles: nothing is left to bill/],
    ["after both", { cycles: "50", ends_on: "2027-02-01" }, /^ends_on: nothing is left/],
  ])("is refused when it is %s", (_name, cells, says) => {
    expect(() => first(cells)).toThrow(says);
  });
});

describe("the price", () => {
  const priceOf = (cells: Partial<Record<ImportColumn, string>>) =>
    importedTerms(row(cells), priced(), TODAY).price.number;

  test.each<[string, Partial<Record<ImportColumn, string>>, number]>([
    ["the one that the plan had on the start", { start_on: "2026-06-01" }, 1],
    ["the first one for a start before that", { start_on: "2020-06-01" }, 1],
    ["today's for a start since then", { start_on: "2027-02-01" }, 2],
    ["the one of the amount that is named", { start_on: "2024-02-01", amount: "129000" }, 2],
  ])("is %s", (_name, cells, number) => {
    expect(priceOf(cells)).toBe(number);
  });

  it("is refused when the plan never had it", () => {
    expect(() => priceOf({ amount: "98000" })).toThrow(
      /^amount: the plan pro has never cost Rp 98.000, only Rp 99.000, Rp 129.000/,
    );
  });
});

test("texts are remembered with the line they came in first", () => {
  const seen = seenTexts();
  for (let index = 1; index <= 20_000; index += 1) expect(seen.before(`s-${index}`, index + 1)).toBeNull();
  expect(seen.before("s-1", 30_000)).toBe(2);
  expect(seen.before("s-20000", 30_001)).toBe(20_001);
});
