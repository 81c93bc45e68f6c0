import { DateTime } from "luxon";
import type { Seen } from "../dunning/dunning-facts.ts";

/** What was seen of a wallet, as it stands in a column. */
export type StoredOutcome = { readonly at: string } & Record<string, unknown>;

/** The outcome for its column. */
export function outcomeToJson(seen: Seen | null): StoredOutcome | null {
  return seen === null ? null : { ...seen, at: seen.at.toUTC().toISO() };
}

/** The outcome of its column. */
export function outcomeFromJson(stored: StoredOutcome | null): Seen | null {
  return stored === null
    ? null
    : ({ ...stored, at: DateTime.fromISO(stored.at, { zone: "utc" }) } as unknown as Seen);
}
