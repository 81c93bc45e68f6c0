import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { type CsvLine, csvLines } from "../../src/platform/csv-lines.ts";
import { csvText } from "../../src/reports/csv.ts";
import { inChunks } from "../support/importing.ts";

async function read(content: string | Uint8Array, chunk = 7): Promise<CsvLine[]> {
  const bytes = typeof content === "string" ? Buffer.from(content) : content;
  const lines: CsvLine[] = [];
  for await (const line of csvLines(inChunks(bytes, chunk))) lines.push(line);
  return lines;
}

async function cellsOf(content: string | Uint8Array) {
  return (await read(content)).map((line) => (line.kind === "cells" ? line.cells : line.says));
}

const TWO = [
  ["a", "b"],
  ["1", "2"],
];

test.each<[string, string | Uint8Array]>([
  ["LF", "a,b\n1,2\n"],
  ["CRLF", "a,b\r\n1,2\r\n"],
  ["both of them", "a,b\r\n1,2\n"],
  ["no end of the last line", "a,b\n1,2"],
  ["a byte order mark", "\uFEFFa,b\n1,2\n"],
  ["a byte order mark and quotes", '\uFEFF"a","b"\n"1","2"\n'],
  ["semicolons", "a;b\r\n1;2\r\n"],
  ["tabs", "a\tb\n1\t2\n"],
  ["blank lines and lines of delimiters only", "\n\na,b\n\r\n,\n , \n1,2\n\n"],
])("a file with %s is read", async (_name, content) => {
  expect(await cellsOf(content)).toEqual(TWO);
});

describe("a cell", () => {
  it("in quotes may hold delimiters and quotes that are written twice", async () => {
    expect(await cellsOf('a,b\n"x, y","he said ""hi"""\n"",""""\n')).toEqual([
      ["a", "b"],
      ["x, y", 'he said "hi"'],
      ["", '"'],
    ]);
  });

  it("keeps a comma when the file is of semicolons, also when the first line has one in quotes", async () => {
    expect(await cellsOf('"a, or, so";b\nx,y;2\n')).toEqual([
      ["a, or, so", "b"],
      ["x,y", "2"],
    ]);
  });
});

test.each<[string, string, RegExp]>([
  ["a quote that is not closed", '1,"x\n', /^the quote of cell 2 is not closed on its line/],
  ["text behind closing quotes", '1,"x"y\n', /^the quotes of cell 2 end before the cell does/],
  ["a quote inside a bare cell", '1,he said "hi"\n', /^cell 2 has a quote in it/],
  ["an enormous cell", `1,${"x".repeat(5_000_000)}\n`, /^the line is longer than 16384 bytes/],
  ["an enormous cell in quotes", `1,"${"x".repeat(50_000)}"\n`, /^the line is longer than/],
])("%s spoils its own line and no other", async (_name, line, says) => {
  const lines = await read(`a,b\n${line}3,4\n5,6\n`, 64 * 1024);
  expect(lines).toEqual([
    { kind: "cells", line: 1, cells: ["a", "b"] },
    { kind: "unreadable", line: 2, says: expect.stringMatching(says) },
    { kind: "cells", line: 3, cells: ["3", "4"] },
    { kind: "cells", line: 4, cells: ["5", "6"] },
  ]);
});

test("lines are counted as an editor counts them, blank ones included", async () => {
  expect((await read("a,b\n\n1,2\n\n\n3,4\n")).map(({ line }) => line)).toEqual([1, 3, 6]);
});

test("bytes that are not UTF-8 are refused, with the cure", async () => {
  const latin = Buffer.concat([Buffer.from("a,b\nJos"), Buffer.from([0xe9]), Buffer.from(",2\n3,4\n")]);
  expect(await cellsOf(latin)).toEqual([
    ["a", "b"],
    expect.stringMatching(/not UTF-8: save it as/),
    ["3", "4"],
  ]);
  expect((await cellsOf(Buffer.from("\uFEFFa,b\n1,2\n", "utf16le")))[0]).toMatch(/^the file is UTF-16/);
});

test("a letter that is cut between two chunks is whole again", async () => {
  expect(await cellsOf("a,b\nJosé,ñandú 渋谷\n")).toEqual([
    ["a", "b"],
    ["José", "ñandú 渋谷"],
  ]);
});

test("what our own reports write is read as it was, however the chunks fall", async () => {
  const cell = fc.string({ unit: "grapheme", maxLength: 12 }).filter((text) => !/[\r\n]/.test(text));
  const records = fc.array(fc.tuple(fc.constant("x"), cell, cell), { minLength: 1, maxLength: 8 });
  await fc.assert(
    fc.asyncProperty(records, fc.integer({ min: 1, max: 40 }), async (rows, chunk) => {
      const text = `first,second,third\r\n${csvText(rows)}`;
      const lines = await read(text, chunk);
      const safe = (value: string) =>
        /^[\s\uFEFF]*[=+\-@\uFF1D\uFF0B\uFF0D\uFF20]|^\t/.test(value) ? `'${value}` : value;
      expect(lines.slice(1).map((line) => line.kind === "cells" && line.cells)).toEqual(
        rows.map((row) => row.map(safe)),
      );
    }),
    { numRuns: 300, seed: 6 },
  );
});
