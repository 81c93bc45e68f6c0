import { DateTime } from "luxon";
import { describe, expect, it } from "vitest";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { collectionReport, type TermRow } from "../../src/reports/collection.ts";
import { csvText } from "../../src/reports/csv.ts";
import { type FailureRow, failureReport } from "../../src/reports/failures.ts";
import { renderReport } from "../../src/reports/render-report.ts";
import { type Report, type Sum, ties } from "../../src/reports/report.ts";
import { reportScope } from "../../src/reports/report-scope.ts";

const HEAD = {
  from: "2027-01-01",
  to: "2027-01-31",
  plan: null,
  zone: "Asia/Jakarta",
  asOf: DateTime.fromISO("2027-01-31T03:00:00Z", { zone: "utc" }) as Instant,
};

function sum(n: number, amount: number): Sum {
  return { n, amount: rupiah(amount) };
}

function row(term: TermRow["term"], n: number, amount: number, more: Partial<TermRow> = {}): TermRow {
  return { period: "2027-01-05", term, failed: false, byHand: false, ...sum(n, amount), ...more };
}

const ROWS: readonly TermRow[] = [
  row("paid", 10, 990_000),
  row("paid", 2, 198_000, { failed: true, period: "2027-01-06" }),
  row("in_dunning", 1, 1_234_567, { failed: true }),
  row("waiting_method", 1, 49_000),
];

function collection(invoiced: Sum = sum(14, 2_471_567)): Report {
  return collectionReport(HEAD, { rows: ROWS, invoiced, paidByHand: sum(0, 0), grouping: "day" });
}

function failure(more: Partial<FailureRow>): FailureRow {
  return {
    asked: true,
    class: "funds",
    code: "4035414",
    place: "first",
    plan: "monthly",
    ...sum(3, 297_000),
    ...more,
  };
}

describe("the table", () => {
  it("writes money as Indonesian finance does, aligned to the right", () => {
    const lines = renderReport(collection(), "table").split("\n");
    const dunning = lines.find((line) => line.includes("in dunning  ")) ?? "";
    const paid = lines.find((line) => line.startsWith("  paid ")) ?? "";
    expect(dunning).toContain("Rp 1.234.567");
    expect(paid).toContain("Rp 1.188.000");
    expect(dunning.indexOf("Rp 1.234.567")).toBe(paid.indexOf("Rp 1.188.000"));
  });

  it("says what it is about, in which zone and as of when", () => {
    const text = renderReport(collection(), "table");
    expect(text).toContain("invoices billed 2027-01-01 to 2027-01-31, all plans");
    expect(text).toContain("a photo");
    expect(text).toContain("as of 2027-01-31T10:00:00+07:00 (Asia/Jakarta)");
  });

  it("puts the definition beside the number", () => {
    const line = renderReport(collection(), "table")
      .split("\n")
      .find((each) => each.includes("waiting: method"));
    expect(line).toContain("the customer has no active wallet binding");
  });

  it("shows shares in per cent, and a dash where there is nothing to divide by", () => {
    expect(renderReport(collection(), "table")).toMatch(/first-try success +71\.4 % +40\.1 %/);
    const empty = collectionReport(HEAD, {
      rows: [],
      invoiced: sum(0, 0),
      paidByHand: sum(0, 0),
      grouping: "day",
    });
    expect(renderReport(empty, "table")).toMatch(/first-try success +- +-/);
    expect(ties(empty)).toBe(true);
  });

  it("cannot be made to steer the terminal by a text from outside", () => {
    const rows = [failure({ code: "4035414\u001b[2J\u0007" })];
    const report = failureReport(HEAD, { rows, failedAttempts: sum(3, 297_000), notAsked: sum(0, 0) });
    const text = renderReport(report, "table");
    expect(text).toContain("4035414?[2J?");
    expect(text).not.toContain("\u001b");
  });
});

