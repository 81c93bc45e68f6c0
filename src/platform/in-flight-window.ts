/** How many calls on one far end may be in flight, and what is known about it. Latencies are real milliseconds. */
export type WindowState = {
  /** A number of calls; fractions add up. */
  readonly size: number;
  /** Doubling, until the first sign of strain. */
  readonly probing: boolean;
  /** What an unstrained call takes: the shortest seen lately. */
  readonly baseMs: number | null;
  /** Monotonic: calls that began before this cannot shrink the window again. */
  readonly shrunkAtMs: number;
  /** Share of the latest calls that brought no usable answer, from 0 to 1. */
  readonly badShare: number;
};

/** How one call ended, on the monotonic clock. */
export type FinishedCall = {
  readonly startedAtMs: number;
  readonly endedAtMs: number;
  /** `busy`: the far end asked for less; `bad`: it never left, or nothing usable came back. */
  readonly outcome: "good" | "busy" | "bad";
  /** Whether the window was (nearly) full when it ended: only then does its size tell anything. */
  readonly full: boolean;
};

/** As many as the connections of the HTTP pool: none of them waits for a socket. */
export const LARGEST_WINDOW = 512;
/** Some calls must be in flight to find out that the far end is well again. */
const SMALLEST_WINDOW = 4;
const FIRST_WINDOW = 32;
/** A call that takes this many times the shortest, and longer than the allowance, waits in a line over there. */
const LATE_FACTOR = 3;
/** Below this a call is not late, whatever the factor: it may as well have waited for our own busy processor. */
const LATE_ALLOWANCE_MS = 5_000;
/** The share of bad calls is that of about so many of the latest. */
const LATEST_CALLS = 16;
/**
 * Above this share the far end is strained. Of any gateway one call in a hundred gets lost, and that says nothing
 * about its load: halved for each of them, a window would never hold more than a dozen.
 */
const BAD_SHARE = 1 / 8;
/** The shortest latency is forgotten this slowly, so that a far end that became slower for good is learned. */
const BASE_DRIFT = 1.001;

export const FRESH_WINDOW: WindowState = {
  size: FIRST_WINDOW,
  probing: true,
  baseMs: null,
  shrunkAtMs: Number.NEGATIVE_INFINITY,
  badShare: 0,
};

/**
 * The window after a call: additive growth, multiplicative shrinking, at most one step down a round trip. A refusal
 * for speed halves it, and so do calls without a usable answer once they come close together; lateness takes a tenth.
 */
export function afterCall(state: WindowState, call: FinishedCall): WindowState {
  const tookMs = call.endedAtMs - call.startedAtMs;
  if (call.outcome === "busy") return shrink(state, call, 1 / 2);
  const isBad = call.outcome === "bad";
  const badShare = state.badShare + ((isBad ? 1 : 0) - state.badShare) / LATEST_CALLS;
  if (isBad)
    return badShare > BAD_SHARE ? shrink({ ...state, badShare }, call, 1 / 2) : { ...state, badShare };
  const baseMs = state.baseMs === null ? tookMs : Math.min(tookMs, state.baseMs * BASE_DRIFT);
  const known = { ...state, baseMs, badShare };
  if (tookMs > Math.max(LATE_FACTOR * baseMs, LATE_ALLOWANCE_MS)) return shrink(known, call, 9 / 10);
  if (!call.full) return known;
  return { ...known, size: Math.min(LARGEST_WINDOW, state.size + (state.probing ? 1 : 1 / state.size)) };
}

function shrink(state: WindowState, { startedAtMs, endedAtMs }: FinishedCall, by: number): WindowState {
  if (startedAtMs < state.shrunkAtMs) return state;
  const size = Math.max(SMALLEST_WINDOW, state.size * by);
  return { ...state, size, probing: false, shrunkAtMs: endedAtMs };
}

/** The places of a window, handed out in the order asked for. */
export type InFlightWindow = {
  /**
   * Waits until a worthwhile number of places is free (a quarter of the window, or all that is wanted), and takes up
   * to `wanted` of them: many small steps would each cost a transaction of their own.
   */
  take(wanted: number): Promise<number>;
  giveBack(places: number): void;
  /** Learns from a call that has ended. */
  learn(call: Omit<FinishedCall, "full">): void;
  size(): number;
};

type Waiting = { readonly wanted: number; readonly enter: (places: number) => void };

/** Makes the window of one process. */
export function inFlightWindow(): InFlightWindow {
  let state = FRESH_WINDOW;
  let taken = 0;
  const waiting: Waiting[] = [];
  const size = () => Math.floor(state.size);
  const admit = (): void => {
    for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
      const free = size() - taken;
      if (free < Math.min(next.wanted, Math.max(1, Math.floor(size() / 4)))) return;
      waiting.shift();
      const places = Math.min(free, next.wanted);
      taken += places;
      next.enter(places);
    }
  };
  return {
    take: (wanted) =>
      new Promise((enter) => {
        waiting.push({ wanted, enter });
        admit();
      }),
    giveBack: (places) => {
      taken -= places;
      admit();
    },
    learn: (call) => {
      const full = waiting.length > 0 || taken >= size() * 0.75;
      state = afterCall(state, { ...call, full });
      admit();
    },
    size,
  };
}
