import type { Database, Tx } from "./database.ts";

/**
 * A database for a dry run of one transaction: `begin` does the real work, answers its result and undoes all of it.
 * Every `begin` starts from what is truly there; a flow of several transactions is rehearsed with `rehearse`.
 */
export function rehearsing(db: Database): Database {
  return {
    ...db,
    begin: (work) => undone(db, work),
    query: (sql, parameters) => undone(db, (tx) => tx.query(sql, parameters)),
  };
}

/**
 * Runs a flow whose transactions build on each other: the later ones see what the earlier wrote, and in the end all
 * is undone. Nothing in `work` may wait for the network, for its locks are held until then, and it may run again.
 */
export async function rehearse<T>(db: Database, work: (db: Database) => Promise<T>): Promise<T> {
  return undone(db, (tx) =>
    work({
      ...db,
      begin: (step) => asStep(tx, step),
      query: (sql, parameters) => tx.query(sql, parameters),
    }),
  );
}

/** The flow itself, or with `dryRun` its rehearsal; `work` uses the database it is given and no other. */
export function rehearseIf<T>(dryRun: boolean, db: Database, work: (db: Database) => Promise<T>): Promise<T> {
  return dryRun ? rehearse(db, work) : work(db);
}

async function undone<T>(db: Database, work: (tx: Tx) => Promise<T>): Promise<T> {
  const results: T[] = [];
  const undo = new Error("rehearsed");
  try {
    await db.begin(async (tx) => {
      results.length = 0;
      results.push(await work(tx));
      throw undo;
    });
  } catch (error) {
    if (error !== undo) throw error;
  }
  return results[0] as T;
}

/** One transaction of the flow: a savepoint, so that one which fails leaves nothing to those after it. */
async function asStep<T>(tx: Tx, step: (tx: Tx) => Promise<T>): Promise<T> {
  await tx.query("savepoint step");
  try {
    const result = await step(tx);
    await tx.query("release savepoint step");
    return result;
  } catch (error) {
    await tx.query("rollback to savepoint step");
    throw error;
  }
}
