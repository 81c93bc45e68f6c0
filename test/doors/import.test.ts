import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { importCommand } from "../../src/app/import-command.ts";
import { importProgress } from "../../src/app/import-progress.ts";
import { freshDatabaseUrl } from "../support/db.ts";
import { MERCHANT, makeFolder, runTagih } from "../support/run-tagih.ts";

/** A dozen processes, one after another. */
const STORY = { timeout: 120_000 };
const EXAMPLE = join(import.meta.dirname, "../../examples/subscriptions.csv");
const folder = makeFolder();
afterAll(folder.remove);

const PLAN = ["--code", "gym", "--name", "Gym", "--amount", "99000", "--interval", "month"];
const HEADER = "reference;customer;customer_name;phone;plan;start_on";

async function office() {
  const env = {
    DATABASE_URL: await freshDatabaseUrl(),
    TAGIH_ENCRYPTION_KEY: MERCHANT.env.TAGIH_ENCRYPTION_KEY,
    QUEUE_BACKEND: "postgres",
  };
  const tagih = (...words: string[]) => runTagih(words, { cwd: folder.path, env });
  await tagih("plan", "create", ...PLAN);
  return tagih;
}

function put(name: string, ...lines: string[]): string {
  const path = join(folder.path, name);
  writeFileSync(path, lines.join("\r\n"));
  return path;
}

test("the example is imported, and the second time nothing changes", STORY, async () => {
  const tagih = await office();
  const first = await tagih("import", EXAMPLE, "--results", "first.csv");
  expect(first).toMatchObject({
    code: 0,
    out: "3 rows: 3 imported, 0 unchanged, 0 refused\neach line: first.csv\n",
  });
  const again = await tagih("import", EXAMPLE, "--results", "again.csv", "--json");
  expect([again.code, JSON.parse(again.out)]).toEqual([
    0,
    { imported: 0, unchanged: 3, refused: 0, results: "again.csv", errors: [] },
  ]);
  const shown = await tagih("subscription", "show", "gym-0001", "--json");
  expect(JSON.parse(shown.out)).toMatchObject({
    state: "incomplete",
    start_on: "2024-01-31",
    amount: 99_000,
  });
});

test("a file with bad lines ends with 1, names them, and the good ones are in", STORY, async () => {
  const tagih = await office();
  put(
    "people.csv",
    `\uFEFF${HEADER}`,
    "s-1;budi;Budi;081234567890;gym;2024-01-31",
    "s-2;sari;Sari;081234567891;gym;31-01-2024",
    '=cmd|"calc";agus;"Agus, S.E.";081234567892;gym;2024-01-31',
    '"=cmd|""calc""";agus;"Agus, S.E.";081234567892;gym;2024-01-31',
  );
  const dry = await tagih("import", "people.csv", "--dry-run");
  expect([dry.code, dry.out.split("\n")[0]]).toEqual([
    1,
    "4 rows: dry run, nothing was stored: 1 would be imported, 0 unchanged, 3 refused",
  ]);
  const done = await tagih("import", "people.csv");
  expect(done.code).toBe(1);
  expect(done.out).toMatch(
    /^4 rows: 1 imported, 0 unchanged, 3 refused\n {2}line 3, start_on: must be a date/,
  );
  const [heading, ...rows] = readFileSync(join(folder.path, "people.results.csv"), "utf8")
    .trimEnd()
    .split("\r\n");
  expect(heading).toBe("line,reference,result,column,message");
  expect(rows[0]).toMatch(/^2,s-1,imported,,"bills from 20\d\d-\d\d-\d\d, once the wallet is linked"$/);
  expect(rows[1]).toMatch(/^3,s-2,refused,start_on,"must be a date that exists, written YYYY-MM-DD"$/);
  expect(rows[2]).toMatch(/^4,,refused,,"?cell 1 has a quote in it/);
  // What a spreadsheet would run is text in the results as well.
  expect(rows[3]).toMatch(/^5,"'=cmd\|""calc""",refused,reference,/);
});

test(
  "a file of other columns, or results that have no place, end with 64, one message and no results",
  STORY,
  async () => {
    const tagih = await office();
    put("other.csv", "referense,customer,plan,start_on", "s-1,budi,gym,2024-01-31");
    expect(await tagih("import", "other.csv")).toMatchObject({
      code: 64,
      out: "",
      err: expect.stringMatching(/^tagih: there is no column referense; is it reference\?;/),
    });
    expect(existsSync(join(folder.path, "other.results.csv"))).toBe(false);
    const kept = put("kept.csv", "of the day before");
    expect(await tagih("import", "other.csv", "--results", "kept.csv")).toMatchObject({ code: 64 });
    expect(readFileSync(kept, "utf8")).toBe("of the day before");
    put("nobody.csv", HEADER);
    expect(await tagih("import", "nobody.csv", "--results", "kept.csv")).toMatchObject({ code: 0 });
    expect(readFileSync(kept, "utf8")).toBe("line,reference,result,column,message\r\n");
    expect(await tagih("import", "other.csv", "--results", "no/where.csv")).toMatchObject({
      code: 64,
      err: expect.stringMatching(/^tagih: --results: no\/where.csv cannot be written/),
    });
  },
);

test.each<[string, string, string | undefined, RegExp]>([
  ["that is not there", "nowhere.csv", undefined, /^there is no file .*nowhere.csv$/],
  ["that is a folder", ".", undefined, /is not a file$/],
  [
    "whose results would be written over it",
    "own.csv",
    "./own.csv",
    /^--results: that is the file to import/,
  ],
])("a file %s is refused before anything is opened", async (_name, file, results, says) => {
  put("own.csv", HEADER);
  const inside = (name: string) => join(folder.path, name);
  const flags = results === undefined ? {} : { results: inside(results) };
  await expect(importCommand(inside(file), flags)).rejects.toThrow(says);
});

test("a terminal sees a bar, a log a line each 10,000 rows", () => {
  const nobody = { importable: 0, unchanged: 0 };
  const seen = (isTTY: boolean) => {
    const written: string[] = [];
    let nowMs = 0;
    const screen = { isTTY, columns: 100, write: (text: string) => written.push(text) };
    const progress = importProgress({ screen, bytes: 1_000, nowMs: () => nowMs });
    for (let step = 1; step <= 10; step += 1) {
      nowMs = step * 50;
      progress.show(step * 100, { ...nobody, imported: step * 4_950, refused: step * 50 });
    }
    progress.end();
    return written.join("");
  };
  expect(seen(true).split("\r").slice(1)).toEqual([
    "██░░░░░░░░░░░░░░░░░░░░░░  10 %  5,000 rows  100,000/s  50 refused",
    "███████░░░░░░░░░░░░░░░░░  30 %  15,000 rows  100,000/s  150 refused",
    "████████████░░░░░░░░░░░░  50 %  25,000 rows  100,000/s  250 refused",
    "█████████████████░░░░░░░  70 %  35,000 rows  100,000/s  350 refused",
    "██████████████████████░░  90 %  45,000 rows  100,000/s  450 refused",
    "████████████████████████ 100 %  50,000 rows  100,000/s  500 refused\n",
  ]);
  expect(seen(false).split("\n")).toEqual([
    "10,000 rows, 20 %, 100 refused",
    "20,000 rows, 40 %, 200 refused",
    "30,000 rows, 60 %, 300 refused",
    "40,000 rows, 80 %, 400 refused",
    "50,000 rows, 100 %, 500 refused",
    "",
  ]);
});
