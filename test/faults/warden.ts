// The supervisor of a run: whoever died is replaced at once, some with a sentence to die at a chosen point.
import { FAILPOINTS, type Failpoint } from "../../src/platform/failpoint.ts";
import { sleep } from "../../src/platform/timer.ts";
import type { Arena, Seat } from "./arena.ts";
import type { Chronicle } from "./chronicle.ts";
import { isReady, isRunning, type Process, type Sentence } from "./process.ts";

const LOOK_EVERY_MS = 20;
/** More of them at once would leave nobody to do the work. */
const SENTENCED_AT_ONCE = 3;
/** Passed once for every set of invoices. */
const AT_A_SET = 0.5;
/** Passed once for every invoice, up to two hundred at a time. */
const AT_AN_INVOICE = 0.05;
const PER_INVOICE: readonly Failpoint[] = [
  "intents.after-commit",
  "payment.in-flight",
  "payment.after-answer",
  "verdicts.after-commit",
  "inquiry.before-send",
  "inquiry.after-answer",
  "checks.after-commit",
];

export type Warden = {
  /** Points at which a process has died. */
  readonly passed: ReadonlyMap<Failpoint, number>;
  /** Kills without warning; the replacement comes by itself. */
  kill(process: Process): void;
  stop(): Promise<void>;
};

export function openWarden(arena: Arena, chronicle: Chronicle, random: () => number): Warden {
  const passed = new Map<Failpoint, number>();
  const buried = new Set<Process>();
  const killed = new Set<Process>();
  const downSince = new Map<Seat, number>();
  let over = false;

  const sentence = (points: readonly Failpoint[], living: readonly Process[]): Sentence | undefined => {
    const waiting = living.flatMap((each) => each.sentence?.at ?? []);
    if (waiting.length >= SENTENCED_AT_ONCE) return undefined;
    const open = points.filter((point) => !passed.has(point) && !waiting.includes(point));
    const at = open[Math.floor(random() * open.length)];
    if (at === undefined) return undefined;
    const probability = PER_INVOICE.includes(at) ? AT_AN_INVOICE : AT_A_SET;
    return { at, probability, seed: Math.floor(random() * 1_000_000) };
  };

  /** Says what ended it. */
  const bury = (dead: Process, role: string) => {
    buried.add(dead);
    if (killed.has(dead)) chronicle.note(`${role} killed at a random moment`);
    else if (dead.child.signalCode === "SIGKILL" && dead.sentence !== null) {
      chronicle.note(`${role} killed at a named point`);
      passed.set(dead.sentence.at, (passed.get(dead.sentence.at) ?? 0) + 1);
    } else chronicle.note(`${role} gave up by itself (exit ${dead.child.exitCode})`);
  };

  const replaceWorkers = () => {
    const dead = arena.workers.filter((each) => !isRunning(each) && !buried.has(each));
    for (const each of dead) {
      bury(each, "worker");
      arena.startWorker(sentence(WORKER_POINTS, arena.workers.filter(isRunning)));
    }
  };

  const replaceServer = (seat: Seat) => {
    if (isRunning(seat.process)) return;
    bury(seat.process, "server");
    if (!downSince.has(seat)) {
      const sinceMs = performance.now();
      downSince.set(seat, sinceMs);
      chronicle.watch("server killed, until it is ready", sinceMs, async () => {
        if (!(await isReady(seat.url))) return false;
        downSince.delete(seat);
        return true;
      });
    }
    arena.startServer(seat, sentence(SERVER_POINTS, []));
  };

  const watch = async () => {
    while (!over) {
      replaceWorkers();
      for (const seat of arena.servers) replaceServer(seat);
      await sleep(LOOK_EVERY_MS);
    }
  };
  const watching = watch();
  return {
    passed,
    kill: (process) => {
      killed.add(process);
      process.child.kill("SIGKILL");
    },
    stop: async () => {
      over = true;
      await watching;
    },
  };
}

const isServerPoint = (point: Failpoint) => point.startsWith("inbox.");
const SERVER_POINTS = FAILPOINTS.filter(isServerPoint);
const WORKER_POINTS = FAILPOINTS.filter((point) => !isServerPoint(point));
