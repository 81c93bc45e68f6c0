import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { freshDatabaseUrl } from "../support/db.ts";
import { type Environment, MERCHANT, makeFolder, runTagih } from "../support/run-tagih.ts";

/** Some twenty processes, one after another. */
const STORY = { timeout: 120_000 };
const folder = makeFolder();
afterAll(folder.remove);

/** What a merchant without the gateway's keys at hand has: commands that do not ask the gateway need no more. */
async function office() {
  const env: Environment = {
    DATABASE_URL: await freshDatabaseUrl(),
    TAGIH_ENCRYPTION_KEY: MERCHANT.env.TAGIH_ENCRYPTION_KEY,
    QUEUE_BACKEND: "postgres",
  };
  const tagih = (...words: string[]) => runTagih(words, { cwd: folder.path, env });
  const json = async (...words: string[]) => {
    const { code, out, err } = await tagih(...words, "--json");
    if (code !== 0) throw new Error(`${words.join(" ")} ended with ${code}: ${err}`);
    return JSON.parse(out);
  };
  return { env, tagih, json };
}

const PLAN = ["--code", "pro", "--name", "Pro", "--amount", "99000", "--interval", "month"];
const NEW_WEEKLY = [
  "plan",
  "create",
  "--code",
  "w",
  "--name",
  "W",
  "--amount",
  "20000",
  "--interval",
  "week",
];
const CUSTOMER = ["--reference", "budi", "--name", "Budi S.", "--phone", "081234567890"];

test(
  "a plan, a customer and a subscription are made, listed and shown from the command line",
  STORY,
  async () => {
    const { tagih, json } = await office();
    expect(await json("plan", "create", ...PLAN)).toMatchObject({ code: "pro", amount: 99_000, version: 1 });
    expect(await json("customer", "create", ...CUSTOMER)).toMatchObject({ reference: "budi", binding: null });
    const asked = ["--reference", "s-1", "--customer", "budi", "--plan", "pro", "--start-on", "2027-03-01"];
    expect(await json("subscription", "create", ...asked, "--dry-run")).toMatchObject({
      dry_run: true,
      reference: "s-1",
      state: "incomplete",
    });
    expect(await json("subscription", "list")).toEqual({ data: [], next_cursor: null });
    expect(await json("subscription", "create", ...asked)).toMatchObject({ start_on: "2027-03-01" });
    expect(await json("subscription", "show", "s-1")).toMatchObject({ customer: "budi", plan: "pro" });

    const listed = await tagih("plan", "list");
    const [heading = "", row = "", ...more] = listed.out.trimEnd().split("\n");
    expect(heading).toMatch(/^code +name +amount +version +interval/);
    expect(row).toMatch(/^pro +Pro +99000 +1 +month +1/);
    expect(more).toEqual([]);
    const shown = await tagih("customer", "show", "budi");
    expect(shown.out).toMatch(/^reference: +budi\nname: +Budi S\.\nphone: +\S*\*\S*890\n/m);
    expect((await tagih("invoice", "list")).out).toBe("none\n");
  },
);

test(
  "a policy is tried and stored from a file, and its mistakes are named by their lines",
  STORY,
  async () => {
    const { tagih, json } = await office();
    const file = (name: string, text: string) => {
      writeFileSync(join(folder.path, name), text);
      return ["policy", "set", "--code", "gym", "--source", `@${name}`];
    };
    const wrong = await tagih(...file("wrong.yaml", "zone: Asia/Jakarta\nladder: { funds: [3, 2] }\n"));
    expect([wrong.code, wrong.err]).toEqual([
      64,
      expect.stringContaining("line 2: ladder.funds: must grow: 2 after 3"),
    ]);
    const missing = await tagih("policy", "set", "--code", "gym", "--source", "@nowhere.yaml");
    expect([missing.code, missing.err]).toEqual([64, expect.stringContaining("nowhere.yaml cannot be read")]);
    const right = file("right.yaml", "ladder: { funds: [2, 4] }\n");
    expect(await json(...right, "--dry-run")).toMatchObject({ dry_run: true, version: 1 });
    expect(await json(...right)).toMatchObject({ version: 1, policy: { ladder: { funds: [2, 4] } } });
    expect((await tagih("policy", "list")).out).toMatch(/^gym +1 .+\novo-default +1 /m);
  },
);

test("bad input ends with 64 and one message that names the options", STORY, async () => {
  const { tagih } = await office();
  const wrong = await tagih(
    "plan",
    "create",
    "--amount",
    // Ninety-nine thousand in Indonesia, and 99 to JavaScript.
    "99.000",
    "--interval",
    "fortnight",
    "--name",
    "Pro",
  );
  expect([wrong.code, wrong.out]).toEqual([64, ""]);
  expect(wrong.err).toMatch(
    /^tagih: --code: must be .*; --amount: must be whole rupiah.*; --interval: must be/,
  );
  expect(wrong.err.trimEnd().split("\n")).toHaveLength(1);
  await refusesAll(tagih, [
    [["plan", "list", "--limit", "many"], 64, /--limit: must be a number/],
    [["plan", "list", "--cursor", "forged"], 64, /--cursor: use the next_cursor/],
    [["plan", "show"], 64, /missing required argument 'code'/],
    [["plan", "create", "--colour", "red"], 64, /unknown option '--colour'/],
    [["plan", "frobnicate"], 64, /unknown command 'frobnicate'/],
    [["customer", "create", ...CUSTOMER.slice(2, 4), "--reference", "c2", "--phone", "12"], 64, /--phone: /],
    [["invoice", "list", "--from", "2027-02-30"], 64, /--from: must be a date that exists/],
    [["subscription", "preview", "--start", "2027-03-01"], 64, /--interval: must be given.*--amount: must/],
    [[...NEW_WEEKLY, "--billing-day", "5"], 64, /^tagih: --billing-day: periods of weeks are counted/],
  ]);
});

