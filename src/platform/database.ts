import type { ClientBase } from "pg";
import { DataSource, type EntityManager, type EntitySchema, type MigrationInterface } from "typeorm";
import { AwayError, InvariantError } from "../kernel/errors.ts";
import { randomDigits } from "./random.ts";
import { sleep } from "./timer.ts";

/** A transaction, or the database itself, where one statement commits alone. */
export type Queryable = {
  /** Runs one statement and returns its rows, also for `update … returning`. */
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
};

/** What a store receives: the transaction it must write in. */
export type Tx = Queryable & {
  /** TypeORM's side of the same transaction, for repositories. */
  readonly manager: EntityManager;
};

/** What a flow holds. `begin` commits when `work` resolves, rolls back when it throws. */
export type Database = Queryable & {
  /** `work` may run again after a deadlock or a serialization failure: it must have no effect but its SQL. */
  begin<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** As a transaction's, but commits alone: what it locks is not held while this process is busy elsewhere. */
  readonly query: Queryable["query"];
  /** Answers, or throws `AwayError`. */
  ping(): Promise<void>;
  /** Names of migrations that are known but not done. */
  pendingMigrations(): Promise<boolean>;
  migrate(): Promise<string[]>;
  close(): Promise<void>;
};

type DatabaseOptions = {
  readonly url: string;
  /** Shown in pg_stat_activity as `tagih:<role>`. */
  readonly role: string;
  readonly poolSize?: number;
  readonly entities?: readonly EntitySchema[];
  readonly migrations?: readonly (new () => MigrationInterface)[];
};

/** A statement that takes longer than this is stuck; every statement of ours is a set of at most 500 rows. */
const STATEMENT_TIMEOUT_MS = 30_000;
const DEADLOCK_TRIES = 5;
/**
 * Prepared statements keep their plan, and one made while a table was small would read all of it for every page when
 * it has grown. Pages are found by index, whatever the statistics say; those of foreign keys as well.
 */
const PLAN_BY_INDEX = ["jit", "enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_material"]
  .map((setting) => `-c ${setting}=off`)
  .join(" ");

/** Connects (and proves it); throws `AwayError` when PostgreSQL does not answer. */
export async function openDatabase(options: DatabaseOptions): Promise<Database> {
  const source = new DataSource({
    type: "postgres",
    url: options.url,
    applicationName: `tagih:${options.role}`,
    poolSize: options.poolSize ?? 8,
    connectTimeoutMS: 10_000,
    entities: [...(options.entities ?? [])],
    migrations: [...(options.migrations ?? [])],
    migrationsTransactionMode: "each",
    synchronize: false,
    logging: false,
    // An idle connection that breaks is replaced at its next use; without a listener it would end the process.
    poolErrorHandler: () => {},
    extra: {
      statement_timeout: STATEMENT_TIMEOUT_MS,
      idle_in_transaction_session_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
      options: PLAN_BY_INDEX,
      // Statements that do not wait for each other's answers share a round trip.
      pipeline: true,
    },
  });
  try {
    await source.initialize();
  } catch (cause) {
    throw new AwayError("PostgreSQL does not answer: check DATABASE_URL", {}, { cause });
  }
  return {
    begin: (work) => withRetries(() => source.transaction((manager) => inTransaction(manager, work))),
    query: (sql, parameters) => withRetries(() => runAlone(source, sql, parameters)),
    ping: async () => void (await source.query("select 1")),
    pendingMigrations: () => source.showMigrations(),
    migrate: () => migrateUnderLock(source),
    close: () => source.destroy(),
  };
}

/** Runs `work` again, after a little while, when PostgreSQL refused it for another's sake. */
export async function withRetries<T>(work: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      if (tries >= DEADLOCK_TRIES || !isRetryable(error)) throw error;
      await sleep(Number(randomDigits(2)) * tries);
    }
  }
}

async function runAlone<Row>(
  source: DataSource,
  sql: string,
  parameters: readonly unknown[] = [],
): Promise<Row[]> {
  const runner = source.createQueryRunner();
  try {
    return await queryPrepared<Row>(await runner.connect(), sql, parameters);
  } finally {
    await runner.release();
  }
}

/**
 * Statements may be on their way side by side: when one fails, another's successor must not reach the connection
 * after the rollback, for it may be somebody else's by then.
 */
