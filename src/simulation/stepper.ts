import { AsyncLocalStorage } from "node:async_hooks";
import { after, nextRound } from "../platform/timer.ts";
import type { Chance } from "./chance.ts";

/** One process of the simulated installation: it can die, and whatever it had begun then never goes on. */
export type Actor = {
  readonly name: string;
  alive: boolean;
  /** Does nothing for now: its machine is busy with something else. */
  asleep: boolean;
  /** What PostgreSQL does when its connections break. */
  readonly endings: Set<() => Promise<void>>;
};

type Place = { readonly actor: Actor; readonly inside: boolean };
type Finish = () => void;

type Step = {
  readonly actor: Actor;
  readonly what: string;
  readonly lane: object | null;
  readonly mayRun: () => boolean;
  readonly isStuck: (() => Promise<boolean>) | null;
  readonly run: () => Promise<Finish>;
};

/** How a step waits. */
type StepOptions = {
  /** Steps of one lane go in their order: statements on one connection. */
  readonly lane?: object | null;
  readonly mayRun?: () => boolean;
  /** Says whether it waits for another's lock: then others go on. */
  readonly isStuck?: (() => Promise<boolean>) | null;
};

/** Decides, of all that could go on, what does: one thing at a time, by a seeded draw. */
export type Stepper = {
  /** Work that leaves the process (a statement, a call): waits for its turn. Inside another step it runs at once. */
  step<T>(what: string, work: () => Promise<T>, options?: StepOptions): Promise<T>;
  /** Begins `task` as work of `actor`; its outcome is given back, and never comes if the actor dies. */
  start<T>(actor: Actor, task: () => Promise<T>): Promise<T>;
  /** Goes on until nothing can: all tasks have ended, or wait for the clock. */
  drain(): Promise<void>;
  /** The actor is gone: its steps are dropped and its transactions rolled back. */
  kill(actor: Actor): Promise<void>;
  /** How many steps there were. */
  readonly count: () => number;
  readonly current: () => Actor | null;
  /** Whether the caller is inside a step: then the clock cannot be moved for it. */
  readonly isInside: () => boolean;
};

/** Something that happens outside of every step: the cryptography of the platform runs on threads of its own. */
export type Outside = { readonly running: () => number };

export type StepperHooks = {
  readonly chance: Chance;
  readonly outside: Outside;
  /** Asked before each step: whoever was to make it may die instead, or fall asleep first. */
  readonly fateAt: (actor: Actor) => "dies" | "sleeps" | "goes on";
  /** Told when somebody died so. */
  readonly onDeath: (actor: Actor) => void;
  /** True while the clock can still be moved for somebody who waits. */
  readonly hasTimers: () => boolean;
  /** How many steps go on side by side; with more than one, PostgreSQL decides what comes first between them. */
  readonly width: number;
};

type Held = { readonly step: Step; readonly running: Promise<Finish>; done: boolean };

type State = {
  readonly hooks: StepperHooks;
  readonly here: AsyncLocalStorage<Place>;
  readonly waiting: Step[];
  /** Those that wait for another's lock. */
  readonly stuck: Held[];
  count: number;
};

/** Makes the stepper of one life. */
export function makeStepper(hooks: StepperHooks): Stepper {
  const here = new AsyncLocalStorage<Place>();
  const state: State = { hooks, here, waiting: [], stuck: [], count: 0 };
  return {
    step: (what, work, options = {}) => enqueue(state, what, work, options),
    start: (actor, task) =>
      here.run({ actor, inside: false }, async () => (actor.alive ? task() : new Promise(() => {}))),
    drain: () => drain(state),
    kill: (actor) => kill(state, actor),
    count: () => state.count,
    current: () => here.getStore()?.actor ?? null,
    isInside: () => here.getStore()?.inside ?? false,
  };
}

function enqueue<T>(
  { here, waiting }: State,
  what: string,
  work: () => Promise<T>,
  options: StepOptions,
): Promise<T> {
  const place = here.getStore();
  if (place === undefined || place.inside) return work();
  const { actor } = place;
  const { lane = null, mayRun = () => true, isStuck = null } = options;
  return new Promise((resolve, reject) => {
    if (!actor.alive) return;
    const run = () =>
      here.run({ actor, inside: true }, work).then(
        (value) => () => resolve(value),
        (error: unknown) => () => reject(error),
      );
    waiting.push({ actor, what, lane, mayRun, isStuck, run });
  });
}

