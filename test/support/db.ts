import { inject } from "vitest";
import { openHouseDatabase } from "../../src/app/schema.ts";
import type { Database } from "../../src/platform/database.ts";
import { onServer } from "./on-server.ts";

let made = 0;

/** The URL of a new, migrated, empty database on the run's own server. */
export function freshDatabaseUrl(): Promise<string> {
  return newDatabaseUrl("template tagih_template strategy file_copy");
}

/** The URL of a new database there, with nothing in it, or made as `how` says. */
export async function newDatabaseUrl(how = ""): Promise<string> {
  made += 1;
  const name = `t_${process.pid}_${process.env["VITEST_WORKER_ID"] ?? "0"}_${made}_${Date.now().toString(36)}`;
  await onServer(inject("serverUrl"), `create database ${name} ${how}`);
  return inject("serverUrl").replace(/\/tagih$/, `/${name}`);
}

/** Gives the room of a database back, which may be memory; whoever still speaks to it is cut off. */
export async function dropDatabase(url: string): Promise<void> {
  await onServer(
    inject("serverUrl"),
    `drop database if exists ${new URL(url).pathname.slice(1)} with (force)`,
  );
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
