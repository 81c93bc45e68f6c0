import type { BellHandlers, BellQueue } from "../platform/queue.ts";

/** What becomes of a bell: BullMQ has been seen to do each of these. */
export type BellFate = "lost" | "twice" | { readonly lateMs: number } | "rung";

export type MemoryBellsTools = {
  readonly fateOf: (job: string) => BellFate;
  /** Has somebody answer it. */
  readonly answer: (job: string, data: object) => void;
  readonly later: (ms: number, work: () => void) => void;
};

/** The queue in memory, behind the port of the real one: a bell is answered at once, unless its fate says otherwise. */
export function memoryBells({ fateOf, answer, later }: MemoryBellsTools): BellQueue {
  const ring = async (job: string, data: object) => {
    const fate = fateOf(job);
    if (fate === "lost") return;
    if (typeof fate === "object") return later(fate.lateMs, () => answer(job, data));
    answer(job, data);
    if (fate === "twice") answer(job, data);
  };
  return {
    ring,
    ringBulk: async (job, all) => {
      for (const data of all) await ring(job, data);
    },
    upsertTick: async () => {},
    waitingCount: async () => 0,
    activeCount: async () => 0,
    workersCount: async () => 1,
    close: async () => {},
  };
}

/** Answers one bell; a handler that throws is noted and not called again, as the real worker does it. */
export async function answerBell(
  handlers: BellHandlers,
  { job, data }: { readonly job: string; readonly data: object },
  note: (error: unknown) => void,
): Promise<void> {
  try {
    await handlers[job]?.(data);
  } catch (error) {
    note(error);
  }
}