describe("the checks", () => {
  it("tie when the terms add up to what was invoiced", () => {
    expect(ties(collection())).toBe(true);
    expect(renderReport(collection(), "table")).toContain("ties: invoiced = paid");
  });

  it.each([
    ["an invoice is missing", sum(15, 2_471_567)],
    ["a rupiah is missing", sum(14, 2_471_568)],
  ])("do not tie when %s, and the report says so", (_, invoiced) => {
    const report = collection(invoiced);
    expect(ties(report)).toBe(false);
    expect(renderReport(report, "table")).toContain("DOES NOT TIE");
    expect(JSON.parse(renderReport(report, "json"))).toMatchObject({ ties: false });
  });

  it("do not tie when failed attempts are not all among the reasons", () => {
    const facts = { rows: [failure({})], failedAttempts: sum(4, 396_000), notAsked: sum(0, 0) };
    expect(ties(failureReport(HEAD, facts))).toBe(false);
  });
});

describe("JSON and CSV", () => {
  it("hold the same totals", () => {
    const json = JSON.parse(renderReport(collection(), "json")) as {
      total: Record<string, Sum>;
      periods: { period: string }[];
    };
    const records = renderReport(collection(), "csv").trimEnd().split("\r\n").slice(1);
    const totals = records.map((line) => line.split(",")).filter((cells) => cells[6] === "total");
    expect(totals.length).toBe(Object.keys(json.total).length);
    for (const [, , , , , , , measure = "", n, amount] of totals)
      expect(json.total[measure]).toEqual({ n: Number(n), amount: Number(amount) });
    expect(json.periods.map((each) => each.period)).toEqual(["2027-01-05", "2027-01-06"]);
  });

  it("keep tries that were refused apart from those that were not asked", () => {
    const rows = [
      failure({}),
      failure({ asked: false, code: "balance short", place: "last", ...sum(1, 99_000) }),
    ];
    const report = failureReport(HEAD, { rows, failedAttempts: sum(3, 297_000), notAsked: sum(1, 99_000) });
    expect(ties(report)).toBe(true);
    expect(JSON.parse(renderReport(report, "json"))).toMatchObject({
      total: { refused: { n: 3 }, not_asked: { n: 1 }, all: { n: 4, amount: 396_000 } },
    });
    const records = renderReport(report, "csv").split("\r\n");
    expect(records[1]).toContain(
      "Asia/Jakarta,2027-01-31T10:00:00+07:00,refused,funds,4035414,first,monthly,3,297000,",
    );
    expect(records[2]).toContain("not asked,funds,balance short,last,monthly,1,99000,");
  });
});

describe("CSV", () => {
  it.each([
    ["=1+1", "'=1+1"],
    ["+62812", "'+62812"],
    ["-5", "'-5"],
    ["@sum(a1)", "'@sum(a1)"],
    ["  =1", "'  =1"],
    ["\t1", "'\t1"],
    ["＝1", "'＝1"],
    ["plain", "plain"],
    ["a-b", "a-b"],
    ['=a,"b"', `"'=a,""b"""`],
  ])("makes the text %j safe for a spreadsheet", (text, cell) => {
    expect(csvText([[text]])).toBe(`${cell}\r\n`);
  });

  it("quotes commas, quotes and line ends, and ends every record with CRLF", () => {
    expect(csvText([["a,b", 'say "hi"', "two\nlines"], ["c"]])).toBe(
      '"a,b","say ""hi""","two\nlines"\r\nc\r\n',
    );
  });

  it("leaves numbers alone, negative ones too, and writes nothing for null", () => {
    expect(csvText([[-5, null, 0]])).toBe("-5,,0\r\n");
  });
});

describe("the period", () => {
  it("is the last 31 days to today unless said", () => {
    expect(reportScope({}, "2027-01-31")).toEqual({ from: "2027-01-01", to: "2027-01-31", plan: null });
  });

  it("ends on the day that is asked for and begins 31 days before", () => {
    expect(reportScope({ to: "2027-03-31" }, "2027-06-01").from).toBe("2027-03-01");
  });

  it.each([
    [{ from: "2027-02-01", to: "2027-01-31" }, "from: 2027-02-01 is after 2027-01-31"],
    [{ from: "2027-02-30" }, "from: must be a date that exists"],
    [{ to: "31-01-2027" }, "to: must be a date that exists"],
    [{ from: "2020-01-01", to: "2027-01-31" }, "from: a report covers at most 731 days"],
  ])("refuses %j", (asked, message) => {
    expect(() => reportScope(asked, "2027-01-31")).toThrow(message);
  });
});
