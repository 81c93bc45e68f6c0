import type { TurnedTime } from "../platform/turned-time.ts";
import type { VirtualClock } from "../simulator/virtual-clock.ts";
import { type Chance, chanceOf } from "./chance.ts";

/** The one clock of a simulated life, and what is planned on it. Times are epoch milliseconds. */
export type Agenda = {
  readonly time: TurnedTime;
  readonly nowMs: () => number;
  /** Runs `work` when the clock gets there; the result takes it off again. */
  at(atMs: number, work: () => void): () => void;
  nextAtMs(): number | null;
  /** Moves the clock, and begins what is due by then, in its order. */
  moveTo(atMs: number): void;
  /** From now on ids are drawn from the stream of these words: what is made next has the same id in every run. */
  name(...words: readonly (string | number)[]): void;
  /** The clock of the machines is set: `byMs` on (or back), with nothing lived in between. */
  step(byMs: number): void;
  /** Whether they were set in the last `ms` that were lived. */
  steppedWithin(ms: number): boolean;
};

type Entry = { readonly atMs: number; readonly work: () => void };

export function makeAgenda(startMs: number, seed: number): Agenda {
  let ids: Chance = chanceOf(seed, "ids");
  // Time that only grows, and how far the clock on the wall is from it.
  let livedMs = startMs;
  let wallOffMs = 0;
  let steppedMs = Number.NEGATIVE_INFINITY;
  const entries: Entry[] = [];

  const add = (atMs: number, work: () => void) => {
    const entry = { atMs, work };
    let place = entries.length;
    while (place > 0 && (entries[place - 1]?.atMs ?? 0) > atMs) place -= 1;
    entries.splice(place, 0, entry);
    return () => {
      const found = entries.indexOf(entry);
      if (found >= 0) entries.splice(found, 1);
    };
  };
  const nowMs = () => livedMs + wallOffMs;

  return {
    nowMs,
    at: (atMs, work) => add(atMs - wallOffMs, work),
    nextAtMs: () => {
      const [first] = entries;
      return first === undefined ? null : first.atMs + wallOffMs;
    },
    moveTo: (atMs) => {
      livedMs = Math.max(livedMs, atMs - wallOffMs);
      while (entries[0] !== undefined && entries[0].atMs <= livedMs) entries.shift()?.work();
    },
    name: (...words) => {
      ids = chanceOf(seed, "ids", ...words);
    },
    step: (byMs) => {
      wallOffMs += byMs;
      steppedMs = livedMs;
    },
    steppedWithin: (ms) => livedMs - steppedMs < ms,
    time: {
      nowMs,
      monotonicMs: () => livedMs,
      sleep: (ms) => new Promise((resume) => void add(livedMs + ms, () => resume())),
      draw: () => ids(),
    },
  };
}

/** The gateway's own clock: it is the same one. `begin` starts what falls due. */
export function gatewayClock(agenda: Agenda, begin: (work: () => Promise<void>) => void): VirtualClock {
  return {
    now: agenda.nowMs,
    isTurned: () => true,
    schedule: (atMs, work) => {
      if (atMs > agenda.nowMs()) return agenda.at(atMs, () => begin(work));
      begin(work);
      return () => {};
    },
    moveTo: async () => {},
    nextEventAt: agenda.nextAtMs,
    stop: () => {},
  };
}
