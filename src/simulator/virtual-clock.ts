import { realNow } from "../platform/real-time.ts";
import { after } from "../platform/timer.ts";

/** The simulator's time in epoch milliseconds: the machine's until first moved, afterwards only moved by hand. */
export type VirtualClock = {
  readonly now: () => number;
  readonly isTurned: () => boolean;
  /** Runs `work` when the clock reaches `at`, at once if it has; the result cancels. Nothing runs after `stop`. */
  readonly schedule: (at: number, work: () => Promise<void>) => () => void;
  /** Turns the clock to `at`, running what falls due on the way; resolves when that work has finished. */
  readonly moveTo: (at: number) => Promise<void>;
  readonly nextEventAt: () => number | null;
  readonly stop: () => void;
};

type Event = { readonly at: number; readonly work: () => Promise<void> };

/** The longest wait a timer of Node takes; a longer one would fire at once. */
const LONGEST_TIMER_MS = 2_147_483_647;

/** Makes a clock that stands still at `startAt`, or follows the machine's time when that is null. */
export function makeVirtualClock(startAt: number | null): VirtualClock {
  let turnedTo = startAt;
  let stopped = false;
  let moving: Promise<void> = Promise.resolve();
  let cancelTimer = () => {};
  const events: Event[] = [];
  const running = new Set<Promise<void>>();

  const now = () => turnedTo ?? realNow().toMillis();

  const start = (work: () => Promise<void>) => {
    const run = work().finally(() => running.delete(run));
    running.add(run);
  };

  const startDue = () => {
    while (events[0] !== undefined && events[0].at <= now()) start((events.shift() as Event).work);
  };

  const armTimer = () => {
    cancelTimer();
    const [next] = events;
    if (stopped || turnedTo !== null || next === undefined) return;
    cancelTimer = after(Math.min(Math.max(next.at - now(), 0), LONGEST_TIMER_MS), () => {
      startDue();
      armTimer();
    });
  };

  const schedule = (at: number, work: () => Promise<void>) => {
    if (stopped) return () => {};
    if (at <= now()) {
      start(work);
      return () => {};
    }
    const event = { at, work };
    events.splice(positionFor(events, at), 0, event);
    armTimer();
    return () => {
      const position = events.indexOf(event);
      if (position >= 0) events.splice(position, 1);
    };
  };

  const walkTo = async (target: number) => {
    turnedTo = now();
    cancelTimer();
    // What an event starts may schedule the next one (a refused notification its retry), so each step waits.
    for (;;) {
      while (running.size > 0) await Promise.all(running);
      const [next] = events;
      if (next === undefined || next.at > target) break;
      turnedTo = Math.max(turnedTo, next.at);
      startDue();
    }
    turnedTo = target;
  };

  return {
    now,
    isTurned: () => turnedTo !== null,
    schedule,
    moveTo: (at) => {
      moving = moving.then(() => walkTo(at));
      return moving;
    },
    nextEventAt: () => events[0]?.at ?? null,
    stop: () => {
      stopped = true;
      cancelTimer();
      events.length = 0;
    },
  };
}

/** Behind every event of the same time, so that equal times keep their order. */
function positionFor(events: readonly Event[], at: number): number {
  let low = 0;
  let high = events.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((events[middle] as Event).at <= at) low = middle + 1;
    else high = middle;
  }
  return low;
}
