// Who runs, and how much at each latency, so that one run takes 10 to 35 seconds on two cores.
import type { Contender } from "./contender.ts";
import { floor } from "./contenders/floor.ts";
import { loop, peer } from "./contenders/naive.ts";
import { tagihOnPostgres, tagihOnRedis } from "./contenders/tagih.ts";
import type { Options } from "./options.ts";
import type { Race } from "./race.ts";

type Entrant = {
  readonly contender: Contender;
  /** What the tables call it. */
  readonly title: string;
  /** Charges at a fast gateway and at a slow one. */
  readonly charges: { readonly fast: number; readonly slow: number };
  readonly quick: { readonly fast: number; readonly slow: number };
  readonly warmUp: { readonly fast: number; readonly slow: number };
  /** Whether it also runs the batch that is due at one moment. */
  readonly bursts: boolean;
};

const BY_SET = {
  charges: { fast: 40_000, slow: 40_000 },
  quick: { fast: 3_000, slow: 3_000 },
  warmUp: { fast: 6_000, slow: 6_000 },
  bursts: true,
} as const;

export const ENTRANTS: readonly Entrant[] = [
  {
    contender: loop,
    title: "a loop, axios, TypeORM `save()`",
    charges: { fast: 2_000, slow: 60 },
    quick: { fast: 300, slow: 20 },
    warmUp: { fast: 500, slow: 20 },
    bursts: false,
  },
  {
    contender: peer,
    title: "one BullMQ job an invoice, axios, TypeORM `save()`",
    charges: { fast: 4_000, slow: 3_000 },
    quick: { fast: 600, slow: 500 },
    warmUp: { fast: 800, slow: 600 },
    bursts: false,
  },
  { contender: tagihOnRedis, title: "**Tagih**, queue in Redis", ...BY_SET },
  { contender: tagihOnPostgres, title: "**Tagih**, queue in PostgreSQL", ...BY_SET },
  { contender: floor, title: "the floor: same calls, same rows, nothing else", ...BY_SET },
];

/** How many invoices are due at one moment in the batch that measures the time to the first byte. */
export const BURST = 2_000;

/** The run of an entrant at one latency. */
export function raceOf(
  entrant: Entrant,
  latencyMs: number,
  options: Options,
  profileFolder: string | null,
): Race {
  const pace = latencyMs < 20 ? "fast" : "slow";
  const usual = options.quick ? entrant.quick[pace] : entrant.charges[pace];
  return {
    latencyMs,
    warmUp: entrant.warmUp[pace],
    charges: options.charges ?? usual,
    burst: entrant.bursts ? BURST : 0,
    profileFolder,
  };
}
