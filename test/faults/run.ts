// `npm run test:faults`: things are killed, cut, wiped and lied to while Tagih charges; the gateway's ledger decides.
import { parseArgs } from "node:util";
import { LOG_FILE } from "./arena.ts";
import { runLarge } from "./large.ts";
import { runLies } from "./lies.ts";
import { runOutage } from "./outage.ts";
import type { Check, Outcome, Settings } from "./outcome.ts";
import { runRolling } from "./rolling.ts";
import { runShort } from "./short.ts";

const { values } = parseArgs({
  options: {
    queue: { type: "string", default: "postgres" },
    seed: { type: "string", default: "1" },
    workers: { type: "string" },
    invoices: { type: "string" },
    kills: { type: "string" },
    // With most of the line lying the default would let few calls through: by itself it stays out of the way.
    breaker: { type: "string", default: "100" },
    large: { type: "boolean", default: false },
    lies: { type: "boolean", default: false },
    outage: { type: "boolean", default: false },
    rolling: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
  },
});

type Mode = {
  readonly run: (settings: Settings) => Promise<Outcome>;
  readonly workers: number;
  readonly invoices: number;
  readonly kills: number;
};

const MODES = {
  short: { run: runShort, workers: 3, invoices: 500, kills: 10 },
  lies: { run: runLies, workers: 3, invoices: 2_500, kills: 0 },
  outage: { run: runOutage, workers: 3, invoices: 2_500, kills: 0 },
  rolling: { run: runRolling, workers: 4, invoices: 2_500, kills: 0 },
  large: { run: runLarge, workers: 4, invoices: 5_000, kills: 50 },
} as const satisfies Record<string, Mode>;

/** Enough to see what it is; the rest is more of it. */
const MOST_TOLD = 20;

function report({ judgement, told }: Outcome): void {
  const { invoices, paid, open, inReview, attempts, requests, inquiries, movements } = judgement;
  for (const line of told) console.log(line);
  console.log(`${invoices} invoices: ${paid} paid, ${open} open, ${inReview} attempts in review`);
  console.log(
    `${attempts} attempts, ${requests} payment requests written (${judgement.unanswered} never answered to their sender), ${inquiries} inquiries, ${movements} movements of money`,
  );
  console.log(`paid twice: ${judgement.paidTwice}, lost: ${judgement.lost}`);
  for (const problem of judgement.problems) console.log(`  ${problem}`);
  console.log(`rules broken: ${judgement.broken.length}`);
  for (const each of judgement.broken.slice(0, MOST_TOLD)) console.log(`  ${each}`);
}

const name = (["large", "lies", "outage", "rolling"] as const).find((each) => values[each]) ?? "short";
const mode: Mode = MODES[name];
try {
  const outcome = await mode.run({
    queue: values.queue === "redis" ? "redis" : "postgres",
    seed: Number(values.seed),
    workers: Number(values.workers ?? mode.workers),
    invoices: Number(values.invoices ?? mode.invoices),
    kills: Number(values.kills ?? mode.kills),
    breakerPercent: Number(values.breaker),
  });
  if (values.json) console.log(JSON.stringify(outcome));
  else report(outcome);
  conclude(outcome.checks);
} catch (error) {
  console.log(error);
  conclude([{ promise: "the run comes to an end", kept: false }]);
}

function conclude(checks: readonly Check[]): void {
  const broken = checks.filter((check) => !check.kept);
  for (const { promise } of broken) console.log(`broken: ${promise}`);
  if (broken.length > 0) console.log(`log: ${LOG_FILE}`);
  console.log(`${checks.length - broken.length} passed, ${broken.length} failed`);
  process.exitCode = broken.length > 0 ? 1 : 0;
}
