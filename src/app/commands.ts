import { DateTime, Duration } from "luxon";
import { InvalidError } from "../kernel/errors.ts";
import type { Instant } from "../kernel/time.ts";
import { readTurnedClock, setTurnedClock, systemClock, turnedClock } from "../platform/clock.ts";
import { BELLS, migrateQueue, openQueue } from "../platform/queue.ts";
import { realNow } from "../platform/real-time.ts";
import { type ReportFormat, renderReport } from "../reports/render-report.ts";
import { ties } from "../reports/report.ts";
import { type AskedReport, runReport } from "../reports/run-report.flow.ts";
import { turnClock } from "../scheduler/turn-clock.flow.ts";
import { openHouse, queueBackendOf } from "./house.ts";
import { standOn, untilToldToStop } from "./process.ts";
import { migrate, openHouseDatabase } from "./schema.ts";
import { openDoors } from "./server.ts";
import { runBeat, startWorker } from "./worker.ts";

/** How long a worker that is told to stop may finish its pages: a lease, within what supervisors grant. */
const DRAIN_MS = 25_000;

/** `tagih migrate`: brings all tables up to date. */
export async function migrateCommand(): Promise<string> {
  const footing = await standOn("migrate", {});
  try {
    const done = await migrate(footing.databaseUrl);
    await migrateQueue(queueBackendOf(footing.config, footing.databaseUrl));
    return done.length === 0 ? "nothing to migrate" : `migrated: ${done.join(", ")}`;
  } finally {
    await footing.leave();
  }
}

/** `tagih serve`: the HTTP doors, until SIGTERM. */
export async function serveCommand(): Promise<void> {
  const footing = await standOn("server", { gateway: true, api: true });
  const house = await openHouse(footing.config, { ...footing, role: "server" });
  const host = footing.config.production ? "0.0.0.0" : "127.0.0.1";
  const doors = await openDoors(house, { host, port: footing.config.port }).catch(async (error: unknown) => {
    // A supervisor must see the process end, or it never starts it again.
    await house.close();
    await footing.leave();
    throw error;
  });
  footing.log.info({ event: "server.listening", url: doors.url });
  process.send?.("ready");
  const signal = await untilToldToStop();
  footing.log.info({ event: "server.stopping", signal });
  await doors.close();
  await house.close();
  await footing.leave();
  footing.log.info({ event: "server.stopped" });
}

/** `tagih worker`: answers bells and beats, until SIGTERM. */
export async function workerCommand(): Promise<void> {
  const footing = await standOn("worker", { gateway: true });
  const house = await openHouse(footing.config, { ...footing, role: "worker" });
  const worker = await startWorker(house);
  process.send?.("ready");
  const signal = await untilToldToStop();
  footing.log.info({ event: "worker.stopping", signal });
  await worker.stop(DRAIN_MS);
  await house.close();
  await footing.leave();
}

/** `tagih tick [--now ISO]`: one beat; bells are left for workers. */
export async function tickCommand(options: { readonly now?: string }): Promise<string> {
  const footing = await standOn("tick", { gateway: true });
  try {
    if (options.now !== undefined && !footing.config.turnedClock)
      throw new InvalidError("--now only works with TAGIH_CLOCK=turned: real time cannot be chosen", {
        usage: true,
      });
    const house = await openHouse(footing.config, { ...footing, role: "tick" });
    const at = options.now === undefined ? null : instantOf(options.now, footing.config.billingZone, "--now");
    if (at !== null) await house.db.begin((tx) => setTurnedClock(tx, at));
    const beat = await runBeat(house);
    await house.close();
    return `opened ${beat.opened} invoices, rang for ${beat.rung} and for ${beat.deliveries} deliveries`;
  } finally {
    await footing.leave();
  }
}

/** Business time as ISO 8601, and what is worth knowing about how it was moved; null: nothing. */
type ClockShown = { readonly at: string; readonly note: string | null };

