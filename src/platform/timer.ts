import { followedTime } from "./turned-time.ts";

/** Waits in real time. Never used to decide anything about money. */
export function sleep(ms: number): Promise<void> {
  const turned = followedTime();
  if (turned !== null) return turned.sleep(ms);
  return new Promise((resume) => {
    setTimeout(resume, ms);
  });
}

/** Resolves when everything that can go on by itself has done so: one round of the event loop. */
export function nextRound(): Promise<void> {
  return new Promise((resume) => {
    setImmediate(resume);
  });
}

/** Runs `work` once after `ms`; call the result to cancel. Does not keep the process alive. */
export function after(ms: number, work: () => void): () => void {
  const timer = setTimeout(work, ms);
  timer.unref();
  return () => clearTimeout(timer);
}

/** Runs `work` every `ms`, never twice at once; call the result to stop. Does not keep the process alive. */
export function every(ms: number, work: () => Promise<void>): () => void {
  let busy = false;
  const timer = setInterval(() => {
    if (busy) return;
    busy = true;
    void work().finally(() => {
      busy = false;
    });
  }, ms);
  timer.unref();
  return () => clearInterval(timer);
}

/** Polls `look` until it gives something other than null/false, or throws after `limitMs`. */
export async function until<T>(
  what: string,
  limitMs: number,
  look: () => Promise<T | null | false>,
): Promise<T> {
  const end = performance.now() + limitMs;
  for (;;) {
    const seen = await look();
    if (seen !== null && seen !== false) return seen as T;
    if (performance.now() > end) throw new Error(`gave up after ${limitMs} ms waiting until ${what}`);
    await sleep(20);
  }
}
