import { spawnSync } from "node:child_process";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, onTestFinished, test } from "vitest";

const HOUSE = fileURLToPath(new URL("..", import.meta.url));

function filesBelow(folder: string, ending = ".ts"): string[] {
  return readdirSync(join(HOUSE, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

const product = [...filesBelow("src"), ...filesBelow("migrations")];

// ---------------------------------------------------------------------------------------- rooms and floors

type Rule = { readonly name: string };
type Cruise = {
  readonly modules: readonly { readonly source: string }[];
  readonly summary: { readonly violations: readonly { readonly from: string; readonly rule: Rule }[] };
};

const config: { readonly forbidden: readonly Rule[] } = createRequire(import.meta.url)(
  "../.dependency-cruiser.cjs",
);

function cruise(folder: string): Cruise {
  const program = join(HOUSE, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs");
  const rules = join(HOUSE, ".dependency-cruiser.cjs");
  const ran = spawnSync(process.execPath, [program, "src", "migrations", "--config", rules, "-T", "json"], {
    cwd: folder,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  return JSON.parse(ran.stdout);
}

/** For each rule a file that breaks it, and what it imports to do so. Each path stands in one plant only. */
const PLANTS: Readonly<Record<string, { readonly file: string; readonly imports: string }>> = {
  "rooms-go-down-from-kernel": { file: "src/kernel/a.ts", imports: "../platform/low.ts" },
  "rooms-go-down-from-platform": { file: "src/platform/a.ts", imports: "../gateway/low.ts" },
  "rooms-go-down-from-gateway": { file: "src/gateway/a.ts", imports: "../exceptions/low.ts" },
  "rooms-go-down-from-exceptions": { file: "src/exceptions/a.ts", imports: "../plans/low.ts" },
  "rooms-go-down-from-plans": { file: "src/plans/a.ts", imports: "../customers/low.ts" },
  "rooms-go-down-from-customers": { file: "src/customers/a.ts", imports: "../subscriptions/low.ts" },
  "rooms-go-down-from-subscriptions": { file: "src/subscriptions/a.ts", imports: "../invoices/low.ts" },
  "rooms-go-down-from-dunning": { file: "src/dunning/a.ts", imports: "../invoices/low.ts" },
  "rooms-go-down-from-invoices": { file: "src/invoices/a.ts", imports: "../refunds/low.ts" },
  "rooms-go-down-from-refunds": { file: "src/refunds/a.ts", imports: "../notifications/low.ts" },
  "rooms-go-down-from-notifications": { file: "src/notifications/a.ts", imports: "../reconciliation/low.ts" },
  "rooms-go-down-from-reconciliation": { file: "src/reconciliation/a.ts", imports: "../events/low.ts" },
  "rooms-go-down-from-events": { file: "src/events/a.ts", imports: "../reports/low.ts" },
  "rooms-go-down-from-reports": { file: "src/reports/a.ts", imports: "../invariants/low.ts" },
  "rooms-go-down-from-invariants": { file: "src/invariants/a.ts", imports: "../scheduler/low.ts" },
  "rooms-go-down-from-scheduler": { file: "src/scheduler/a.ts", imports: "../console/low.ts" },
  "rooms-go-down-from-simulation": { file: "src/simulation/a.ts", imports: "../console/low.ts" },
  "rooms-go-down-from-console": { file: "src/console/a.ts", imports: "../app/low.ts" },
  "kernel-is-pure": { file: "src/kernel/b.ts", imports: "zod" },
  "simulator-stands-outside": { file: "src/simulator/a.ts", imports: "../gateway/low.ts" },
  "nobody-needs-the-simulator": { file: "src/scheduler/b.ts", imports: "../simulator/low.ts" },
  "snap-is-spoken-in-one-place": { file: "src/invoices/b.flow.ts", imports: "../gateway/snap/low.ts" },
  "decisions-touch-nothing": { file: "src/invoices/c.ts", imports: "pg" },
  "decisions-call-no-effects": { file: "src/invoices/d.ts", imports: "./low.flow.ts" },
  "stores-only-speak-sql": { file: "src/invoices/e.store.ts", imports: "./low.flow.ts" },
  "foreign-stores-are-for-flows": { file: "src/invoices/f.routes.ts", imports: "../plans/low.store.ts" },
  "jobs-call-one-flow": { file: "src/invoices/g.job.ts", imports: "./low.store.ts" },
  "migrations-stand-alone": { file: "migrations/1-a.ts", imports: "../src/kernel/low.ts" },
  "product-needs-no-tests": { file: "src/platform/b.ts", imports: "../../test/low.ts" },
  "no-tools-in-the-product": { file: "src/platform/c.ts", imports: "fast-check" },
  "no-cycles": { file: "src/plans/circle.ts", imports: "./elcric.ts" },
  "everything-resolves": { file: "src/platform/d.ts", imports: "./nowhere.ts" },
};

describe("rooms and floors", () => {
  test("are held by every file of the product, and none escapes the check", () => {
    const { modules, summary } = cruise(HOUSE);
    expect(summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`)).toEqual([]);
    const read = modules.map(({ source }) => source).filter((source) => /^(src|migrations)\//.test(source));
    expect(read.sort()).toEqual([...product].sort());
  });

  test("every rule fires on a violation that is planted for it", () => {
    const { summary } = cruise(plant());
    const fired = summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`);
    const expected = Object.entries(PLANTS).map(([rule, { file }]) => `${rule}: ${file}`);
    expect(fired).toEqual(expect.arrayContaining(expected));
    expect(Object.keys(PLANTS).sort()).toEqual(config.forbidden.map(({ name }) => name).sort());
  });

  test("every folder of src is a room of the line, or the simulator", () => {
    const line = config.forbidden.map(({ name }) => /^rooms-go-down-from-(.+)$/.exec(name)?.[1]);
    expect([...line, "app", "simulator"]).toEqual(expect.arrayContaining(readdirSync(join(HOUSE, "src"))));
  });
});

/** A house in which every file breaks one rule. Types count as imports too. */
function plant(): string {
  const folder = mkdtempSync(join(tmpdir(), "tagih-tidy-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  symlinkSync(join(HOUSE, "node_modules"), join(folder, "node_modules"));
  copyFileSync(join(HOUSE, "package.json"), join(folder, "package.json"));
  const write = (file: string, text: string) => {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  };
  for (const { file, imports } of Object.values(PLANTS)) {
    write(file, `import type { X } from "${imports}";\nexport type Y = X;\n`);
    if (!imports.startsWith(".") || imports === "./nowhere.ts") continue;
    write(join(dirname(file), imports), "export type X = 1;\n");
  }
  write("src/plans/elcric.ts", 'import type { Y } from "./circle.ts";\nexport type X = Y;\n');
  return folder;
}

// ------------------------------------------------------------------------------------- what is not written

type Ban = {
  readonly what: string;
  readonly pattern: RegExp;
  readonly where: (file: string) => boolean;
  readonly example: string;
};

const isPlumbing = (file: string) => /^src\/(platform|app)\//.test(file);
const inProduct = (file: string) => /^(src|migrations)\//.test(file);
const inTests = (file: string) => file.startsWith("test/");
const inRooms = (file: string) => inProduct(file) && !isPlumbing(file);

const BANS: readonly Ban[] = [
  { what: "the time of day", pattern: /\bDate\.now\(/, where: inRooms, example: "Date.now()" },
  { what: "a date from nowhere", pattern: /\bnew Date\(\s*\)/, where: inRooms, example: "new Date()" },
  {
    what: "luxon's own clock",
    pattern: /\bDateTime\.(now|local|utc)\(\s*\)/,
    where: inRooms,
    example: "DateTime.now()",
  },
  { what: "the stop-watch", pattern: /\bperformance\.now\(/, where: inRooms, example: "performance.now()" },
  { what: "chance", pattern: /\bMath\.random\b/, where: inProduct, example: "Math.random()" },
  {
    what: "timers",
    pattern: /\bset(Timeout|Interval|Immediate)\(/,
    where: inRooms,
    example: "setTimeout(work, 1)",
  },
  {
    what: "the environment",
    pattern: /\bprocess\.env\b/,
    where: (file) => inProduct(file) && file !== "src/platform/config.ts" && !file.startsWith("src/app/"),
    example: "process.env.HOME",
  },
  {
    what: "the end of the process",
    pattern: /\bprocess\.exit\b/,
    where: (file) => inProduct(file) && !file.startsWith("src/app/"),
    example: "process.exit(1)",
  },
  {
    what: "columns without names",
    pattern: /\b(select|returning)\s+(\w+\.)?\*/i,
    where: inProduct,
    example: "select * from invoices",
  },
  {
    what: "a certificate that is not checked",
    pattern: /rejectUnauthorized: false/,
    where: inProduct,
    example: "rejectUnauthorized: false",
  },
  {
    what: "tests that are left out",
    pattern: /\.(only|skip|todo|fails)\b/,
    where: inTests,
    example: "test.skip(",
  },
  {
    what: "mocks of our own code",
    pattern: /\bvi\.(mock|spyOn|useFakeTimers)\b/,
    where: inTests,
    example: "vi.mock(",
  },
  {
    what: "waiting for a time",
    pattern: /\b(setTimeout|sleep)\(/,
    // A fault run spreads its kills over time; what it proves waits for facts as well.
    where: (file) => inTests(file) && !file.startsWith("test/faults/"),
    example: "await sleep(100)",
  },
  {
    what: "a second spelling of a state",
    pattern: /\b(cancelled|uncollectable|pastdue)\b/i,
    // The gateway spells as it likes.
    where: (file) => inProduct(file) && !/^src\/(gateway\/snap|simulator)\//.test(file),
    example: "cancelled",
  },
  {
    what: "names that say nothing",
    pattern: /^export .*\b(class|function|type|const) \w*(Manager|Helper|Util|Utils|Impl)\b/m,
    where: inProduct,
    example: "export class QueueManager",
  },
  { what: "notes to self", pattern: /\b(TODO|FIXME|XXX)\b/, where: inProduct, example: "// TODO later" },
];

describe("what is not written", () => {
  const files = [...product, ...filesBelow("test")].filter((file) => file !== "test/tidy.test.ts");

  test.each(BANS)("$what", ({ pattern, where, example }) => {
    expect(example).toMatch(pattern);
    const found = files.filter((file) => where(file) && pattern.test(codeOf(file)));
    expect(found).toEqual([]);
  });
});

/** The file without its comments: they may name what the code must not do. Notes to self are found all the same. */
function codeOf(file: string): string {
  const text = readFileSync(join(HOUSE, file), "utf8");
  return text.replace(/^\s*(\/\/|\/?\*)(?!.*\b(TODO|FIXME|XXX)\b).*$/gm, "");
}
