import type { EntitySchema } from "typeorm";
import { bindingTable, customerTable } from "../customers/customer.table.ts";
import { planTable, planVersionTable } from "../plans/plan.table.ts";
import { type Database, openDatabase } from "../platform/database.ts";
import { MIGRATIONS } from "./migrations.ts";

/** Connects with everything the house knows about its tables. */
export function openHouseDatabase(url: string, role: string, poolSize?: number): Promise<Database> {
  return openDatabase({
    url,
    role,
    entities: [planTable, planVersionTable, customerTable, bindingTable] as readonly EntitySchema[],
    migrations: MIGRATIONS,
    ...(poolSize === undefined ? {} : { poolSize }),
  });
}

/** Brings the tables at `url` up to date; safe to run from several processes at once. */
export async function migrate(url: string): Promise<string[]> {
  const db = await openHouseDatabase(url, "migrate", 2);
  try {
    return await db.migrate();
  } finally {
    await db.close();
  }
}
