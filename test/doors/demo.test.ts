import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { embeddedStatus, stopEmbedded } from "../../src/platform/embedded/embedded.ts";
import { runTagih } from "../support/run-tagih.ts";
import { scratchFolder } from "../support/scratch.ts";

/** What one run prints; each sum is counted from the database, the ledger from the gateway's own book. */
type Document = {
  readonly collection: {
    readonly total: Readonly<Record<string, { readonly n: number; readonly amount: number }>>;
  };
  readonly ledger: { readonly paid: number; readonly amount: number };
};

/** Every invoice stands under exactly one of these. */
const TERMS = [
  ...["paid", "uncollectible", "void", "in_dunning", "not_yet_tried", "pending_or_unknown"],
  ...["waiting_method", "waiting_person", "waiting_hold", "waiting_customer"],
];

test("the demo runs in an empty folder, its sums tie, and the gateway's ledger agrees", {
  timeout: 120_000,
}, async () => {
  const folder = scratchFolder("tagih-demo");
  const demo = join(folder, ".tagih/demo");
  onTestFinished(async () => {
    await stopEmbedded(demo);
    rmSync(folder, { recursive: true, force: true });
  });
  const { code, out, err } = await runTagih(["demo", "--once", "--json"], { cwd: folder });
  expect([code, err]).toEqual([0, ""]);
  const { collection, ledger }: Document = JSON.parse(out);
  const { total } = collection;
  const terms = TERMS.map((term) => total[term] ?? { n: Number.NaN, amount: Number.NaN });
  expect(terms.reduce((sum, { n }) => sum + n, 0)).toBe(total["invoiced"]?.n);
  expect(terms.reduce((sum, { amount }) => sum + amount, 0)).toBe(total["invoiced"]?.amount);
  expect({ n: ledger.paid, amount: ledger.amount }).toEqual(total["paid"]);
  // A demo worth watching: retries that paid, and wallets that could not.
  expect(total["paid_by_retry"]?.n).toBeGreaterThan(0);
  expect(total["in_dunning"]?.n).toBeGreaterThan(0);

  expect(existsSync(join(demo, "demo.log"))).toBe(true);
  expect(await embeddedStatus(demo)).toMatch(/^no embedded PostgreSQL runs/);
});