test("what the house refuses as it stands ends with 1, in words of the command line", STORY, async () => {
  const { tagih } = await office();
  await tagih("plan", "create", ...PLAN);
  await tagih("customer", "create", ...CUSTOMER);
  const begin = ["subscription", "create", "--customer", "budi", "--plan", "pro", "--reference"];
  await tagih(...begin, "s-1");
  await refusesAll(tagih, [
    [["plan", "create", ...PLAN], 1, /--code: there is already a plan pro/],
    [["plan", "show", "nothing"], 1, /there is no plan nothing/],
    [["subscription", "invoices", "nope"], 1, /there is no subscription nope/],
    [["invoice", "collect", "no-uuid"], 1, /there is no invoice no-uuid/],
    [["report", "collection", "--plan", "nothing"], 1, /there is no plan nothing/],
    [
      [...begin, "s-2"],
      1,
      /^tagih: --plan: budi already has .* or say --allow-second if a second one is meant/,
    ],
    [
      [...begin, "s-2", "--trial-days", "3", "--trial-ends-on", "2027-03-04"],
      64,
      /^tagih: --trial-ends-on: give it or --trial-days, not both/,
    ],
  ]);
});

type Refused = readonly [words: readonly string[], code: number, says: RegExp];

async function refusesAll(
  tagih: (...words: string[]) => ReturnType<typeof runTagih>,
  cases: readonly Refused[],
): Promise<void> {
  for (const [words, code, says] of cases) {
    const { code: ended, err, out } = await tagih(...words);
    expect([ended, out], words.join(" ")).toEqual([code, ""]);
    expect(err, words.join(" ")).toMatch(says);
    expect(err, words.join(" ")).not.toMatch(/^ {4}at /m);
  }
}

test("only commands that ask the gateway want its configuration", STORY, async () => {
  const { tagih, env } = await office();
  await tagih("customer", "create", ...CUSTOMER);
  const urls = ["--success-url", "https://shop.example/ok", "--failed-url", "https://shop.example/ko"];
  const asked = ["binding", "create", "budi", ...urls];
  const without = await tagih(...asked);
  expect([without.code, without.out]).toEqual([78, ""]);
  expect(without.err).toMatch(/DOKU_BASE_URL is missing/);
  const { DATABASE_URL = "" } = env;
  const away = await runTagih(asked, { cwd: folder.path, env: { ...MERCHANT.env, DATABASE_URL } });
  expect([away.code, away.out]).toEqual([69, ""]);
  expect(away.err).toMatch(/the gateway did not answer; start linking again/);
});

test("a command that is repeated under one key has its effect once", STORY, async () => {
  const { tagih, json } = await office();
  const stop = ["stop", "set", "--scope", "all", "--reason", "checking", "--idempotency-key", "k-1"];
  const first = await json(...stop, "--minutes", "5");
  expect(await json(...stop, "--minutes", "5")).toEqual(first);
  const other = await tagih(...stop, "--minutes", "6");
  expect([other.code, other.err]).toEqual([1, expect.stringMatching(/used for another request/)]);
  expect((await json("stop", "list")).data).toHaveLength(1);
});

test("help tells of every group, and of every option with its bounds", STORY, async () => {
  const { tagih } = await office();
  const { out, code } = await tagih("--help");
  expect(code).toBe(0);
  for (const group of [
    "plan",
    "customer",
    "binding",
    "subscription",
    "invoice",
    "refund",
    "exception",
    "stop",
  ])
    expect(out).toMatch(new RegExp(`^ {2}${group} +\\S`, "m"));
  const help = (await tagih("plan", "create", "--help")).out.replace(/\s+/g, " ");
  expect(help).toContain("--amount <n> integer, 1 to 1000000000000, whole rupiah, required");
  expect(help).toContain("--dry-run show what would be done, and do nothing");
  const of = async (...words: string[]) => (await tagih(...words, "--help")).out.replace(/\s+/g, " ");
  const making = await of("subscription", "create");
  expect(making).toMatch(/--alignment <text> anniversary \| calendar, "" for none, where periods begin/);
  expect(making).toMatch(/--cycles <n> integer, 1 to 1200, "" for none, how many invoices/);
  expect(await of("subscription", "discount", "add")).toMatch(/--percent <n> .* percent off; this or amount/);
  // Where an option says nothing the next one follows its placeholder.
  expect(await of("preview")).not.toMatch(/--[a-z-]+( <\w+>)? (-|$)/);
});
