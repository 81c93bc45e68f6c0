import { DateTime } from "luxon";
import { formatRupiah } from "../../kernel/money.ts";
import { type Instant, localDateAt } from "../../kernel/time.ts";
import { monotonicMs } from "../../platform/real-time.ts";
import { renderReport, reportBody } from "../../reports/render-report.ts";
import { ties } from "../../reports/report.ts";
import { runReport } from "../../reports/run-report.flow.ts";
import { untilToldToStop } from "../process.ts";
import { followOneCustomer } from "./one-customer.ts";
import { compareLedger, live, loadSample, type Narrator } from "./play.ts";
import { readSample } from "./sample.ts";
import { buildStage, type Stage } from "./stage.ts";

/** A Monday morning before the charge window opens, so that the first billing day is seen whole. */
const START = DateTime.fromISO("2027-01-04T07:00", { zone: "Asia/Jakarta" }).toUTC() as Instant;
const DAYS = 8;

export type DemoOptions = { readonly once?: boolean; readonly json?: boolean };

/** `tagih demo`: answers true when every sum ties and the gateway's ledger agrees; false also when it is interrupted. */
export async function demoCommand(options: DemoOptions): Promise<boolean> {
  const narrate = narrator(options.json === true);
  const told = untilToldToStop();
  const stage = await buildStage(START);
  try {
    const story = play(stage, options, narrate);
    // Interrupted, the story runs against a stage that is being taken down: its complaints are nobody's business.
    story.catch(() => {});
    const interrupted = told.then(() => {
      if (options.once === true) process.stderr.write("stopped before the end\n");
      return false;
    });
    const good = await Promise.race([story, interrupted]);
    if (options.once !== true) await told;
    return good;
  } finally {
    await stage.close();
  }
}

async function play(stage: Stage, options: DemoOptions, narrate: Narrator): Promise<boolean> {
  const startedMs = monotonicMs();
  narrate(stage.notice);
  narrate("Queue: BullMQ on the same PostgreSQL, no Redis needed. Gateway: the simulator, no money moves.");
  const sample = readSample();
  await loadSample(stage, sample, START, narrate);
  const end = START.plus({ days: DAYS }) as Instant;
  await live(stage, sample, { start: START, end }, narrate);
  await followOneCustomer(stage, end, narrate);
  const good = await tell(stage, end, options, (monotonicMs() - startedMs) / 1_000);
  if (options.once !== true) {
    narrate(`The API stays up at ${stage.doors.url}/api/v1 (Authorization: Bearer ${stage.apiKey}),`);
    narrate(`the gateway's own page at ${stage.simulator.url}. Ctrl-C ends.`);
  }
  return good;
}

async function tell(stage: Stage, end: Instant, options: DemoOptions, seconds: number): Promise<boolean> {
  const { db, clock, policy } = stage.house;
  const scope = { from: localDateAt(START, policy.zone), to: localDateAt(end, policy.zone) };
  const tools = { db, clock, zone: policy.zone };
  const collection = await runReport(tools, "collection", { ...scope, group: "week" });
  const failures = await runReport(tools, "failures", scope);
  const ledger = await compareLedger(stage);
  const good = ties(collection) && ties(failures);
  if (options.json === true) {
    const document = { collection: reportBody(collection), failures: reportBody(failures), ledger, seconds };
    process.stdout.write(`${JSON.stringify(document)}\n`);
    return good;
  }
  const lines = [
    "",
    renderReport(collection, "table"),
    "",
    renderReport(failures, "table"),
    "",
    `The gateway's ledger holds exactly one payment for each of the ${ledger.paid} paid invoices (${formatRupiah(ledger.amount)}); none was taken twice.`,
    `${DAYS} days lived in ${seconds.toFixed(1)} s. Log: ${stage.logFile}`,
  ];
  process.stdout.write(`${lines.join("\n")}\n`);
  return good;
}

/** Plain lines to whoever reads; on a terminal the progress of the days is one line that changes. */
function narrator(silent: boolean): Narrator {
  let open = false;
  const say = (line: string) => {
    if (silent) return;
    process.stdout.write(`${open ? "\n" : ""}${line}\n`);
    open = false;
  };
  const progress = (line: string) => {
    if (silent) return;
    if (!process.stdout.isTTY) return say(line);
    process.stdout.write(`\r\u001b[2K${line}`);
    open = true;
  };
  return Object.assign(say, { progress });
}
