import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseEnv } from "node:util";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { CONFIG_VARIABLES, loadConfig, SECRET_VARIABLES } from "../../src/platform/config.ts";

const HOUSE = fileURLToPath(new URL("../..", import.meta.url));
const read = (file: string): string => readFileSync(join(HOUSE, file), "utf8");

function filesBelow(folder: string, ending: string): string[] {
  return readdirSync(join(HOUSE, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name));
}

const documents = [
  ...readdirSync(HOUSE).filter((name) => name.endsWith(".md")),
  ...filesBelow("docs", ".md"),
  ...filesBelow("examples", ".md"),
];
const sources = filesBelow("src", ".ts").map(read).join("\n");
const migrations = filesBelow("migrations", ".ts").map(read).join("\n");

/** The words that `pattern` captures in `text`, once each. */
function words(text: string, pattern: RegExp): string[] {
  return [...new Set([...text.matchAll(pattern)].map((match) => match[1] ?? ""))].sort();
}

/** What stands below the heading `name`, up to the next heading of any kind. */
function section(document: string, name: string): string {
  return (
    read(document)
      .split(/^#+ /m)
      .find((part) => part.startsWith(`${name}\n`)) ?? ""
  );
}

describe.each(documents)("%s", (document) => {
  test("every link to a file or a heading of ours leads somewhere", () => {
    const links = [...read(document).matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)];
    const broken = links.filter(([, path = "", anchor]) => {
      const target = path === "" ? document : join(dirname(document), path);
      if (!existsSync(join(HOUSE, target))) return true;
      return anchor !== undefined && !headings(read(target)).includes(anchor);
    });
    expect(broken.map(([link]) => link)).toEqual([]);
  });

  test("every npm script that it names exists", () => {
    const { scripts } = JSON.parse(read("package.json"));
    const named = words(read(document), /\bnpm run(?: --?\w+)* ([a-z][\w:-]*)/g);
    expect(Object.keys(scripts)).toEqual(expect.arrayContaining(named));
  });

  test("every command of tagih that it names exists", () => {
    const named = words(read(document), /(?:`|npx |bin\/|^)tagih(?:\.mjs)? ([a-z]\w*)/gm);
    expect(commands()).toEqual(expect.arrayContaining(named));
  });
});

/** Anchors as GitHub makes them. */
function headings(text: string): string[] {
  return [...text.matchAll(/^#+ (.+)$/gm)].map(([, title = ""]) =>
    title
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, "")
      .replaceAll(" ", "-"),
  );
}

let known: string[] | undefined;
function commands(): string[] {
  known ??= words(
    spawnSync(process.execPath, ["bin/tagih.mjs", "--help"], { cwd: HOUSE, encoding: "utf8" }).stdout,
    /^ {2}([a-z]+) /gm,
  );
  return known;
}

describe("the papers agree with the code", () => {
  test("the README shows each command", () => {
    const shown = words(read("README.md"), /^\| `tagih (\w+)/gm);
    expect(shown).toEqual(commands().filter((name) => name !== "help"));
  });

  test("the configuration page has every variable with its default and marks the secrets", () => {
    const rows = [
      ...read("docs/configuration.md").matchAll(/^\| `([A-Z_]+)`( \*\*secret\*\*)? \| ([^|]*) \|/gm),
    ];
    expect(rows.map(([, name]) => name).sort()).toEqual([...CONFIG_VARIABLES].sort());
    expect(rows.flatMap(([, name = "", secret]) => (secret ? [name] : [])).sort()).toEqual(
      [...SECRET_VARIABLES].sort(),
    );
    const literal = rows.flatMap(([, name = "", , shown = ""]) => {
      const value = /^`([^`$]+)`$/.exec(shown.trim())?.[1];
      return value === undefined || (CONFIG_VARIABLES as readonly string[]).includes(value)
        ? []
        : [[name, value]];
    });
    expect(loadConfig(Object.fromEntries(literal), {})).toEqual(loadConfig({}, {}));
    expect(literal.length).toBeGreaterThanOrEqual(10);
  });

  test("the races page counts its races, twenty at least", () => {
    const rows = [...read("docs/races.md").matchAll(/^\| (\d+) \|/gm)];
    expect(rows.length).toBeGreaterThanOrEqual(20);
    expect(rows.map(([, number]) => Number(number))).toEqual(Array.from(rows, (_, n) => n + 1));
  });

  test.each(["docs/races.md", "docs/operations.md"])("%s names only tests that exist", (page) => {
    const named = [...read(page).matchAll(/`(test\/[\w/.-]+)` "([^"]+)"/g)];
    expect(named.length).toBeGreaterThan(6);
    const missing = named.filter(([, file = "", name = ""]) => !read(file).includes(`"${name}"`));
    expect(missing.map(([row]) => row)).toEqual([]);
  });

  test("the operations page has every event of the log and no other", () => {
    const written = words(sources, /\bevent: "([a-z_.]+)"/g);
    const listed = words(
      section("docs/operations.md", "Log events"),
      /`([a-z_]+(?:\.[a-z_]+)?)`(?=[^|\n]*\| \w)/g,
    );
    expect(listed.filter((name) => name !== "event")).toEqual(written);
  });

  test("the architecture page gives every table a room, and names constraints that exist", () => {
    const tables = words(migrations, /create table (\w+)/g);
    const rooms = words(section("docs/architecture.md", "Rooms"), /`(\w+)`/g);
    expect(rooms).toEqual(expect.arrayContaining(tables));
    const named = words(
      section("docs/architecture.md", "Rules that the database holds"),
      /`([a-z]+_[a-z_]+)`/g,
    );
    expect(named.filter((name) => !migrations.includes(name))).toEqual([]);
    expect(named.length).toBeGreaterThan(5);
  });

  test("the state machines show every state that a row may be in", () => {
    const checks = [...migrations.matchAll(/(\w+)_state_known\s+check \(state in \(([^)]+)\)/g)];
    expect(checks.length).toBeGreaterThanOrEqual(5);
    for (const [, table = "", states = ""] of checks) {
      // A request is either answered or not; nobody needs a picture of that.
      if (table === "requests") continue;
      expect(words(read("docs/state-machines.md"), /\b([a-z_]+)\b/g)).toEqual(
        expect.arrayContaining(words(states, /'(\w+)'/g)),
      );
    }
  });

  test("the glossary has every word that rows are named with", () => {
    const glossary = read("docs/glossary.md");
    for (const word of [
      "attempt",
      "binding",
      "customer",
      "decision",
      "evidence",
      "exception",
      "inbox",
      "invoice",
    ])
      expect(glossary).toMatch(new RegExp(`^\\| \\*\\*${word}\\*\\*`, "m"));
    for (const word of [
      "lease",
      "plan",
      "reference",
      "request",
      "stop",
      "subscription",
      "surplus",
      "verdict",
    ])
      expect(glossary).toMatch(new RegExp(`^\\| \\*\\*${word}\\*\\*`, "m"));
  });
});

type Service = {
  readonly image?: string;
  readonly command?: readonly string[];
  readonly env_file?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly depends_on?: Readonly<Record<string, { readonly condition: string }>>;
  readonly healthcheck?: unknown;
};

type PmApp = { readonly name: string; readonly args: string; readonly kill_timeout: number };

describe("deployments", () => {
  const compose: { services: Record<string, Service>; volumes: object } = parse(read("docker-compose.yml"), {
    merge: true,
  });

  test("compose starts the parts in order, each when what it needs is healthy", () => {
    expect(Object.keys(compose.services)).toEqual(["postgres", "redis", "migrate", "server", "worker"]);
    const { migrate, server, worker } = compose.services;
    expect([migrate, server, worker].map((part) => part?.command?.join())).toEqual([
      "migrate",
      "serve",
      "worker",
    ]);
    expect(migrate?.depends_on).toEqual({ postgres: { condition: "service_healthy" } });
    for (const part of [server, worker])
      expect(part?.depends_on).toEqual({
        migrate: { condition: "service_completed_successfully" },
        redis: { condition: "service_healthy" },
      });
    for (const name of ["postgres", "redis", "server"])
      expect(compose.services[name]?.healthcheck).toBeDefined();
  });

  test("compose names the version of every image", () => {
    for (const { image } of Object.values(compose.services)) expect(image).toMatch(/^[\w/]+:\d[\w.-]*$/);
  });

  test("compose and .env.example make a production configuration with nothing but secrets to add", () => {
    const environment = { ...parseEnv(read(".env.example")), ...compose.services["server"]?.environment };
    const password = (value: string) => value.replace(/\$\{POSTGRES_PASSWORD:\?[^}]+\}/, "pw");
    const env = Object.fromEntries(
      Object.entries(environment).map(([name, value]) => [name, password(String(value))]),
    );
    expect(env["DATABASE_URL"]).toBe("postgres://tagih:pw@postgres:5432/tagih");
    expect(loadConfig(env, {})).toMatchObject({
      production: true,
      redisUrl: "redis://redis:6379",
      port: 3000,
    });
    const variables: readonly string[] = CONFIG_VARIABLES;
    for (const { environment: set, env_file } of Object.values(compose.services)) {
      if (env_file === undefined) continue;
      expect(variables).toEqual(expect.arrayContaining(Object.keys(set ?? {})));
    }
  });

  test("PM2 starts the program itself, waits until it is ready and lets it finish", async () => {
    const { apps }: { apps: readonly PmApp[] } = await import(
      new URL("../../ecosystem.config.js", import.meta.url).href
    );
    expect(apps.map(({ name, args }) => [name, args])).toEqual([
      ["tagih-server", "serve"],
      ["tagih-worker", "worker"],
    ]);
    for (const app of apps) {
      expect(app).toMatchObject({ script: "bin/tagih.mjs", exec_mode: "fork", wait_ready: true });
      expect(app.kill_timeout).toBeGreaterThan(30_000);
      expect(commands()).toContain(app.args);
    }
  });

  test("programs can be started", () => {
    for (const file of ["bin/tagih.mjs", ".ci/run"])
      expect(statSync(join(HOUSE, file)).mode & 0o111).toBe(0o111);
    expect(read("Dockerfile")).toContain('ENTRYPOINT ["node", "bin/tagih.mjs"]');
  });
});
