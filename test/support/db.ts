import pg from "pg";
import { inject } from "vitest";
import { openHouseDatabase } from "../../src/app/schema.ts";
import type { Database } from "../../src/platform/database.ts";

let made = 0;

/** The URL of a new, migrated, empty database on the run's own server. */
export async function freshDatabaseUrl(): Promise<string> {
  const serverUrl = inject("serverUrl");
  made += 1;
  const name = `t_${process.pid}_${process.env["VITEST_WORKER_ID"] ?? "0"}_${made}_${Date.now().toString(36)}`;
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    await client.query(`create database ${name} template tagih_template strategy file_copy`);
  } finally {
    await client.end();
  }
  return serverUrl.replace(/\/tagih$/, `/${name}`);
}

export type TestDatabase = Database & {
  readonly url: string;
  /** One statement in its own transaction. */
  query<Row = Record<string, unknown>>(sql: string, parameters?: readonly unknown[]): Promise<Row[]>;
};

/** A new, migrated, empty database, opened. Close it when the test ends. */
export async function freshDatabase(): Promise<TestDatabase> {
  const url = await freshDatabaseUrl();
  const db = await openHouseDatabase(url, "test", 6);
  return { ...db, url, query: (sql, parameters) => db.begin((tx) => tx.query(sql, parameters)) };
}
