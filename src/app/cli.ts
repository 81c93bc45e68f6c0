import { Argument, Command, CommanderError, Option } from "commander";
import { AppError, AwayError, InvalidError } from "../kernel/errors.ts";
import { CursorError } from "../platform/api-fields.ts";
import { ConfigError } from "../platform/config.ts";
import { embeddedStatus, stopEmbedded } from "../platform/embedded/embedded.ts";
import { GROUPINGS } from "../reports/collection.ts";
import { REPORT_FORMATS, type ReportFormat } from "../reports/render-report.ts";
import { REPORT_NAMES } from "../reports/run-report.flow.ts";
import { FAULT_LEVELS } from "../simulation/population.ts";
import { preview, previewInput, previewInputFromText } from "../subscriptions/preview.ts";
import { addApiCommands, errorInFlags, optionName } from "./api-commands.ts";
import {
  clockCommand,
  migrateCommand,
  reportCommand,
  serveCommand,
  tickCommand,
  workerCommand,
} from "./commands.ts";
import { demoCommand } from "./demo/demo.ts";
import { type ImportFlags, importCommand } from "./import-command.ts";
import { EMBEDDED_DIR } from "./process.ts";
import { describedRoutes, runApiCommand } from "./run-api-command.ts";
import { type SimulateFlags, simulateCommand } from "./simulate-command.ts";
import { type SimulatorFlags, simulatorCommand } from "./simulator-command.ts";

/** Exit codes: sysexits.h where it has one. */
const EXIT = { done: 0, badNews: 1, usage: 64, away: 69, configuration: 78 } as const;

const say = (text: string): void => {
  process.stdout.write(`${text}\n`);
};

function program(): Command {
  const tagih = new Command("tagih")
    .description("Recurring billing for merchants whose customers pay by OVO wallet, over DOKU SNAP.")
    .showHelpAfterError()
    .exitOverride();
  tagih
    .command("migrate")
    .description("bring all tables up to date")
    .action(async () => say(await migrateCommand()));
  tagih.command("serve").description("the HTTP API and the gateway's notifications").action(serveCommand);
  tagih.command("worker").description("collect what is due").action(workerCommand);
  tagih
    .command("simulator")
    .description("a stand-in for DOKU's gateway")
    .option("--port <port>", "where to listen; 0 takes a free one")
    .option("--merchant-url <url>", "where the merchant's routes are")
    .option("--client-id <id>", "the merchant's; without these four flags the DOKU_ variables say who it is")
    .option("--secret-key <secret>", "the merchant's")
    .option("--merchant-public-key <file>", "PEM")
    .action((flags: SimulatorFlags) => simulatorCommand(flags));
  tagih
    .command("tick")
    .description("one beat of the scheduler")
    .option("--now <time>", "set business time first; only with TAGIH_CLOCK=turned")
    .action(async (options: { now?: string }) => say(await tickCommand(options)));
  tagih
    .command("clock")
    .description("move or show business time; moving needs TAGIH_CLOCK=turned")
    .option("--set <time>", "to this time, such as 2027-01-31T09:00 in BILLING_ZONE")
    .option("--advance <duration>", "on by 90m, 2h, 3d or ISO 8601")
    .option("--show", "print business time and move nothing")
    .action(async (options) => {
      const { at, note } = await clockCommand(options);
      say(at);
      // Programs read the time; this is for whoever typed it.
      if (note !== null) process.stderr.write(`${note}\n`);
    });
  tagih
    .command("demo")
    .description("watch it work: simulator, server, worker and eight billing days on a fast clock")
    .option("--once", "end after the reports")
    .option("--json", "print one JSON document instead of tables")
    .action(async (options) => {
      process.exitCode = (await demoCommand(options)) ? EXIT.done : EXIT.badNews;
    });
  addSimulate(tagih);
  addEmbedded(tagih);
  addReport(tagih);
  addPreview(tagih);
  addImport(tagih);
  tagih.commandsGroup("The API's commands (each has --help and --json):");
  addApiCommands(tagih, describedRoutes(), async (route, typed) => say(await runApiCommand(route, typed)));
  return tagih;
}

function addSimulate(tagih: Command): void {
  tagih
    .command("simulate")
    .description("live months of billing in seconds, with everything going wrong on purpose")
    .option("--subscriptions <n>", "how many", "100")
    .option("--months <n>", "how long", "3")
    .option("--seed <n>", "the same seed tells the same story", "1")
    .addOption(new Option("--faults <level>", "what goes wrong").choices(FAULT_LEVELS).default("ordinary"))
    .option("--workers <n>", "processes that collect", "2")
    .option("--lenient", "the gateway takes the same reference twice, as a broken one would")
    .option("--json", "one JSON document instead of tables")
    .action(async (flags: SimulateFlags) => {
      if (!(await simulateCommand(flags))) process.exitCode = EXIT.badNews;
    });
}

