import { isUtf8 } from "node:buffer";

/** One line of a CSV file that is not blank: its cells, or why it has none. Lines are counted from 1. */
export type CsvLine =
  | { readonly kind: "cells"; readonly line: number; readonly cells: readonly string[] }
  | { readonly kind: "unreadable"; readonly line: number; readonly says: string };

/** Far more than all cells of ours together; what is longer is no line but a file without line ends. */
const MAX_LINE_BYTES = 16 * 1024;

const NEWLINE = 0x0a;
const RETURN = 0x0d;
const BOM = Buffer.from([0xef, 0xbb, 0xbf]);
const UTF16_BOMS = [Buffer.from([0xff, 0xfe]), Buffer.from([0xfe, 0xff])];
const DELIMITERS = [",", ";", "\t"];

/**
 * Reads CSV as it comes: UTF-8 with or without a byte order mark, LF or CRLF, quotes as in RFC 4180, and of comma,
 * semicolon and tab whichever the first line has most of. A cell holds no line break: so a quote that somebody forgot
 * spoils its own line, and not the rest of the file. One line is held in memory at a time.
 */
export async function* csvLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<CsvLine> {
  let line = 0;
  let delimiter: string | null = null;
  for await (const piece of physicalLines(bytes)) {
    line += 1;
    const text = readText(line === 1 ? withoutBom(piece) : piece);
    if (typeof text !== "string") {
      yield { kind: "unreadable", line, says: text.says };
      continue;
    }
    if (text.trim() === "") continue;
    delimiter ??= delimiterOf(text);
    const cells = splitCells(text, delimiter);
    if (typeof cells === "string") yield { kind: "unreadable", line, says: cells };
    else if (cells.some((cell) => cell.trim() !== "")) yield { kind: "cells", line, cells };
  }
}

/** Lines without their ends; one that is too long is cut a byte above the limit, and the rest of it is dropped. */
async function* physicalLines(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let begun: Buffer[] = [];
  let length = 0;
  const take = (part: Buffer): void => {
    const fits = part.subarray(0, MAX_LINE_BYTES + 1 - length);
    if (fits.length === 0) return;
    // Copied: otherwise a short line would keep its whole chunk alive.
    begun.push(Buffer.from(fits));
    length += fits.length;
  };
  const end = (): Buffer => {
    const whole = begun.length === 1 ? (begun[0] as Buffer) : Buffer.concat(begun);
    begun = [];
    length = 0;
    return whole.at(-1) === RETURN ? whole.subarray(0, -1) : whole;
  };
  for await (const chunk of bytes) {
    const buffer = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    let from = 0;
    for (let at = buffer.indexOf(NEWLINE); at >= 0; at = buffer.indexOf(NEWLINE, from)) {
      take(buffer.subarray(from, at));
      from = at + 1;
      yield end();
    }
    take(buffer.subarray(from));
  }
  if (length > 0) yield end();
}

function withoutBom(line: Buffer): Buffer {
  return line.subarray(0, BOM.length).equals(BOM) ? line.subarray(BOM.length) : line;
}

function readText(bytes: Buffer): string | { readonly says: string } {
  if (bytes.length > MAX_LINE_BYTES) return { says: `the line is longer than ${MAX_LINE_BYTES} bytes` };
  if (isUtf8(bytes)) return bytes.toString("utf8");
  const utf16 = UTF16_BOMS.some((bom) => bytes.subarray(0, bom.length).equals(bom));
  const found = utf16 ? "the file is UTF-16" : "the line holds bytes that are not UTF-8";
  return { says: `${found}: save it as "CSV UTF-8"` };
}

/** Of the delimiters the one that stands most often outside quotes; comma when there is none. */
function delimiterOf(text: string): string {
  const bare = text.replace(/"[^"]*"/g, "");
  const counts = DELIMITERS.map((delimiter) => bare.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))] ?? ",";
}

/** The cells, or what is wrong with the quotes. */
function splitCells(text: string, delimiter: string): string[] | string {
  const cells: string[] = [];
  let from = 0;
  for (;;) {
    if (text[from] === '"') {
      const close = closingQuote(text, from + 1);
      if (close < 0)
        return `the quote of cell ${cells.length + 1} is not closed on its line: a cell holds no line break`;
      const after = text[close + 1];
      if (after !== undefined && after !== delimiter)
        return `the quotes of cell ${cells.length + 1} end before the cell does: a quote inside is written twice`;
      cells.push(text.slice(from + 1, close).replaceAll('""', '"'));
      from = close + 2;
      if (after === undefined) return cells;
    } else {
      const next = text.indexOf(delimiter, from);
      const cell = text.slice(from, next < 0 ? undefined : next);
      if (cell.includes('"'))
        return `cell ${cells.length + 1} has a quote in it: put the whole cell in quotes and write that one twice`;
      cells.push(cell);
      if (next < 0) return cells;
      from = next + 1;
    }
  }
}

/** Where the quoted cell ends: the first quote that is not one of a pair; -1 when there is none. */
function closingQuote(text: string, from: number): number {
  for (let at = text.indexOf('"', from); at >= 0; at = text.indexOf('"', at + 2))
    if (text[at + 1] !== '"') return at;
  return -1;
}
