import { isOutage } from "./database.ts";
import { sleep } from "./timer.ts";

/** A member that fails alone this often is not the set's fault. */
const TRIES_ALONE = 3;
/** A server that is still away after this many tries is away for longer than its callers should wait. */
const TRIES_TOGETHER = 3;
const OUTAGE_PAUSE_MS = 200;

type Waiting<In, Out> = {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Turns a flow over a set into one over a single item, without a timer: one flush is in flight, and whatever
 * arrives meanwhile is the next set (at most `max`). `flush` answers in the order it was asked.
 * A set that fails is retried member by member, so that one poisoned row cannot stop its neighbours;
 * a member that fails alone three times rejects. With PostgreSQL away no member is to blame: the set is tried again
 * as it is, for a connection may just have been cut, and then all reject at once.
 */
export function coalesce<In, Out>(
  max: number,
  flush: (items: readonly In[]) => Promise<readonly Out[]>,
): (item: In) => Promise<Out> {
  const waiting: Waiting<In, Out>[] = [];
  let flying = false;

  const drain = async (): Promise<void> => {
    if (flying) return;
    flying = true;
    while (waiting.length > 0) await flushSet(waiting.splice(0, max), flush);
    flying = false;
  };
  return (item) =>
    new Promise<Out>((resolve, reject) => {
      waiting.push({ item, resolve, reject });
      // Those who arrive in the same turn of the event loop share the first set.
      queueMicrotask(() => void drain());
    });
}

async function flushSet<In, Out>(
  set: readonly Waiting<In, Out>[],
  flush: (items: readonly In[]) => Promise<readonly Out[]>,
): Promise<void> {
  for (let tries = 1; ; tries += 1) {
    try {
      return settle(set, await flush(set.map((member) => member.item)));
    } catch (error) {
      if (!isOutage(error)) {
        for (const member of set) await flushAlone(member, flush, error);
        return;
      }
      if (tries === TRIES_TOGETHER) {
        for (const { reject } of set) reject(error);
        return;
      }
      await sleep(OUTAGE_PAUSE_MS * tries);
    }
  }
}

async function flushAlone<In, Out>(
  member: Waiting<In, Out>,
  flush: (items: readonly In[]) => Promise<readonly Out[]>,
  first: unknown,
): Promise<void> {
  let error = first;
  for (let tries = 0; tries < TRIES_ALONE; tries += 1) {
    try {
      settle([member], await flush([member.item]));
      return;
    } catch (again) {
      error = again;
      if (isOutage(again)) break;
    }
  }
  member.reject(error);
}

function settle<In, Out>(set: readonly Waiting<In, Out>[], answers: readonly Out[]): void {
  set.forEach((member, index) => {
    if (index < answers.length) member.resolve(answers[index] as Out);
    else member.reject(new Error("the flush answered fewer items than it was given"));
  });
}