async function drain(state: State): Promise<void> {
  const { hooks, waiting, stuck } = state;
  for (;;) {
    await quiet(hooks);
    const ready = readyOf(state);
    if (ready.length > 0) {
      const chosen = hooks.width > 1 ? ready.slice(0, hooks.width) : [drawFrom(ready, hooks.chance)];
      for (const each of chosen) waiting.splice(waiting.indexOf(each), 1);
      state.count += chosen.length;
      await (hooks.width > 1 ? performTogether(chosen) : performOne(state, chosen[0] as Step));
      continue;
    }
    if (stuck.length === 0 || hooks.hasTimers()) return;
    // Only PostgreSQL can end this: two transactions wait for each other.
    await Promise.race(stuck.map(({ running }) => running));
    await release(state);
  }
}

/** Until everything that goes on by itself has done so. */
async function quiet({ outside }: StepperHooks): Promise<void> {
  do await nextRound();
  while (outside.running() > 0);
}

function readyOf({ waiting }: State): Step[] {
  const lanes = new Set<object>();
  return waiting.filter(({ actor, lane, mayRun }) => {
    const isFirst = lane === null || !lanes.has(lane);
    if (lane !== null) lanes.add(lane);
    return isFirst && !actor.asleep && mayRun();
  });
}

function drawFrom(ready: readonly Step[], chance: Chance): Step {
  return ready[Math.floor(chance() * ready.length)] ?? (ready[0] as Step);
}

async function performOne(state: State, chosen: Step): Promise<void> {
  const { hooks, stuck } = state;
  const { actor, isStuck } = chosen;
  const fate = hooks.fateAt(actor);
  if (fate === "dies") {
    await kill(state, actor);
    hooks.onDeath(actor);
    return release(state);
  }
  if (fate === "sleeps") {
    state.waiting.unshift(chosen);
    return;
  }
  const running = chosen.run();
  if (isStuck !== null && (await sticks(running, isStuck))) {
    const held: Held = { step: chosen, running, done: false };
    void running.then(() => {
      held.done = true;
    });
    stuck.push(held);
    return;
  }
  finish(actor, await running);
  await release(state);
}

async function performTogether(chosen: readonly Step[]): Promise<void> {
  // Whoever is ready first waits for the others, so that what follows does not hang on it.
  for (const settle of await Promise.all(chosen.map((each) => each.run()))) settle();
}

/** Those whose lock was given free by what just happened go on; the others keep waiting. */
async function release({ hooks, stuck }: State): Promise<void> {
  for (const held of [...stuck]) {
    const { step, running } = held;
    // How long PostgreSQL takes may not decide who comes first: what went before is let go on to its next wait.
    await quiet(hooks);
    if (!held.done && step.isStuck !== null && (await sticks(running, step.isStuck))) continue;
    stuck.splice(stuck.indexOf(held), 1);
    finish(step.actor, await running);
  }
}

/** The dead hear nothing. */
function finish(actor: Actor, settle: Finish): void {
  if (actor.alive) settle();
}

async function kill({ waiting, stuck }: State, actor: Actor): Promise<void> {
  actor.alive = false;
  for (const step of waiting.filter((each) => each.actor === actor)) waiting.splice(waiting.indexOf(step), 1);
  // A statement that waits for a lock goes on waiting for it, and its rollback comes behind it.
  const isHeld = stuck.some(({ step }) => step.actor === actor);
  for (const end of [...actor.endings]) {
    const ended = end();
    if (!isHeld) await ended;
  }
  actor.endings.clear();
}

/** Real time after which a statement is asked whether it waits for somebody: nearly all have ended by then. */
const ASK_AFTER_MS = 2;

/** True when it waits for a lock, false when it has ended: asked until one of the two is so. */
async function sticks(running: Promise<Finish>, isStuck: () => Promise<boolean>): Promise<boolean> {
  const ended = running.then(() => "ended" as const);
  for (;;) {
    let cancel = () => {};
    const late = new Promise<"late">((resolve) => {
      cancel = after(ASK_AFTER_MS, () => resolve("late"));
    });
    const first = await Promise.race([ended, late]);
    cancel();
    if (first === "ended") return false;
    const told = await Promise.race([ended, isStuck()]);
    if (told === "ended") return false;
    if (told) return true;
  }
}
