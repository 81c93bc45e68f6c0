import { createSecretKey, randomBytes } from "node:crypto";
import { turnedClock } from "../../src/platform/clock.ts";
import type { Database } from "../../src/platform/database.ts";
import { sealer } from "../../src/platform/secrets.ts";
import { importSubscriptions } from "../../src/subscriptions/import.flow.ts";
import type { ImportTools } from "../../src/subscriptions/import-batch.flow.ts";
import type { ImportCounts, ImportOutcome } from "../../src/subscriptions/import-outcome.ts";

/** The tools of an import on this database, with a key of their own. */
export function importTools(db: Database): ImportTools {
  return {
    db,
    clock: turnedClock,
    sealer: sealer([{ id: "test", key: createSecretKey(randomBytes(32)) }]),
    billingZone: "Asia/Jakarta",
    windowFrom: "08:00",
    minCharge: 10_000,
  };
}

/** Imports a file of this text, in chunks that end anywhere. */
export async function importText(
  tools: ImportTools,
  text: string,
  { dryRun = false }: { readonly dryRun?: boolean } = {},
): Promise<{ readonly counts: ImportCounts; readonly outcomes: readonly ImportOutcome[] }> {
  const outcomes: ImportOutcome[] = [];
  const counts = await importSubscriptions(tools, inChunks(Buffer.from(text), 1_000), {
    actor: "sari",
    dryRun,
    report: async (some) => void outcomes.push(...some),
  });
  return { counts, outcomes };
}

/** The bytes as a file or a socket hands them over. */
export async function* inChunks(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let from = 0; from < bytes.length; from += size) yield bytes.subarray(from, from + size);
}
