import type { Database } from "./database.ts";
import { randomUuid } from "./random.ts";

/** A port whose every method is a call on the wire, except those that answer at once. */
type Port = { readonly [name: string]: unknown };

/** The longest chain of time-outs behind one method: our own token, and the call twice. */
const TIMEOUTS = 4;

/**
 * `port`, with a row for as long as one of its calls runs: a turned clock waits for calls that no lease covers.
 * A row whose process died ends by itself.
 */
export function onTheWire<T extends object>(port: T, db: Database, timeoutMs: number): T {
  const tracked = Object.entries(port as Port).map(([name, value]) => {
    if (typeof value !== "function") return [name, value] as const;
    const call = value as (...given: unknown[]) => unknown;
    return [
      name,
      (...given: unknown[]) => {
        const answer = call.apply(port, given);
        return answer instanceof Promise ? whileNoted(db, name, timeoutMs * TIMEOUTS, answer) : answer;
      },
    ] as const;
  });
  return Object.fromEntries(tracked) as T;
}

async function whileNoted<T>(db: Database, what: string, ms: number, running: Promise<T>): Promise<T> {
  const id = randomUuid();
  const noted = db.begin((tx) =>
    tx.query(
      `insert into wire_calls (id, what, ends_by)
       values ($1, $2, clock_timestamp() + $3 * interval '1 millisecond')`,
      [id, what, ms],
    ),
  );
  // Thrown below, after the call; unheard until then, it would end the process.
  noted.catch(() => {});
  try {
    return await running;
  } finally {
    await noted;
    await db.begin((tx) => tx.query(`delete from wire_calls where id = $1`, [id]));
  }
}
