// A gateway that lies: of every kind of lie one payment in twenty meets one, drawn by the seed.
import type { Instant } from "../../src/kernel/time.ts";
import { seededRandom } from "../../src/platform/failpoint.ts";
import { type Arena, GATEWAY_TIMEOUT_MS, openArena } from "./arena.ts";
import { countExceptions, exceptionLines, judge } from "./judge.ts";
import { type Outcome, promises, type Settings } from "./outcome.ts";
import { letTimePass } from "./passing-time.ts";
import { PRICE, populate, START } from "./populace.ts";

const DAYS = 10;
/** A proof of "not found" and two re-sends take days each; then a person is told. */
const AFTERMATH_DAYS = 25;
const LATENCY_MS = 50;
const SLOW_MS = GATEWAY_TIMEOUT_MS + 500;
const PATIENCE_MS = 900_000;
const EACH = 0.05;

/** What happens to a payment's request or its answer; at most one of them each. */
const ANSWERS = [
  "timeout-after-commit",
  "timeout-before-commit",
  "reset-after-commit",
  "reset-before-commit",
  "500-after-commit",
  "502-html-after-commit",
  "504-after-commit",
  "truncated-json",
  "409-replay",
  "4095400",
  "4095401",
  "202",
  `slow:${SLOW_MS}`,
] as const;
/** What happens to its notification. */
const NOTICES = [
  "notify-early",
  "notify-late:600000",
  "notify-twice",
  "notify-reordered",
  "notify-never",
  "notify-wrong-amount",
] as const;
/** What an inquiry is told; it follows an answer that is lost, with a notification that never comes. */
const INQUIRIES = ["not-found-then-found:2", "wrong-amount-in-status"] as const;
const ASKED_ABOUT = "timeout-after-commit+notify-never";

export async function runLies({
  queue,
  invoices,
  workers,
  seed,
  breakerPercent,
}: Settings): Promise<Outcome> {
  const startedAt = performance.now();
  const random = seededRandom(seed);
  const env = { BREAKER_PERCENT: String(breakerPercent) };
  const arena = await openArena({ queue, workers, latencyMs: LATENCY_MS, start: START, env });
  const drawn = new Map<string, number>();
  try {
    const count = Math.ceil(invoices / DAYS);
    await populate(arena, {
      count,
      days: DAYS,
      prepare: (phone) => {
        for (let day = 0; day < DAYS; day += 1) lie(arena, phone, random, drawn);
        return PRICE * DAYS;
      },
    });
    await letTimePass(arena, {
      until: START.plus({ days: DAYS + AFTERMATH_DAYS }) as Instant,
      patienceMs: PATIENCE_MS,
    });
    const judgement = await judge(arena, count * DAYS);
    const exceptions = await countExceptions(arena);
    const [breaker] = await arena.db.begin((tx) =>
      tx.query<{ state: string }>(`select state from breaker where id = 1`),
    );
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const kinds = ANSWERS.length + NOTICES.length + INQUIRIES.length;
    return {
      judgement,
      told: [
        `queue ${queue}, seed ${seed}, ${seconds} s`,
        `lies told: ${[...drawn].map(([what, times]) => `${what} ${times}`).join(", ")}`,
        ...exceptionLines(exceptions),
      ],
      checks: [
        ...promises(judgement),
        { promise: `every one of ${kinds} kinds of lie is told`, kept: drawn.size === kinds },
        {
          promise:
            breakerPercent < 100 ? "the breaker opens, and is closed at the end" : "the breaker stays closed",
          kept: exceptions.has("breaker_open") === breakerPercent < 100 && breaker?.state === "closed",
        },
      ],
    };
  } finally {
    await arena.close();
  }
}

/** One payment's script. Those of a phone are used up in order, so that lies are mixed over the whole run. */
function lie({ simulator }: Arena, phone: string, random: () => number, drawn: Map<string, number>): void {
  const note = (what: string) => drawn.set(what, (drawn.get(what) ?? 0) + 1);
  const draw = <T extends string>(kinds: readonly T[]) => kinds[Math.floor(random() / EACH)];
  const inquiry = draw(INQUIRIES);
  if (inquiry !== undefined) {
    note(inquiry);
    simulator.script({ match: { phone }, outcome: ASKED_ABOUT });
    simulator.script({ match: { phone }, outcome: inquiry });
    return;
  }
  const chosen = [draw(ANSWERS), draw(NOTICES)].filter((each) => each !== undefined);
  for (const each of chosen) note(each);
  // A payment without a lie takes its turn as well: 2005400 is what happens anyway.
  simulator.script({ match: { phone }, outcome: chosen.length === 0 ? "2005400" : chosen.join("+") });
}