/** `tagih clock --set ISO | --advance DURATION | --show`: moves or shows the turned clock. */
export async function clockCommand(options: {
  readonly set?: string;
  readonly advance?: string;
  readonly show?: boolean;
}): Promise<ClockShown> {
  const footing = await standOn("clock", {});
  const { config } = footing;
  try {
    if (!config.turnedClock && options.show !== true)
      throw new InvalidError("the clock can only be moved with TAGIH_CLOCK=turned", { usage: true });
    const db = await openHouseDatabase(footing.databaseUrl, "clock", 4);
    const bells = openQueue(queueBackendOf(config, footing.databaseUrl), BELLS, footing.log);
    try {
      if (options.show === true) {
        const at = config.turnedClock ? await db.begin((tx) => readTurnedClock(tx)) : realNow();
        return { at: (at ?? realNow()).setZone(config.billingZone).toISO() ?? "", note: null };
      }
      const countBells = async () => (await bells.waitingCount()) + (await bells.activeCount());
      const tools = { db, countBells, patienceMs: 6 * config.gatewayTimeoutMs };
      const target = clockTarget(options, config.billingZone);
      const before = await db.begin((tx) => readTurnedClock(tx));
      const at = await turnClock(tools, target, realNow());
      return { at: at.setZone(config.billingZone).toISO() ?? "", note: setBackBy(before, at) };
    } finally {
      await bells.close();
      await db.close();
    }
  } finally {
    await footing.leave();
  }
}

/** Null when it was not set back; its first setting is never called that. */
function setBackBy(before: Instant | null, at: Instant): string | null {
  if (before === null || at >= before) return null;
  const by = before.diff(at, ["days", "hours", "minutes", "seconds"]).rescale();
  return `set back by ${by.toHuman({ listStyle: "long" })}: what was done in that time stays done`;
}

function clockTarget(options: { readonly set?: string; readonly advance?: string }, zone: string) {
  if ((options.set === undefined) === (options.advance === undefined))
    throw new InvalidError("give one of --set ISO, --advance DURATION, --show", { usage: true });
  if (options.set !== undefined) {
    const at = instantOf(options.set, zone, "--set");
    return () => at;
  }
  const by = durationOf(options.advance ?? "");
  return (now: Instant) => now.plus(by) as Instant;
}

function instantOf(text: string, zone: string, option: string): Instant {
  const at = DateTime.fromISO(text, { zone });
  if (!at.isValid)
    throw new InvalidError(`${option}: "${text}" is no time; write it like 2027-01-31T09:00`, {
      usage: true,
    });
  return at.toUTC() as Instant;
}

/** `90m`, `2h`, `3d`, or ISO 8601 such as `P1DT2H`. */
function durationOf(text: string): Duration {
  const [, count, unit] = /^(\d{1,6})(s|m|h|d)$/.exec(text) ?? [];
  const units = { s: "seconds", m: "minutes", h: "hours", d: "days" } as const;
  const by =
    count === undefined
      ? Duration.fromISO(text)
      : Duration.fromObject({ [units[unit as keyof typeof units]]: Number(count) });
  if (!by.isValid || by.toMillis() <= 0)
    throw new InvalidError(`--advance: "${text}" is no duration; write it like 90m, 2h, 3d or P1D`, {
      usage: true,
    });
  return by;
}

/** `tagih report <name>`: the rendered report, and whether its sums tie. */
export async function reportCommand(
  name: string,
  { format, ...asked }: AskedReport & { readonly format: ReportFormat },
): Promise<{ readonly text: string; readonly sumsTie: boolean }> {
  const footing = await standOn("report", {});
  try {
    const db = await openHouseDatabase(footing.databaseUrl, "report", 2);
    try {
      const clock = footing.config.turnedClock ? turnedClock : systemClock;
      const report = await runReport({ db, clock, zone: footing.config.billingZone }, name, asked);
      return { text: renderReport(report, format), sumsTie: ties(report) };
    } finally {
      await db.close();
    }
  } finally {
    await footing.leave();
  }
}
