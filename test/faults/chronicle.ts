// What was done to a run and how long it took to recover.
import { sleep } from "../../src/platform/timer.ts";
import { medianAndMax } from "./outcome.ts";

const LOOK_EVERY_MS = 10;

export type Chronicle = {
  note(kind: string): void;
  count(kind: string): number;
  /** Notes how long it takes from `sinceMs` (monotonic) until `recovered` says so; does not wait for it. */
  watch(kind: string, sinceMs: number, recovered: () => boolean | Promise<boolean>): void;
  lines(): string[];
  /** Stops looking: what has not recovered never will. */
  close(): void;
};

export function openChronicle(): Chronicle {
  const counts = new Map<string, number>();
  const recoveries = new Map<string, number[]>();
  let closed = false;
  const look = async (kind: string, sinceMs: number, recovered: () => boolean | Promise<boolean>) => {
    while (!(await recovered())) {
      if (closed) return;
      await sleep(LOOK_EVERY_MS);
    }
    recoveries.set(kind, [...(recoveries.get(kind) ?? []), performance.now() - sinceMs]);
  };
  return {
    note: (kind) => void counts.set(kind, (counts.get(kind) ?? 0) + 1),
    count: (kind) => counts.get(kind) ?? 0,
    watch: (kind, sinceMs, recovered) => void look(kind, sinceMs, recovered),
    lines: () => [
      ...[...counts].map(([kind, count]) => `${count} x ${kind}`),
      ...[...recoveries].map(
        ([kind, times]) => `recovery, ${kind}: ${medianAndMax(times)} (${times.length} times)`,
      ),
    ],
    close: () => {
      closed = true;
    },
  };
}
