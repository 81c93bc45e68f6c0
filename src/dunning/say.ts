import { DateTime } from "luxon";
import { formatRupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { dayOfMonth, monthNumber, plusDays } from "../subscriptions/local-date.ts";
import type { Explanation, Moment, Reason } from "./explanation.ts";
import { type Language, WORDS, type Words } from "./say-words.ts";
import { dateAt } from "./wall-clock.ts";

/**
 * A decision as one sentence: what was seen, and what comes next and why. `not asked: balance Rp 42.000 of Rp 99.000;
 * next look today 18:30, next try 25 Jan 08:00 (payday)`.
 */
export function say(explained: Explanation, language: Language): string {
  const words = WORDS[language];
  const seen = sayOutcome(explained, words);
  const next = sayNext(explained, words);
  return seen === null ? next : `${seen}; ${next}`;
}

/** What was thought of and not done, one phrase each, in the order of the days. */
export function sayRejected(explained: Explanation, language: Language): string[] {
  const words = WORDS[language];
  const rejected = [...explained.rejected].sort((one, other) => (one.on < other.on ? -1 : 1));
  return rejected.map(({ what, on, why }) =>
    words.notOn(what, sayDate(explained, on, words), words.why[why]),
  );
}

function sayOutcome({ outcome, amount }: Explanation, words: Words): string | null {
  switch (outcome.kind) {
    case "nothing":
      return null;
    case "declined":
      return words.declined(words.classes[outcome.class], outcome.code);
    case "unread":
      return words.unread(outcome.code);
    case "balance":
      return outcome.available < amount
        ? words.short(formatRupiah(outcome.available), formatRupiah(amount))
        : words.enough(formatRupiah(outcome.available));
  }
}

function sayNext(explained: Explanation, words: Words): string {
  const { kind, reason, next, requests } = explained;
  const at = next.at === null ? words.now : sayMoment(explained, next.at, words);
  switch (kind) {
    case "try":
      return sayTry(explained, at, reason, words);
    case "probe": {
      const later =
        next.try_at === null || next.try_because === null
          ? words.noMoreTries
          : sayTry(explained, sayMoment(explained, next.try_at, words), next.try_because, words);
      return `${words.look(at)}, ${later}`;
    }
    case "end": {
      if (reason.code !== "end") return words.noMoreTries;
      const { because, action } = reason.facts;
      const spent = explained.rejected.some(({ why }) => why === "bill_budget_spent");
      const why = spent ? words.budget(requests.of_bill) : words.endedBecause[because];
      return `${words.noMoreTries} (${why}); ${words.end(at, words.actions[action])}`;
    }
    case "wait":
      return sayWait(reason, at, words);
  }
}

function sayWait(reason: Reason, at: string, words: Words): string {
  switch (reason.code) {
    case "needs_method":
      return words.method;
    case "needs_person":
      return words.person(words.classes[reason.facts.class]);
    case "older_bill_first":
      return words.olderBill(at);
    default:
      return words.doubt;
  }
}

function sayTry(explained: Explanation, at: string, reason: Reason, words: Words): string {
  const notes = notesOf(reason, words);
  const tried = explained.outcome.kind === "nothing" && reason.code === "first_try";
  const said = tried ? words.firstTry(at) : words.try(at);
  return notes.length === 0 ? said : `${said} (${notes.join(", ")})`;
}

function notesOf(reason: Reason, words: Words): string[] {
  const moves = "moves" in reason.facts ? reason.facts.moves.map(({ because }) => words.moves[because]) : [];
  switch (reason.code) {
    case "balance_enough":
      return [words.moneyIsThere, ...moves];
    case "with_other_bill":
      return [words.withOther, ...moves];
    case "cut_off":
      return [words.afterCutOff];
    case "balance_unread":
      return [reason.facts.unseen ? words.unseen : words.readAgain];
    case "ladder": {
      const payday = words.moves.payday;
      return reason.facts.payday && !moves.includes(payday) ? [payday, ...moves] : moves;
    }
    default:
      return moves;
  }
}

function sayMoment(explained: Explanation, moment: Moment, words: Words): string {
  if (moment <= explained.decided_at) return words.now;
  const at = DateTime.fromISO(moment, { zone: "utc" }) as Instant;
  const time = words.clock(at.setZone(explained.zone).toFormat("HH:mm"));
  return `${sayDate(explained, dateAt(at, explained.zone), words)} ${time}`;
}

function sayDate({ decided_at, zone }: Explanation, date: LocalDate, words: Words): string {
  const today = dateAt(DateTime.fromISO(decided_at, { zone: "utc" }) as Instant, zone);
  if (date === today) return words.today;
  if (date === plusDays(today, 1)) return words.tomorrow;
  const shown = `${dayOfMonth(date)} ${words.months[monthNumber(date) % 12] ?? ""}`;
  return date.slice(0, 4) === today.slice(0, 4) ? shown : `${shown} ${date.slice(0, 4)}`;
}
