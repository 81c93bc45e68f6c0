import { AsyncLocalStorage } from "node:async_hooks";
import type { Outside } from "./stepper.ts";

/** The calls of the platform's cryptography that run on threads of their own: nobody can say when they come back. */
const CALLS = ["sign", "verify", "importKey", "digest"] as const;

/** What runs outside of every step, and how to say so of something. */
export type WatchedOutside = Outside & {
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Call it when the simulation is over. */
  stop(): void;
};

/** Counts what runs there, so that the stepper waits for it. */
export function watchOutside(): WatchedOutside {
  const { subtle } = globalThis.crypto;
  const own = subtle as unknown as Record<string, (...given: unknown[]) => Promise<unknown>>;
  // What such work itself calls is not put behind it: a new connection proves who it is by the same cryptography.
  const within = new AsyncLocalStorage<true>();
  let running = 0;
  let last: Promise<unknown> = Promise.resolve();
  const during: WatchedOutside["during"] = async (work) => {
    running += 1;
    const before = last;
    const mine = within.run(true, work);
    last = Promise.allSettled([before, mine]);
    try {
      // They come back in the order in which they left, however long each of them takes.
      await before;
      return await mine;
    } finally {
      running -= 1;
    }
  };
  for (const name of CALLS) {
    const call = own[name]?.bind(subtle);
    if (call !== undefined)
      own[name] = (...given) => (within.getStore() === true ? call(...given) : during(() => call(...given)));
  }
  return {
    during,
    running: () => running,
    stop: () => {
      // What was laid over the methods goes; they themselves stand on the prototype.
      for (const name of CALLS) delete own[name];
    },
  };
}
