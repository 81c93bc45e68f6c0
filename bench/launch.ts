// Processes of a run: the gateway, and a contender's own, each with its output in a file.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../src/platform/timer.ts";
import type { LedgerSummary } from "./gateway/ledger.ts";
import type { GatewaySettings } from "./gateway.ts";

const BOOT_PATIENCE_MS = 60_000;

/** Workers are started as ecosystem.config.js starts them. */
export const WORKER_MEMORY = ["--max-old-space-size=384", "--max-semi-space-size=64"];

/** Whatever ends the bench, nothing of it goes on running. */
const living = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of living) child.kill("SIGTERM");
});

export type Launched = {
  readonly name: string;
  readonly pid: number;
  readonly child: ChildProcess;
  readonly logFile: string;
  /** SIGTERM, and waits for the end. */
  stop(): Promise<void>;
};

/** Starts Node with these arguments; what it says goes into a file, as under a supervisor. */
export function launch(
  name: string,
  args: readonly string[],
  { env, folder }: { readonly env: Readonly<Record<string, string>>; readonly folder: string },
): Launched {
  const logFile = join(folder, `${name}.log`);
  const log = openSync(logFile, "a");
  const child = spawn(process.execPath, args, {
    env: { PATH: process.env["PATH"], ...env },
    stdio: ["ignore", log, log, "ipc"],
  });
  closeSync(log);
  const ended = once(child, "exit");
  living.add(child);
  child.once("exit", () => living.delete(child));
  return {
    name,
    pid: child.pid ?? 0,
    child,
    logFile,
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill("SIGTERM");
        await ended;
      }
    },
  };
}

/** Throws, with the end of what it said, when a process is not there any more. */
export function demandAlive({ name, child, logFile }: Launched): void {
  if (child.exitCode === null && child.signalCode === null) return;
  const said = readFileSync(logFile, "utf8").trimEnd().split("\n").slice(-12).join("\n");
  throw new Error(`${name} ended with ${child.exitCode ?? child.signalCode}:\n${said}`);
}

/** Resolves when the process has written this text into its log. */
export async function untilSaid(launched: Launched, text: string): Promise<void> {
  await until(`${launched.name} says ${text}`, BOOT_PATIENCE_MS, async () => {
    demandAlive(launched);
    return readFileSync(launched.logFile, "utf8").includes(text);
  });
}

/** Resolves with the first message that the process sends. */
export async function firstMessage<T>(launched: Launched): Promise<T> {
  const message = once(launched.child, "message").then(([value]) => value as T);
  const died = once(launched.child, "exit").then(() => demandAlive(launched));
  return (await Promise.race([message, died])) as T;
}

export type GatewaySummary = LedgerSummary & {
  readonly delivered: number;
  readonly failedTries: number;
  readonly givenUp: number;
};

export type RunningGateway = {
  readonly url: string;
  readonly launched: Launched;
  summary(): Promise<GatewaySummary>;
  /** CPU microseconds that it has used so far. */
  cpuMicros(): Promise<number>;
  firstBytes(): Promise<number[]>;
  reset(): Promise<void>;
};

/** Starts the stand-in gateway of a run. */
export async function launchGateway(settings: GatewaySettings, folder: string): Promise<RunningGateway> {
  const script = join(import.meta.dirname, "gateway.ts");
  const env = { BENCH_GATEWAY: JSON.stringify(settings) };
  const launched = launch("gateway", ["--import", "tsx", script], { env, folder });
  const { port } = await firstMessage<{ port: number }>(launched);
  const url = `http://127.0.0.1:${port}`;
  const ask = async <T>(path: string) => (await (await fetch(`${url}${path}`)).json()) as T;
  return {
    url,
    launched,
    summary: () => ask("/control/summary"),
    cpuMicros: async () => (await ask<{ micros: number }>("/control/cpu")).micros,
    firstBytes: () => ask("/control/first-bytes"),
    reset: async () => void (await ask("/control/reset")),
  };
}
