import { writeSync } from "node:fs";
import { InvalidError } from "../kernel/errors.ts";
import { after } from "./timer.ts";

/** Every place at which a process can be told to die: around each commit, send, bell and answer. */
export const FAILPOINTS = [
  "opening.before-commit",
  "opening.after-commit",
  "bells.before-ring",
  "bells.after-ring",
  "leases.before-commit",
  "leases.after-commit",
  "checks.before-commit",
  "checks.after-commit",
  "intents.before-commit",
  "intents.after-commit",
  "payment.in-flight",
  "payment.after-answer",
  "inquiry.before-send",
  "inquiry.after-answer",
  "verdicts.before-commit",
  "verdicts.after-commit",
  "inbox.before-commit",
  "inbox.after-commit",
  "inbox.before-answer",
  "handling.before-commit",
  "handling.after-commit",
] as const;
/** One of `FAILPOINTS`. */
export type Failpoint = (typeof FAILPOINTS)[number];

const armed = new Map<string, number>();
let random = seededRandom(1);

/**
 * Arms points for the fault tests: `name:probability,...`, and `seed:number` to choose another course.
 * Throws `InvalidError` for a name that does not exist.
 */
export function armFailpoints(spec: string): void {
  for (const part of spec.split(",")) {
    const [name = "", value = ""] = part.trim().split(":");
    const number = Number(value);
    if (name === "seed" && Number.isInteger(number)) random = seededRandom(number);
    else if (FAILPOINTS.includes(name as Failpoint) && number > 0 && number <= 1) armed.set(name, number);
    else throw new InvalidError(`TAGIH_FAILPOINTS: ${part} is no point with a probability up to 1`);
  }
}

/** Does nothing, unless the point is armed: then the process dies here, or `afterMs` later, without warning. */
export function failpoint(name: Failpoint, afterMs = 0): void {
  const probability = armed.get(name);
  if (probability === undefined || random() >= probability) return;
  if (afterMs === 0) die(name);
  else after(afterMs, () => die(name));
}

function die(name: Failpoint): void {
  // Not by the logger: what it keeps in memory dies with the process.
  writeSync(2, `{"event":"failpoint","name":"${name}"}\n`);
  process.kill(process.pid, "SIGKILL");
}

/** mulberry32: small, seeded, and good enough to choose moments. */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