function addEmbedded(tagih: Command): void {
  const embedded = tagih.command("embedded").description("the embedded PostgreSQL of this folder");
  embedded.command("status").action(async () => say(await embeddedStatus(EMBEDDED_DIR)));
  embedded
    .command("stop")
    .action(async () => say((await stopEmbedded(EMBEDDED_DIR)) ? "stopped" : "nothing was running"));
}

function addReport(tagih: Command): void {
  tagih
    .command("report")
    .addArgument(new Argument("<name>", "which one").choices(REPORT_NAMES))
    .description("collection or failures; exit 1 when its sums do not tie")
    .option("--from <date>", "the first day; 30 days before the last one unless told")
    .option("--to <date>", "the last day; today unless told")
    .option("--plan <code>", "of one plan only")
    .addOption(new Option("--group <by>", "rows of collection").choices(GROUPINGS).default("day"))
    .addOption(new Option("--format <format>", "how it is printed").choices(REPORT_FORMATS).default("table"))
    .option("--json", "the same as --format json")
    .action(async (name: string, { json, format, ...asked }) => {
      const wanted: ReportFormat = json === true ? "json" : format;
      const { text, sumsTie } = await reportCommand(name, { ...asked, format: wanted }).catch((error) => {
        throw errorInFlags(error, []);
      });
      say(text);
      if (!sumsTie) process.exitCode = EXIT.badNews;
    });
}

function addImport(tagih: Command): void {
  tagih
    .command("import <file>")
    .description("running subscriptions from a CSV file; exit 1 when a line was refused")
    .option("--results <file>", "what became of each line; <name>.results.csv besides the file unless said")
    .option("--dry-run", "show what would be done; nothing is stored")
    .option("--json", "the counts and the first refusals as JSON")
    .action(async (file: string, flags: ImportFlags) => {
      const { text, allGood } = await importCommand(file, flags);
      say(text);
      if (!allGood) process.exitCode = EXIT.badNews;
    });
}

function addPreview(tagih: Command): void {
  tagih
    .command("preview")
    .description(
      "the periods, dates and amounts of a subscription that does not exist yet (of a plan: subscription preview)",
    )
    .option("--start <date>", "the first day, required")
    .option("--interval <unit>", "day, week, month, quarter, half_year, year; required")
    .option("--count <n>", "how many intervals to a period; 1 unless given")
    .option(
      "--billing-day <day>",
      "1-31: the day of the month on which periods begin, after a short first one",
    )
    .option("--billing-month <month>", "1-12: a month in which a period begins")
    .option("--alignment <kind>", "anniversary (the default) or calendar: Mondays, the 1st, quarters")
    .option("--zone <zone>", "only checked: periods are the same dates in every zone")
    .option("--trial-days <n>", "days that are not billed at the beginning")
    .option("--trial-ends-on <date>", "the first day that is billed")
    .option("--ends-on <date>", "the first day that is not billed any more")
    .option("--cycles <n>", "how many invoices there will be in all; no end unless given")
    .option("--amount <rupiah>", "the price of a whole period; without it amounts are 0")
    .option("--periods <n>", "how many to show at most; 12 unless given")
    .option("--json", "as a JSON array (the default)")
    .action((options: Record<string, string | undefined>) => {
      const { start, interval, count, alignment, zone, cycles, amount, periods } = options;
      const words = {
        start,
        interval,
        count,
        alignment,
        zone,
        cycles,
        amount,
        periods,
        billing_day: options["billingDay"],
        billing_month: options["billingMonth"],
        trial_days: options["trialDays"],
        trial_ends_on: options["trialEndsOn"],
        ends_on: options["endsOn"],
      };
      say(previewText(words));
    });
}

function previewText(words: Readonly<Record<string, string | undefined>>): string {
  try {
    return JSON.stringify(preview(previewInputFromText(words, optionName)), null, 2);
  } catch (error) {
    throw errorInFlags(error, Object.keys(previewInput.shape));
  }
}

function exitCodeOf(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof ConfigError) return EXIT.configuration;
  // What is wrong in itself, the API's 400 and 422. What the house refuses as it stands (404, 409) is bad news.
  if (error instanceof InvalidError || error instanceof CursorError) return EXIT.usage;
  if (error instanceof AwayError) return EXIT.away;
  return EXIT.badNews;
}

/** Runs one command line; ends the process with the exit code that its outcome has. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await program().parseAsync([...argv]);
  } catch (error) {
    process.exitCode = exitCodeOf(error);
    // Commander has printed its own errors already.
    if (error instanceof CommanderError) return;
    const known = error instanceof AppError;
    process.stderr.write(
      `tagih: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`,
    );
    const cause = known && error.cause instanceof Error ? error.cause.message : null;
    if (cause !== null) process.stderr.write(`  because: ${cause}\n`);
  }
}
