// What a run says at its end.
import type { Judgement } from "./judge.ts";

export type Settings = {
  readonly queue: "postgres" | "redis";
  readonly invoices: number;
  readonly kills: number;
  readonly workers: number;
  readonly seed: number;
  /** Share of bad calls above which the breaker opens; 100: never. For runs of lies. */
  readonly breakerPercent: number;
};

/** One promise of a run, and whether it was kept. */
export type Check = { readonly promise: string; readonly kept: boolean };

export type Outcome = {
  readonly judgement: Judgement;
  /** What happened, a line each. */
  readonly told: readonly string[];
  readonly checks: readonly Check[];
};

/** What every run promises, whatever was done to it. */
export function promises(judgement: Judgement): Check[] {
  return [
    { promise: "nothing is paid twice", kept: judgement.paidTwice === 0 },
    { promise: "nothing is lost", kept: judgement.lost === 0 },
    {
      promise: "all are closed, or with a person who is told why",
      kept: judgement.open === judgement.withPerson,
    },
    { promise: "every rule of the house holds", kept: judgement.broken.length === 0 },
  ];
}

/** Half of the times are at most the first, all at most the second; "none" without any. */
export function medianAndMax(times: readonly number[]): string {
  const sorted = [...times].sort((a, b) => a - b);
  const last = sorted.at(-1);
  if (last === undefined) return "none";
  const seconds = (ms: number) => `${(ms / 1_000).toFixed(1)} s`;
  return `p50 ${seconds(sorted[(sorted.length - 1) >> 1] ?? last)}, max ${seconds(last)}`;
}
