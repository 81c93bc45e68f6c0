import pg from "pg";
import { inject } from "vitest";
import { openHouseDatabase } from "../../src/app/schema.ts";
import type { Database } from "../../src/platform/database.ts";

let made = 0;

/** The URL of a new, migrated, empty database on the run's own server. */
export async function freshDatabaseUrl(): Promise<string> {
  made += 1;
  const name = `t_${process.pid}_${process.env["VITEST_WORKER_ID"] ?? "0"}_${made}_${Date.now().toString(36)}`;
  await onServer(`create database ${name} template tagih_template strategy file_copy`);
  return inject("serverUrl").replace(/\/tagih$/, `/${name}`);
}

/** Gives the room of a database back, which may be memory; whoever still speaks to it is cut off. */
export async function dropDatabase(url: string): Promise<void> {
  await onServer(`drop database if exists ${new URL(url).pathname.slice(1)} with (force)`);
}

async function onServer(statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: inject("serverUrl") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

export type TestDatabase = Database & {
  readonly url: string;
  /** One statement in its own transaction. */
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
};

/** A new, migrated, empty database, opened. Close it when the test ends: it is gone then. */
export async function freshDatabase(): Promise<TestDatabase> {
  const url = await freshDatabaseUrl();
  const db = await openHouseDatabase(url, "test", 6);
  const close = async () => {
    await db.close();
    await dropDatabase(url);
  };
  return { ...db, url, close, query: (sql, parameters) => db.begin((tx) => tx.query(sql, parameters)) };
}
