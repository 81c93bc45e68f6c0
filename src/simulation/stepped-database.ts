import { type Database, type Tx, withRetries } from "../platform/database.ts";
import { type Deferred, deferred } from "./deferred.ts";
import type { Actor, Stepper } from "./stepper.ts";

/** A connection that broke, in the driver's words. */
class ConnectionLost extends Error {
  constructor() {
    super("Connection terminated unexpectedly");
  }
}

/** What happens to a connection. */
export type ConnectionFault = "lost-before-commit" | "lost-after-commit";

export type SteppedDatabaseOptions = {
  /** True: every statement and every commit waits for its turn. False: whole transactions do. */
  readonly fine: boolean;
  /** Transactions that are open, of all processes together; and how many may be. */
  readonly open: { count: number };
  readonly connections: number;
  /** Whether this server process waits for another's lock. */
  readonly isBlocked: (pid: number) => Promise<boolean>;
  readonly faultAtCommit: (actor: Actor) => ConnectionFault | null;
  /** Told of every statement and commit that PostgreSQL refused. */
  readonly onError: (error: unknown) => void;
};

type House = {
  readonly real: Database;
  readonly stepper: Stepper;
  readonly options: SteppedDatabaseOptions;
};

/** The database of the simulated processes: the real one, whose every use is a step of the stepper. */
export function steppedDatabase(real: Database, stepper: Stepper, options: SteppedDatabaseOptions): Database {
  const house = { real, stepper, options };
  const close = async () => {};
  if (!options.fine)
    return {
      ...real,
      close,
      begin: (work) => stepper.step("transaction", () => real.begin(work)),
      query: (sql, parameters) => stepper.step("statement", () => real.query(sql, parameters)),
    };
  return {
    ...real,
    close,
    begin: (work) => begin(house, work),
    query: (sql, parameters) => begin(house, (tx) => tx.query(sql, parameters)) as never,
  };
}

async function begin<T>(house: House, work: (tx: Tx) => Promise<T>): Promise<T> {
  const actor = house.stepper.current();
  return actor === null ? house.real.begin(work) : withRetries(() => beginOnce(house, actor, work));
}

/** One transaction as it stands between its flow and PostgreSQL. */
type Opened<T> = {
  readonly actor: Actor;
  readonly lane: object;
  /** What the flow hears. */
  readonly told: Deferred<T>;
  /** How the callback of the real transaction ends: by returning (commit) or by throwing (rollback). */
  readonly going: Deferred<() => Promise<T>>;
  /** Null when PostgreSQL has committed, else why it has not. */
  ended: Promise<unknown>;
};

async function beginOnce<T>(house: House, actor: Actor, work: (tx: Tx) => Promise<T>): Promise<T> {
  const { stepper, options } = house;
  const { open } = options;
  const opened: Opened<T> = {
    actor,
    lane: {},
    told: deferred<T>(),
    going: deferred<() => Promise<T>>(),
    ended: Promise.resolve(null),
  };
  const died = deferred<never>();
  const enter = () =>
    new Promise<void>((entered, failed) => {
      open.count += 1;
      const run = house.real.begin((tx) => {
        void hand(house, opened, tx, work);
        entered();
        return Promise.race([opened.going.promise.then((go) => go()), died.promise]);
      });
      opened.ended = run.then(
        () => null,
        (error: unknown) => (error instanceof RolledBack ? null : error),
      );
      const end = async () => {
        died.reject(new ConnectionLost());
        await opened.ended;
      };
      actor.endings.add(end);
      void opened.ended.then((error) => {
        open.count -= 1;
        actor.endings.delete(end);
        if (error === null) return;
        options.onError(error);
        failed(error);
      });
    });
  await stepper.step("begin", enter, { mayRun: () => open.count < options.connections });
  return opened.told.promise;
}

/** Thrown to have the real transaction roll back without being tried again by itself. */
class RolledBack extends Error {}

/** Gives the transaction to its flow, and waits for the turn of its commit or rollback. */
async function hand<T>(
  { stepper, options }: House,
  opened: Opened<T>,
  tx: Tx,
  work: (tx: Tx) => Promise<T>,
): Promise<void> {
  const { actor, lane, told, going } = opened;
  const conclude = (what: string, go: () => Promise<T>) =>
    stepper.start(actor, () =>
      stepper.step(
        what,
        async () => {
          going.resolve(go);
          return opened.ended;
        },
        { lane },
      ),
    );
  try {
    const value = await stepper.start(actor, async () => work(await gated(stepper, options, tx, lane)));
    const fault = options.faultAtCommit(actor);
    if (fault === "lost-before-commit") {
      await conclude("break", () => Promise.reject(new RolledBack()));
      throw new ConnectionLost();
    }
    const failure = await conclude("commit", async () => value);
    if (failure !== null) throw failure;
    if (fault === "lost-after-commit") throw new ConnectionLost();
    told.resolve(value);
  } catch (error) {
    options.onError(error);
    // Where the transaction has ended already, nobody waits for this any more.
    if (!going.isSettled()) await conclude("rollback", () => Promise.reject(new RolledBack()));
    told.reject(error);
  }
}

async function gated(
  stepper: Stepper,
  { isBlocked }: SteppedDatabaseOptions,
  tx: Tx,
  lane: object,
): Promise<Tx> {
  const runner = tx.manager.queryRunner;
  const client = (await runner?.connect()) as { readonly processID?: number } | undefined;
  const pid = client?.processID ?? 0;
  const isStuck = (sql: string) => (canBlock(sql) ? () => isBlocked(pid) : null);
  if (runner !== undefined) {
    const plain = runner.query.bind(runner);
    // The look-ups of TypeORM's repositories go this way.
    runner.query = ((sql: string, parameters?: unknown[], structured?: boolean) =>
      stepper.step(sql, () => plain(sql, parameters, structured as true), { lane })) as never;
  }
  return {
    manager: tx.manager,
    query: (sql, parameters) =>
      stepper.step(sql, () => tx.query(sql, parameters), { lane, isStuck: isStuck(sql) }),
  };
}

/** A reading statement waits for nobody, unless it asks for locks. */
function canBlock(sql: string): boolean {
  return /\b(update|insert|delete|lock|for (no key )?(update|share))\b|advisory/i.test(sql);
}
