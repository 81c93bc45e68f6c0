import {
  DataSource,
  type EntityManager,
  type EntitySchema,
  type MigrationInterface,
  type QueryResult,
  type QueryRunner,
} from "typeorm";
import { AwayError } from "../kernel/errors.ts";
import { randomDigits } from "./random.ts";
import { sleep } from "./timer.ts";

/** What a store receives: the transaction it must write in. */
export type Tx = {
  /** Runs one statement and returns its rows, also for `update … returning`. */
  query<Row>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
  /** TypeORM's side of the same transaction, for repositories. */
  readonly manager: EntityManager;
};

/** What a flow holds. `begin` commits when `work` resolves, rolls back when it throws. */
export type Database = {
  /** `work` may run again after a deadlock or a serialization failure: it must have no effect but its SQL. */
  begin<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
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
    },
  });
  try {
    await source.initialize();
  } catch (cause) {
    throw new AwayError("PostgreSQL does not answer: check DATABASE_URL", {}, { cause });
  }
  return {
    begin: (work) => withRetries(source, work),
    ping: async () => void (await source.query("select 1")),
    pendingMigrations: () => source.showMigrations(),
    migrate: () => migrateUnderLock(source),
    close: () => source.destroy(),
  };
}

async function withRetries<T>(source: DataSource, work: (tx: Tx) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await source.transaction((manager) => work(transaction(manager)));
    } catch (error) {
      if (tries >= DEADLOCK_TRIES || !isRetryable(error)) throw error;
      await sleep(Number(randomDigits(2)) * tries);
    }
  }
}

function transaction(manager: EntityManager): Tx {
  const runner = manager.queryRunner as QueryRunner;
  return {
    manager,
    query: async <Row>(sql: string, parameters: readonly unknown[] = []) => {
      const result: QueryResult<Row> = await runner.query(sql, [...parameters], true);
      return result.records as Row[];
    },
  };
}

/** The SQLSTATE of a failed statement, or null when the error is something else. */
export function sqlState(error: unknown): string | null {
  const code = (error as { driverError?: { code?: unknown } } | null)?.driverError?.code;
  return typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : null;
}

/** The constraint or unique index that a statement broke, or null. */
export function brokenConstraint(error: unknown): string | null {
  const name = (error as { driverError?: { constraint?: unknown } } | null)?.driverError?.constraint;
  return typeof name === "string" ? name : null;
}

/** SQLSTATE classes of a server that is away, full or stopping: connection, resources, operator. */
const OUTAGE_CLASSES = ["08", "53", "57"];
const OUTAGE_CODES = ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "ENOTFOUND"];

/** True when a statement failed because PostgreSQL was away, and not because of what was asked. */
export function isOutage(error: unknown): boolean {
  const { code, message } = (error ?? {}) as { code?: unknown; message?: unknown };
  // A server that refuses the connection fails no statement: its SQLSTATE then stands on the error itself.
  const state = sqlState(error) ?? (/^[0-9A-Z]{5}$/.test(String(code)) ? String(code) : null);
  if (state !== null && OUTAGE_CLASSES.includes(state.slice(0, 2))) return true;
  return (
    OUTAGE_CODES.includes(String(code)) ||
    // The last is TypeORM's word for a connection that broke between two statements of a transaction.
    /connection (terminated|timeout)|not connected|query runner already released/i.test(String(message))
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
