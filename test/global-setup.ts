import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestProject } from "vitest/node";
import { migrate } from "../src/app/schema.ts";
import { openEmbedded } from "../src/platform/embedded/embedded.ts";
import { migrateQueue } from "../src/platform/queue.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The throw-away server of this run; `freshDatabase()` copies its migrated template. */
    serverUrl: string;
  }
}

/** One forgetful server for the whole run; each test file works in databases of its own, copied from a migrated one. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = mkdtempSync(join(tmpdir(), "tagih-test-"));
  chmodSync(dir, 0o755);
  const server = await openEmbedded({ dir, role: "test", durable: false });
  const template = server.url.replace(/\/tagih$/, "/tagih_template");
  await createDatabase(server.url, "tagih_template");
  await migrate(template);
  await migrateQueue({ kind: "postgres", url: template });
  project.provide("serverUrl", server.url);
  return async () => {
    await server.leave();
    rmSync(dir, { recursive: true, force: true });
  };
}

async function createDatabase(url: string, name: string): Promise<void> {
  const { default: pg } = await import("pg");
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(`create database ${name}`);
  await client.end();
}