async function inTransaction<T>(manager: EntityManager, work: (tx: Tx) => Promise<T>): Promise<T> {
  const client: ClientBase = await manager.queryRunner?.connect();
  let over = false;
  let cause: unknown = null;
  const query: Tx["query"] = async (sql, parameters = []) => {
    if (over) throw new InvariantError("a statement came after the end of its transaction");
    try {
      return await queryPrepared(client, sql, parameters);
    } catch (error) {
      // Those behind the one that failed only say that it did; whoever hears them first must hear why.
      cause ??= error;
      throw sqlState(error) === ABORTED ? cause : error;
    }
  };
  try {
    return await work({ manager, query });
  } finally {
    over = true;
  }
}

/**
 * Statements go to the driver itself and are prepared: parsing and planning a set-based one costs PostgreSQL more
 * than running it, and TypeORM's own `query` cannot name a statement.
 */
async function queryPrepared<Row>(
  client: ClientBase,
  text: string,
  parameters: readonly unknown[],
): Promise<Row[]> {
  const name = parameters.length === 0 ? undefined : statementName(text);
  const values = [...parameters];
  const { rows } = await client.query(name === undefined ? { text, values } : { text, values, name });
  return rows as Row[];
}

/** Our statements are constants; a text beyond this many was put together by hand and is not worth a plan. */
const MAX_STATEMENTS = 500;
const statementNames = new Map<string, string>();

/** The name under which every connection prepares this text. */
function statementName(text: string): string | undefined {
  const known = statementNames.get(text);
  if (known !== undefined || statementNames.size >= MAX_STATEMENTS) return known;
  const name = `tagih_${statementNames.size}`;
  statementNames.set(text, name);
  return name;
}

/** What PostgreSQL says of a failed statement; TypeORM wraps it, the driver does not. */
type Failure = { readonly code?: unknown; readonly constraint?: unknown };

function failureOf(error: unknown): Failure | null {
  const thrown = (error ?? {}) as Failure & { readonly driverError?: Failure };
  return thrown.driverError ?? thrown;
}

/** For the rest of a transaction that reads whole tables, such as a report: plans are PostgreSQL's own choice. */
export async function planFreely(tx: Tx): Promise<void> {
  await tx.query(`select set_config(name, 'on', true) from unnest($1::text[]) as x (name)`, [
    ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_material"],
  ]);
}

/** The SQLSTATE of a failed statement, or null when the error is something else. */
export function sqlState(error: unknown): string | null {
  const code = failureOf(error)?.code;
  // The system's own names have five letters as well (EPIPE), and no SQLSTATE begins with an E.
  return typeof code === "string" && /^[0-9A-DF-Z][0-9A-Z]{4}$/.test(code) ? code : null;
}

/** The constraint or unique index that a statement broke, or null. */
export function brokenConstraint(error: unknown): string | null {
  const name = failureOf(error)?.constraint;
  return typeof name === "string" ? name : null;
}

/** SQLSTATE of a statement in a transaction in which another has failed. */
const ABORTED = "25P02";

/** SQLSTATE classes of a server that is away, full or stopping: connection, resources, operator. */
const OUTAGE_CLASSES = ["08", "53", "57"];
const OUTAGE_CODES = ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND"];

/** True when a statement failed because PostgreSQL was away, and not because of what was asked. */
export function isOutage(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  const state = sqlState(error);
  if (state !== null && OUTAGE_CLASSES.includes(state.slice(0, 2))) return true;
  return (
    OUTAGE_CODES.includes(String(code)) ||
    // The last two are the words for a connection that broke between two statements of a transaction.
    /connection (terminated|timeout)|not connected|not queryable|query runner already released/i.test(
      String(message),
    )
  );
}

function isRetryable(error: unknown): boolean {
  return ["40P01", "40001"].includes(sqlState(error) ?? "");
}

/** Number is arbitrary; it only has to be the same in every process of ours. */
const MIGRATION_LOCK = 7_401_001;

async function migrateUnderLock(source: DataSource): Promise<string[]> {
  const runner = source.createQueryRunner();
  try {
    await runner.query("select pg_advisory_lock($1)", [MIGRATION_LOCK]);
    return (await source.runMigrations()).map((migration) => migration.name);
  } finally {
    await runner.query("select pg_advisory_unlock($1)", [MIGRATION_LOCK]);
    await runner.release();
  }
}
