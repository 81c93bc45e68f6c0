/** Time and chance of a whole process that is lived instead of waited for. Nothing but the simulation has one. */
export type TurnedTime = {
  /** Epoch milliseconds. */
  readonly nowMs: () => number;
  /** Milliseconds that only grow, also when the clock is set back. */
  readonly monotonicMs: () => number;
  /** Resolves when the clock has been moved that far. */
  readonly sleep: (ms: number) => Promise<void>;
  /** A number from 0 up to 1: the source of every id, number and token that is otherwise random. */
  readonly draw: () => number;
};

let followed: TurnedTime | null = null;

/** From now on this process lives by `time`; null gives the machine's time and chance back. */
export function followTime(time: TurnedTime | null): void {
  followed = time;
}

/** What this process lives by, or null: the machine's own. */
export function followedTime(): TurnedTime | null {
  return followed;
}
