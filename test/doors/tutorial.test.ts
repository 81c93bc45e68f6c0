import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { embeddedStatus, stopEmbedded } from "../../src/platform/embedded/embedded.ts";
import { freePort } from "../../src/platform/embedded/server.ts";
import { type Block, blocksOf, isAsShown } from "../support/page.ts";
import { startReader } from "../support/run-page.ts";
import { scratchFolder } from "../support/scratch.ts";

const HOUSE = join(import.meta.dirname, "../..");
const PAGE = readFileSync(join(HOUSE, "docs/tutorial.md"), "utf8");
const PATHS = ["curl", "cli"] as const;
type Path = (typeof PATHS)[number];

/** Three programs and a dozen commands, twice at the same time, on a machine that may be busy. */
const STORY = { timeout: 120_000 };

/** What one who takes this path types. */
function blocksFor(path: Path, page: string): Block[] {
  const other = path === "curl" ? "cli" : "curl";
  return blocksOf(page).filter(({ kind }) => !kind.split(" ").includes(other));
}

/** The page, with ports of its own. */
async function pageHere(): Promise<string> {
  const ports: Readonly<Record<string, number>> = { 3000: await freePort(), 4000: await freePort() };
  return PAGE.replace(/(?<=127\.0\.0\.1:|--port |PORT=)[34]000\b/g, (port) => String(ports[port]));
}

/** A folder as `npm install` leaves it, with nothing of a merchant in it. */
function installed(): string {
  const folder = scratchFolder("tagih-tutorial");
  for (const name of ["package.json", "bin", "src", "migrations", "node_modules"])
    symlinkSync(join(HOUSE, name), join(folder, name));
  return folder;
}

/** A folder of programs in which `npx tagih` is the program itself: npm takes a second to find it, each time. */
function quickNpx(folder: string): string {
  const programs = join(folder, "programs");
  mkdirSync(programs);
  const script = `#!/bin/sh\nshift\nexec "${process.execPath}" bin/tagih.mjs "$@"\n`;
  writeFileSync(join(programs, "npx"), script, { mode: 0o755 });
  return programs;
}

test.concurrent.for(PATHS)(
  "the tutorial by %s does what it says",
  STORY,
  async (path, { onTestFinished }) => {
    const cwd = installed();
    const found = process.env["PATH"] ?? "";
    const env = {
      // One of the two goes through npm itself.
      PATH: path === "cli" ? `${quickNpx(cwd)}:${found}` : found,
      HOME: cwd,
      // Whatever is not here must not be fetched.
      npm_config_offline: "true",
      npm_config_update_notifier: "false",
    };
    const reader = startReader({ cwd, env });
    onTestFinished(async () => {
      reader.kill();
      await stopEmbedded(join(cwd, ".tagih"));
      rmSync(cwd, { recursive: true, force: true });
    });
    await reader.follow(blocksFor(path, await pageHere()));
    await reader.interrupt();
    expect(await embeddedStatus(join(cwd, ".tagih"))).toMatch(/^no embedded PostgreSQL runs/);
  },
);

test("both paths of the tutorial go all the way, and show what comes of each command", () => {
  const typed = (path: Path) => blocksOf(PAGE).filter(({ kind }) => kind.split(" ").includes(path));
  const texts = { curl: typed("curl"), cli: typed("cli") };
  expect(texts.curl).toHaveLength(texts.cli.length);
  for (const { line, commands, prints } of [...texts.curl, ...texts.cli])
    expect(prints, `line ${line}: ${commands}`).not.toBeNull();
  for (const { commands } of texts.curl) expect(commands).not.toMatch(/npx/);
  for (const { commands } of texts.cli) expect(commands).not.toMatch(/curl/);
  const steps: readonly (readonly [curl: RegExp, cli: RegExp])[] = [
    [/\$API\/plans -d/, /tagih plan create/],
    [/\$API\/customers -d/, /tagih customer create/],
    [/\/bindings -d/, /tagih binding create/],
    [/\/subscriptions\/preview -d/, /tagih subscription preview/],
    [/\$API\/subscriptions .*-d/, /tagih subscription create/],
    [/\/invoices$/m, /tagih subscription invoices/],
    [/\/decisions/, /tagih invoice decisions/],
    [/\/attempts/, /tagih invoice attempts/],
    [/\/cancel -d/, /tagih subscription cancel (?!.*--dry-run)/],
  ];
  for (const [curl, cli] of steps) {
    expect(texts.curl.filter(({ commands }) => curl.test(commands)).length, `${curl}`).toBeGreaterThan(0);
    expect(texts.cli.filter(({ commands }) => cli.test(commands)).length, `${cli}`).toBeGreaterThan(0);
  }
});

test.for([
  ["```sh\nfalse\n```", /line 1 does not do/],
  ["```sh\nfalse\necho paid\n```\n```text\npaid\n```", /line 1 does not do/],
  ["text\n\n```sh curl\necho open\n```\n```text\npaid\n```", /line 3 does not do.*paid.*and printed\nopen/s],
  ["```sh terminal\necho no >&2; exit 3\n```\n```text\nready\n```", /line 1 does not do.*no/s],
  ["```shell\ntrue\n```", /line 1: a block of the kind "shell" belongs to nothing/],
] as const)("a page that is wrong is found out: %j", async ([page, says], { onTestFinished }) => {
  const cwd = scratchFolder("tagih-page");
  const reader = startReader({ cwd, env: { PATH: process.env["PATH"] ?? "" } });
  onTestFinished(() => {
    reader.kill();
    rmSync(cwd, { recursive: true, force: true });
  });
  await expect(async () => reader.follow(blocksOf(page))).rejects.toThrow(says);
});

test.each([
  ["state:   paid\nmore: 1\n", "state: paid\n…", true],
  ["state:   paid\n", "state: paid\n…", true],
  ["state:   unpaid\n", "state: paid\n…", false],
  ["a\nstate: paid\n", "state: paid\n…", false],
  ['{"a":1,"state":"paid"}\n', '{…"state":"paid"}', true],
  ['{"a":1,"state":"open"}\n{"state":"paid"}\n', '{…"state":"paid"}', false],
  ["a.c\n", "a?c", false],
])("%j is as shown by %j: %s", (said, prints, is) => {
  expect(isAsShown(said, prints)).toBe(is);
});
