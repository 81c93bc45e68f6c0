/** A member that fails alone this often is not the set's fault. */
const TRIES_ALONE = 3;

type Waiting<In, Out> = {
  readonly item: In;
  readonly resolve: (out: Out) => void;
  readonly reject: (error: unknown) => void;
};

/**
 * Turns a flow over a set into one over a single item, without a timer: one flush is in flight, and whatever
 * arrives meanwhile is the next set (at most `max`). `flush` answers in the order it was asked.
 * A set that fails is retried member by member, so that one poisoned row cannot stop its neighbours;
 * a member that fails alone three times rejects.
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
  try {
    settle(set, await flush(set.map((member) => member.item)));
  } catch (error) {
    for (const member of set) await flushAlone(member, flush, error);
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
