import { z } from "zod";
import { InvalidError } from "../kernel/errors.ts";
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
    .default(PAGE_DEFAULT),
  cursor: z.string().max(400).optional(),
};

export type Page<Row> = { readonly data: readonly Row[]; readonly next_cursor: string | null };

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
    next_cursor: more ? Buffer.from(keyOf(last)).toString("base64url") : null,
  };
}

/** The key behind a cursor that `pageOf` gave out; null: from the beginning. Throws `InvalidError` on other text. */
export function afterCursor(cursor: string | undefined): string | null {
  if (cursor === undefined) return null;
  const key = Buffer.from(cursor, "base64url").toString();
  if (key === "" || Buffer.from(key).toString("base64url") !== cursor) {
    throw new InvalidError("cursor: use the next_cursor of the page before, unchanged", { field: "cursor" });
  }
  return key;
}

// Messages do not repeat the field's name: the answer puts it in front.

/** A calendar date that exists, `YYYY-MM-DD`, in years that a typing error seldom hits. */
export function dateField(): z.ZodString {
  const error = "must be a date that exists, written YYYY-MM-DD";
  const inRange = (date: string) => date >= "1970-01-01" && date < "3000-01-01";
  return z
    .string({ error })
    .refine(isLocalDate, { error, abort: true })
    .refine(inRange, { error: "must be between 1970 and 2999" });
}

/** A whole number within bounds, given as a number and not as text. */
export function wholeField(min: number, max: number): z.ZodInt {
  const error = `must be a whole number from ${min} to ${max}`;
  return z.int({ error }).min(min, { error }).max(max, { error });
}

/** More than any wallet holds, and far inside safe integers. */
const AMOUNT_LIMIT = 1_000_000_000_000;

/** A price: whole rupiah above 0. Text and sen are refused, for rounding a price is never ours to do. */
export function rupiahField(): z.ZodInt {
  const error = "must be whole rupiah: an integer above 0, without sen and without quotes, e.g. 99000";
  return z.int({ error }).min(1, { error }).max(AMOUNT_LIMIT, { error });
}

/** Our caller's own name for a thing: it travels in URLs and on the wire, so plain ASCII. */
export function referenceField(): z.ZodString {
  const error =
    "must be 1 to 64 letters, digits, dots, dashes or underscores, beginning with a letter or digit";
  return z.string({ error }).regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/, { error });
}
