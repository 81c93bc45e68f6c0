// Server and workers as processes of their own, started as a supervisor starts them.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { WriteStream } from "node:fs";
import { join } from "node:path";
import type { Failpoint } from "../../src/platform/failpoint.ts";

const PROGRAM = join(import.meta.dirname, "../../bin/tagih.mjs");

export type Environment = Readonly<Record<string, string | undefined>>;

/** Where a process is told to die by itself, and how likely at each pass. */
export type Sentence = { readonly at: Failpoint; readonly probability: number; readonly seed: number };

export type Process = {
  readonly name: string;
  readonly child: ChildProcess;
  readonly sentence: Sentence | null;
};

export function launch(
  command: "serve" | "worker",
  name: string,
  env: Environment,
  log: WriteStream,
  sentence: Sentence | null = null,
): Process {
  const points =
    sentence === null
      ? {}
      : { TAGIH_FAILPOINTS: `seed:${sentence.seed},${sentence.at}:${sentence.probability}` };
  const child = spawn(process.execPath, [PROGRAM, command], {
    env: { ...env, ...points },
    stdio: ["ignore", "pipe", "pipe"],
  });
  child.stdout?.pipe(log, { end: false });
  child.stderr?.pipe(log, { end: false });
  return { name, child, sentence };
}

/** True while the process runs. */
export function isRunning({ child }: Process): boolean {
  return child.exitCode === null && child.signalCode === null;
}

/** Resolves when the process logs this event; rejects when it ends before. Ask as soon as it is started. */
export function untilLogged({ name, child }: Process, event: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const look = (text: Buffer) => {
      if (!text.includes(`"event":"${event}"`)) return;
      child.stdout?.off("data", look);
      resolve();
    };
    child.stdout?.on("data", look);
    child.once("exit", () => reject(new Error(`${name} ended before it said ${event}`)));
  });
}

/** Sends the signal and waits for the end; the exit code, or null when the signal ended it. */
export async function end(running: Process, signal: "SIGTERM" | "SIGKILL"): Promise<number | null> {
  if (isRunning(running)) {
    const ended = once(running.child, "exit");
    running.child.kill(signal);
    await ended;
  }
  return running.child.exitCode;
}

/** True when the server says that it is ready. */
export async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false;
  }
}
