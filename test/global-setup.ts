import { rmSync } from "node:fs";
import type { TestProject } from "vitest/node";
import { migrate } from "../src/app/schema.ts";
import { openEmbedded } from "../src/platform/embedded/embedded.ts";
import { migrateQueue } from "../src/platform/queue.ts";
import { scratchFolder } from "./support/scratch.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The throw-away server of this run; `freshDatabase()` copies its migrated template. */
    serverUrl: string;
  }
}

/** One forgetful server for the whole run; each test file works in databases of its own, copied from a migrated one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = scratchFolder("tagih-test");
  const server = await openEmbedded({ dir, role: "test", durable: false });
  const template = server.url.replace(/\/tagih$/, "/tagih_template");
  await prepareServer(server.url);
  await migrate(template);
  await migrateQueue({ kind: "postgres", url: template });
  project.provide("serverUrl", server.url);
  return async () => {
    await server.leave();
    rmSync(dir, { recursive: true, force: true });
  };
}

async function prepareServer(url: string): Promise<void> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query("create database tagih_template");
  // Hundreds of databases that live for a second each are not worth tidying up.
  await client.query("alter system set autovacuum = off");
  await client.query("select pg_reload_conf()");
  await client.end();
}
