import { z } from "zod";
import { AppError } from "../kernel/errors.ts";
import { isLocalDate } from "../kernel/time.ts";

/** A list answers at most this many rows at once: a page must stay small enough to render and to read. */
const PAGE_LIMIT = 200;
const PAGE_DEFAULT = 50;

/** Query fields that every list takes. */
export const pageFields = {
  limit: z.coerce
    .number({ error: `must be a number from 1 to ${PAGE_LIMIT}` })
    .int()
    .min(1, { error: "must be at least 1" })
    .max(PAGE_LIMIT, { error: `may be at most ${PAGE_LIMIT}` })
    .default(PAGE_DEFAULT)
    .describe("how many rows a page has at most"),
  cursor: z.string().max(400).optional().describe("next_cursor of the page before"),
};

export type Page<Row> = { readonly data: readonly Row[]; readonly next_cursor: string | null };

/** What a list of such rows answers, for `answers` of a route. */
export function pageAnswer<Row extends z.ZodType>(row: Row) {
  return z.strictObject({ data: z.array(row), next_cursor: z.string().nullable() });
}

/** Makes a page of rows that were read with `limit + 1`; `keyOf` is the unique column the list is ordered by. */
export function pageOf<Row, Shown>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => string,
  show: (row: Row) => Shown,
): Page<Shown> {
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const more = rows.length > limit && last !== undefined;
  return {
    data: shown.map(show),
    next_cursor: more ? cursorOf(keyOf(last)) : null,
  };
}

/** The cursor of a page that ends with `key`, for lists that are not simply rows. */
export function cursorOf(key: string): string {
  return Buffer.from(key).toString("base64url");
}

/** A cursor that no page of this list gave out. */
export class CursorError extends AppError {
  readonly code = "malformed";
  readonly retry = "never";
  constructor() {
    super("cursor: use the next_cursor of the page before, unchanged", { field: "cursor" });
  }
}

/**
 * The key behind a cursor that `pageOf` gave out; null: from the beginning. Throws `CursorError` on other text and on
 * a key that `isKey` does not know: what PostgreSQL could not read must not reach it.
 */
export function afterCursor(
  cursor: string | undefined,
  isKey: (key: string) => boolean = isReference,
): string | null {
  if (cursor === undefined) return null;
  const key = Buffer.from(cursor, "base64url").toString();
  if (Buffer.from(key).toString("base64url") !== cursor || !isKey(key)) throw new CursorError();
  return key;
}

/** The key of a list in the order of a bigint id; 18 digits always fit. */
export function isNumberKey(key: string): boolean {
  return /^[1-9]\d{0,17}$/.test(key);
}

/** A UUID as PostgreSQL writes it. */
export function isUuid(text: string): boolean {
  return /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text);
}

/** The key of a list in the order of dates: `YYYY-MM-DD/uuid`. */
export function isDatedKey(key: string): boolean {
  const [date = "", id = "", ...more] = key.split("/");
  return isKeyDate(date) && isUuid(id) && more.length === 0;
}

/** The key of a list in the order of instants: a `timestamptz` as PostgreSQL writes it, a slash, a reference. */
export function isTimedKey(key: string): boolean {
  const [at = "", reference = "", ...more] = key.split("/");
  const [date = "", time = "", ...rest] = at.split(" ");
  const timed =
    isKeyDate(date) && /^([01]\d|2[0-3])(:[0-5]\d){2}(\.\d{1,6})?[+-](0\d|1[0-4])(:[0-5]\d)?$/.test(time);
  return timed && isReference(reference) && rest.length + more.length === 0;
}

/** PostgreSQL knows no year 0. */
function isKeyDate(date: string): boolean {
  return /^[12]/.test(date) && isLocalDate(date);
}

const REFERENCE = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

function isReference(key: string): boolean {
  return REFERENCE.test(key);
}

// Messages do not repeat the field's name: the answer puts it in front.

/** A calendar date that exists, `YYYY-MM-DD`, in years that a typing error seldom hits. */
export function dateField(): z.ZodString {
  const error = "must be a date that exists, written YYYY-MM-DD";
  const inRange = (date: string) => date >= "1970-01-01" && date < "3000-01-01";
  return z
    .string({ error })
    .refine(isLocalDate, { error, abort: true })
    .refine(inRange, { error: "must be between 1970 and 2999" })
    .meta({ format: "date" });
}

/** A whole number within bounds, given as a number and not as text. */
export function wholeField(min: number, max: number): z.ZodInt {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** A moment in an answer, ISO 8601. */
export function momentField() {
  return z.iso.datetime({ offset: true });
}

/** More than any wallet holds, and far inside safe integers. */
const AMOUNT_LIMIT = 1_000_000_000_000;

/** A price: whole rupiah above 0. Text and sen are refused, for rounding a price is never ours to do. */
export function rupiahField(): z.ZodInt {
  const error = "must be whole rupiah: an integer above 0, without sen and without quotes, e.g. 99000";
  return z.int({ error }).min(1, { error }).max(AMOUNT_LIMIT, { error }).describe("whole rupiah");
}

const REASON = { min: 3, max: 200 } as const;

/** Words of a person, such as why something was done: what a customer who asks is told. `says` is what it must say. */
export function reasonField(says = "must say why"): z.ZodString {
  const { min, max } = REASON;
  const error = `${says}, in at least ${min} characters`;
  return z
    .string({ error })
    .trim()
    .min(min, { error })
    .max(max, { error: `must be at most ${max} characters` });
}

/** Of a text that people keep in a file: the command line also takes `@` and the file's name for it. */
export const FILE_FORMAT = "file-text";

/** The text of a file, at most `longest` letters. */
export function fileField(longest: number): z.ZodString {
  const error = `must be the text of a file, at most ${longest} letters`;
  return z.string({ error }).min(1, { error }).max(longest, { error }).meta({ format: FILE_FORMAT });
}

/** Our caller's own name for a thing: it travels in URLs and on the wire, so plain ASCII. */
export function referenceField(): z.ZodString {
  const error =
    "must be 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit";
  return z.string({ error }).regex(REFERENCE, { error });
}
