// `npm run test:guards`: takes away one guard at a time, in a copy of the tree, and shows which test dies of it.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { GUARDS, type Guard } from "./guards.ts";

const ROOT = join(import.meta.dirname, "../..");
const COPIED = [
  "bin",
  "src",
  "migrations",
  "test",
  "examples",
  "package.json",
  "tsconfig.json",
  "vitest.config.ts",
];

/** A copy of the tree that can be broken; packages are shared. */
function copyTree(): string {
  const copy = mkdtempSync(join(tmpdir(), "tagih-guards-"));
  for (const name of COPIED) cpSync(join(ROOT, name), join(copy, name), { recursive: true });
  symlinkSync(join(ROOT, "node_modules"), join(copy, "node_modules"));
  return copy;
}

function removeGuard(tree: string, { file, find, replace, name }: Guard): void {
  const path = join(tree, file);
  const text = readFileSync(path, "utf8");
  const parts = text.split(find);
  if (parts.length !== 2) throw new Error(`${name}: its text stands ${parts.length - 1} times in ${file}`);
  writeFileSync(path, parts.join(replace));
}

/** True when the guard's test fails; one that cannot even run proves nothing. */
function testDies(tree: string, { test, dies }: Guard): boolean {
  const run = spawnSync(process.execPath, ["node_modules/vitest/vitest.mjs", "run", test, "-t", dies], {
    cwd: tree,
    encoding: "utf8",
    env: { ...process.env, NO_COLOR: "1" },
  });
  const [, passed, failed] = /(\d+) passed, (\d+) failed/.exec(run.stdout) ?? [];
  if (passed === undefined || failed === undefined)
    throw new Error(`${test} did not run:\n${run.stdout}${run.stderr}`);
  return Number(failed) > 0;
}

function prove(guard: Guard): boolean {
  const tree = copyTree();
  try {
    removeGuard(tree, guard);
    return testDies(tree, guard);
  } finally {
    rmSync(tree, { recursive: true, force: true });
  }
}

const only = process.argv[2];
const chosen = GUARDS.filter((guard) => only === undefined || guard.name.includes(only));
let failed = 0;
for (const guard of chosen) {
  const dead = prove(guard);
  if (!dead) failed += 1;
  console.log(`${dead ? "dies " : "LIVES"}  ${guard.name}: ${guard.test} "${guard.dies}"`);
}
console.log(`${chosen.length - failed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
