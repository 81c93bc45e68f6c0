// The large form: everything that can be killed, stopped, cut or wiped is, while five thousand invoices are charged.
import type { Instant } from "../../src/kernel/time.ts";
import { FAILPOINTS, seededRandom } from "../../src/platform/failpoint.ts";
import { type Arena, openArena } from "./arena.ts";
import { openChronicle } from "./chronicle.ts";
import { countExceptions, exceptionLines, judge } from "./judge.ts";
import { openNemesis, type Plan } from "./nemesis.ts";
import { type Outcome, promises, type Settings } from "./outcome.ts";
import { letTimePass } from "./passing-time.ts";
import { PRICE, phoneOf, populate, START } from "./populace.ts";
import { openWarden } from "./warden.ts";

const DAYS = 10;
/** The whole inquiry ladder, and the dunning of those whose wallets were empty at first. */
const AFTERMATH_DAYS = 22;
const SILENT_EVERY = 3;
/** Some wallets are empty for the first days; some balances cannot be read once. Both lead to checks without a charge. */
const POOR_EVERY = 25;
const RICH_ON_DAY = 4;
const SLOW_BALANCE_EVERY = 20;
const LATENCY_MS = 400;
/** Three calls an invoice: a wave lasts long enough to be struck several times. */
const CALLS_PER_SECOND = 150;
const PATIENCE_MS = 900_000;
const SERVER_KILLS = 10;

export async function runLarge({ queue, invoices, kills, workers, seed }: Settings): Promise<Outcome> {
  const startedAt = performance.now();
  const random = seededRandom(seed);
  const env = { GATEWAY_RATE_PER_SECOND: String(CALLS_PER_SECOND) };
  const arena = await openArena({ queue, workers, latencyMs: LATENCY_MS, start: START, env });
  const chronicle = openChronicle();
  try {
    const count = Math.ceil(invoices / DAYS);
    await populate(arena, { count, days: DAYS, prepare: (phone, index) => prepare(arena, phone, index) });
    const plan: Plan = {
      "kill-worker": kills,
      "kill-server": SERVER_KILLS,
      "stop-worker": 3,
      "wipe-queue": 2,
      "cut-connections": 2,
      "restart-postgres": 2,
      ...(queue === "redis" ? { "stop-redis": 1 } : {}),
    };
    const warden = openWarden(arena, chronicle, random);
    let poor = true;
    const nemesis = openNemesis(arena, plan, { chronicle, warden, random });
    try {
      await letTimePass(arena, {
        until: START.plus({ days: DAYS + AFTERMATH_DAYS }) as Instant,
        patienceMs: PATIENCE_MS,
        onStep: async (at) => {
          if (!poor || at < START.plus({ days: RICH_ON_DAY })) return;
          fillPoorWallets(arena, count);
          poor = false;
        },
      });
    } finally {
      await nemesis.stop();
      await warden.stop();
    }
    const judgement = await judge(arena, count * DAYS);
    const exceptions = await countExceptions(arena);
    const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
    const points = FAILPOINTS.map((point) => `${point} ${warden.passed.get(point) ?? 0}`);
    return {
      judgement,
      told: [
        `queue ${queue}, seed ${seed}, ${seconds} s`,
        ...chronicle.lines(),
        ...exceptionLines(exceptions),
        `died at: ${points.join(", ")}`,
      ],
      checks: [
        ...promises(judgement),
        { promise: "every fault of the plan strikes", kept: nemesis.left() === 0 },
        { promise: "no invoice is parked: an outage is nobody's fault", kept: !exceptions.has("parked") },
        { promise: "somebody dies at 12 named points or more", kept: warden.passed.size >= 12 },
      ],
    };
  } finally {
    chronicle.close();
    await arena.close();
  }
}

function prepare({ simulator }: Arena, phone: string, index: number): number {
  const match = { phone };
  if (index % SILENT_EVERY === 0) simulator.script({ match, outcome: "notify-never", times: DAYS });
  if (index % SLOW_BALANCE_EVERY === 1)
    simulator.script({ match: { phone, path: "/balance-inquiry" }, outcome: "slow:1500" });
  return index % POOR_EVERY === 2 ? 0 : PRICE * DAYS;
}

function fillPoorWallets({ simulator }: Arena, count: number): void {
  for (let index = 2; index < count; index += POOR_EVERY)
    simulator.changeWallet(phoneOf(index), { balance: PRICE * DAYS });
}
