import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";
import { freePort } from "../../src/platform/embedded/server.ts";
import { until } from "../../src/platform/timer.ts";
import { freshDatabaseUrl } from "../support/db.ts";
import {
  type Environment,
  MERCHANT,
  makeFolder,
  runTagih,
  type Started,
  startTagih,
} from "../support/run-tagih.ts";

/** Three programs and six commands start one after another; a busy machine needs a while. */
const STORY = { timeout: 90_000 };
const PATIENCE_MS = 30_000;
/** A server that stops waits for callers that keep their connections. */
const LEAVING = { connection: "close" } as const;
const folder = makeFolder();
afterAll(folder.remove);
const tagih = (line: string, env: Environment = {}) => runTagih(line.split(" "), { cwd: folder.path, env });

describe.concurrent("a command line", () => {
  test("without a configuration ends with 78 and names all that is missing, each with its cure", async () => {
    const { code, err } = await tagih("serve");
    expect(code).toBe(78);
    const missing = [
      "DOKU_BASE_URL",
      "DOKU_CLIENT_ID",
      "DOKU_SECRET_KEY",
      "DOKU_PRIVATE_KEY",
      "DOKU_PUBLIC_KEY",
    ];
    const named = [...err.matchAll(/^ {2}- (\w+) is missing: \S/gm)].map(([, name]) => name);
    expect(named).toEqual([...missing, "TAGIH_API_KEYS"]);
    expect(err).toMatch(/^tagih: the configuration has 6 problem/);
  });

  test("with a key that is none ends with 78, names it and does not repeat it", async () => {
    const env = { ...MERCHANT.env, DOKU_PRIVATE_KEY: "secret-but-no-pem", TICK_EVERY_MS: "soon" };
    const { code, err } = await tagih("worker", env);
    expect(code).toBe(78);
    expect(err).toMatch(/- DOKU_PRIVATE_KEY .*PEM/);
    expect(err).toMatch(/- TICK_EVERY_MS must be a whole number/);
    expect(err).not.toContain("secret-but-no-pem");
  });

  test.each([
    ["tick --now 2027-01-31T09:00", /--now only works with TAGIH_CLOCK=turned/, {}],
    ["clock --advance 3w", /--advance: "3w" is no duration; write it like/, { TAGIH_CLOCK: "turned" }],
    ["report weather", /weather.*collection/, {}],
    ["report collection --from 2027-02-30", /from: must be a date that exists/, {}],
    [
      "preview --start 2027-03-01 --interval week --billing-day 5",
      /^tagih: --billing-day: periods of weeks/,
      {},
    ],
    ["frobnicate", /unknown command 'frobnicate'/, {}],
  ] as const)("%s ends with 64 and one sentence", async (line, says, more) => {
    const { code, out, err } = await tagih(line, {
      ...MERCHANT.env,
      ...more,
      DATABASE_URL: await freshDatabaseUrl(),
    });
    expect(err).toMatch(says);
    expect(err).not.toMatch(/^ {4}at /m);
    expect([code, out]).toEqual([64, ""]);
  });

  test("while PostgreSQL is away ends with 69 and says which variable to check, without the password", async () => {
    const DATABASE_URL = `postgres://tagih:hush@127.0.0.1:${await freePort()}/tagih`;
    const { code, err } = await tagih("tick", { ...MERCHANT.env, DATABASE_URL });
    expect(code).toBe(69);
    expect(err).toMatch(/PostgreSQL does not answer: check DATABASE_URL/);
    expect(err).not.toContain("hush");
  });

  test("that sets the clock back says so, beside the time that programs read", STORY, async () => {
    const DATABASE_URL = await freshDatabaseUrl();
    const env = { TAGIH_CLOCK: "turned", QUEUE_BACKEND: "postgres", DATABASE_URL };
    const first = "2020-04-11T09:00:00.000+07:00\n";
    expect(await tagih("clock --set 2020-04-11T09:00", env)).toEqual({ code: 0, out: first, err: "" });
    expect(await tagih("clock --set 2020-04-10T07:00", env)).toEqual({
      code: 0,
      out: "2020-04-10T07:00:00.000+07:00\n",
      err: "set back by 1 day and 2 hours: what was done in that time stays done\n",
    });
    expect(await tagih("clock --advance 26h", env)).toEqual({ code: 0, out: first, err: "" });
  });

  test("about an embedded server that does not run says so, and ends well", async () => {
    expect(await tagih("embedded status")).toMatchObject({
      code: 0,
      out: `no embedded PostgreSQL runs in ${join(folder.path, ".tagih")}\n`,
    });
    expect(await tagih("embedded stop")).toMatchObject({ code: 0, out: "nothing was running\n" });
  });

  test("for help lists every command and ends with 0", async () => {
    const { code, out } = await tagih("--help");
    expect(code).toBe(0);
    for (const command of [
      "migrate",
      "serve",
      "worker",
      "simulator",
      "tick",
      "clock",
      "demo",
      "embedded",
      "report",
    ])
      expect(out).toMatch(new RegExp(`^ {2}${command}\\b`, "m"));
  });
});

describe.concurrent("a preview", () => {
  test.each([
    ["--start 2027-01-31 --interval month --periods 3", ["2027-01-31", "2027-02-28", "2027-03-31"], []],
    ["--start 2027-01-10 --interval month --trial-days 14 --periods 1", ["2027-01-24"], []],
    [
      "--start 2027-03-10 --interval month --billing-day 1 --amount 99000 --periods 2",
      ["2027-03-10", "2027-04-01"],
      [70_258, 99_000],
    ],
    ["--start 2027-04-01 --interval month --ends-on 2027-04-16 --amount 30000", ["2027-04-01"], [15_000]],
  ] as const)("%s", async (line, dates, amounts) => {
    const { code, out } = await tagih(`preview ${line} --json`);
    expect(code).toBe(0);
    const rows: { bills_on: string; amount: number; index: number }[] = JSON.parse(out);
    expect(rows.map((row) => row.bills_on)).toEqual(dates);
    expect(rows.map((row) => row.index)).toEqual(dates.map((_, index) => index));
    if (amounts.length > 0) expect(rows.map((row) => row.amount)).toEqual(amounts);
  });

  test("with nothing right ends with 64 and names every wrong field", async () => {
    const { code, out, err } = await tagih(
      "preview --start 2027-02-30 --interval fortnight --zone Mars --amount 1.5 --billing-day 32 --periods 0",
    );
    expect([code, out]).toEqual([64, ""]);
    for (const field of ["start", "interval", "zone", "amount", "billing-day", "periods"])
      expect(err).toMatch(new RegExp(`(^tagih: |; )--${field}: (must|may) `));
  });
});

test(
  "serve, worker and simulator as three processes: from a plan to a paid invoice, and a clean end",
  STORY,
  async () => {
    const { env, api, sim, programs } = await threePrograms();
    const phone = "6281234567890";
    expect(await tagih("migrate", env)).toMatchObject({ code: 0, out: "nothing to migrate\n" });
    expect(await tagih("clock --set 2027-03-10T07:00", env)).toMatchObject({
      code: 0,
      out: "2027-03-10T07:00:00.000+07:00\n",
    });

    await sim("POST", "wallets", { phone, balance: 250_000 });
    await api("POST", "plans", {
      code: "pro",
      name: "Pro",
      amount: 99_000,
      interval: "month",
      interval_count: 1,
    });
    await api("POST", "customers", { reference: "budi", name: "Budi", phone: "0812-3456-7890" });
    const urls = { success_url: "https://shop.example/ok", failed_url: "https://shop.example/ko" };
    const binding = await api("POST", "customers/budi/bindings", urls);
    const subscription = { reference: "s-1", customer: "budi", plan: "pro", start_on: "2027-03-11" };
    expect(await api("POST", "subscriptions", subscription)).toMatchObject({ state: "incomplete" });
    await sim("POST", "links", { phone, result: "success" });
    await until("the wallet is linked", PATIENCE_MS, async () => {
      return (await api("GET", `bindings/${binding["id"]}`))["state"] === "active";
    });
    expect(await api("GET", "subscriptions/s-1")).toMatchObject({ state: "active" });
    expect(await listOf(api("GET", "invoices"))).toEqual([]);

    expect(await tagih("clock --advance 1d", env)).toMatchObject({
      code: 0,
      out: "2027-03-11T07:00:00.000+07:00\n",
    });
    const invoice = await until("the invoice is paid", PATIENCE_MS, async () => {
      const [first] = await listOf(api("GET", "subscriptions/s-1/invoices"));
      return first?.["state"] === "paid" ? first : null;
    });
    expect(invoice).toMatchObject({ amount: 99_000, bills_on: "2027-03-11", customer: "budi", plan: "pro" });
    const [attempt = {}, ...others] = await listOf(api("GET", `invoices/${invoice["id"]}/attempts`));
    expect(others).toEqual([]);
    expect(attempt).toMatchObject({
      number: 1,
      state: "succeeded",
      requests: [{ state: "answered", code: "2005400" }],
    });
    const heard = (attempt["evidence"] as { source: string }[]).map(({ source }) => source);
    expect(heard.sort()).toEqual(["answer", "notification"]);
    const decisions = await listOf(api("GET", `invoices/${invoice["id"]}/decisions`));
    expect(decisions.map((row) => row["rule"])).toEqual(expect.arrayContaining(["collect.due", "charge"]));
    expect(await sim("GET", "ledger")).toMatchObject([{ reference: attempt["reference"], amount: -99_000 }]);

    const asked = await tagih("report collection --from 2027-03-01 --to 2027-03-31 --format json", env);
    expect(asked.code).toBe(0);
    expect(JSON.parse(asked.out)).toMatchObject({
      total: { invoiced: { n: 1, amount: 99_000 }, paid_first_try: { n: 1, amount: 99_000 } },
    });

    expect(await programs.worker.stop()).toBe(0);
    expect(await tagih("tick --now 2027-04-11T09:00", env)).toMatchObject({
      code: 0,
      out: "opened 1 invoices, rang for 1 and for 0 deliveries\n",
    });
    expect(await tagih("clock --show", env)).toMatchObject({
      code: 0,
      out: "2027-04-11T09:00:00.000+07:00\n",
      err: "",
    });
    // Together: the server would wait for the connections that the simulator keeps to it.
    expect(await Promise.all([programs.serve.stop(), programs.simulator.stop()])).toEqual([0, 0]);
  },
);

test(
  "bad input over HTTP is one clear message that names the field, and leaves nothing half done",
  STORY,
  async () => {
    const port = await freePort();
    const env = { ...MERCHANT.env, DATABASE_URL: await freshDatabaseUrl(), PORT: String(port) };
    const serve = await startServer(env, port);
    const { api, raw } = client(`http://127.0.0.1:${port}/api/v1`);
    const plan = { code: "pro", name: "Pro", amount: 99_000, interval: "month", interval_count: 1 };
    const customer = { reference: "budi", name: "Budi", phone: "081234567890" };
    await api("POST", "plans", plan);
    await api("POST", "customers", customer);
    const subscription = { reference: "s-1", customer: "budi", plan: "pro" };
    const cases: readonly (readonly [path: string, body: unknown, field: string, says: RegExp])[] = [
      ["plans", { ...plan, code: "p2", amount: 99_000.5 }, "amount", /whole rupiah.*without sen/],
      ["plans", { ...plan, code: "p2", amount: "99000" }, "amount", /without quotes/],
      ["plans", { ...plan, code: "p2", amount: 0 }, "amount", /above 0/],
      ["plans", { ...plan, code: "p2", billing_day: 32 }, "billing_day", /from 1 to 31/],
      ["plans", { ...plan, code: "p2", colour: "red" }, "colour", /colour|not known|unrecognized/i],
      ["customers", { ...customer, reference: "c2", phone: "12" }, "phone", /phone/],
      ["customers", { ...customer, reference: "c 2" }, "reference", /letters, digits/],
      ["subscriptions", { ...subscription, start_on: "2026-02-30" }, "start_on", /a date that exists/],
      ["subscriptions", { ...subscription, zone: "Mars/Base" }, "zone", /a time zone such as Asia\/Jakarta/],
    ];
    for (const [path, body, field, says] of cases) {
      const { status, json } = await raw("POST", path, JSON.stringify(body));
      expect([status, json["code"]], `${path} ${field}`).toEqual([422, "invalid"]);
      expect(json["errors"], `${path} ${field}`).toMatchObject([{ field }]);
      expect(json["detail"], `${path} ${field}`).toMatch(says);
    }
    for (const [field, name] of [
      ["customer", "nobody"],
      ["plan", "nothing"],
    ] as const) {
      const { status, json } = await raw(
        "POST",
        "subscriptions",
        JSON.stringify({ ...subscription, [field]: name }),
      );
      expect([status, json["detail"]]).toEqual([404, `there is no ${field} ${name}`]);
    }
    const malformed = await raw("POST", "plans", '{"code": ');
    expect([malformed.status, malformed.json["code"]]).toEqual([400, "malformed"]);
    expect(malformed.json["detail"]).toMatch(/JSON/);

    expect(await listOf(api("GET", "plans"))).toHaveLength(1);
    expect(await listOf(api("GET", "customers"))).toHaveLength(1);
    expect(await listOf(api("GET", "subscriptions"))).toEqual([]);
    expect(await serve.stop()).toBe(0);
  },
);

/** The three programs of an installation, each a process of its own, over one database. */
async function threePrograms() {
  const port = await freePort();
  const publicUrl = `http://127.0.0.1:${port}`;
  const keyFile = join(folder.path, "merchant.pem");
  writeFileSync(keyFile, MERCHANT.publicKey);
  const flags = {
    "merchant-url": publicUrl,
    "client-id": MERCHANT.clientId,
    "secret-key": MERCHANT.secretKey,
  };
  const words = Object.entries({ ...flags, "merchant-public-key": keyFile }).flatMap(([flag, value]) => [
    `--${flag}`,
    value,
  ]);
  const simulator = start(["simulator", "--port", "0", ...words], {});
  const simUrl = await until("the simulator says where it is", PATIENCE_MS, async () => {
    return /listening on (\S+)/.exec(simulator.said().out)?.[1] ?? null;
  });
  const env = {
    ...MERCHANT.env,
    DATABASE_URL: await freshDatabaseUrl(),
    PORT: String(port),
    PUBLIC_URL: publicUrl,
    DOKU_BASE_URL: simUrl,
    DOKU_PUBLIC_KEY: await (await fetch(`${simUrl}/_sim/public-key`)).text(),
    TAGIH_CLOCK: "turned",
    CHARGE_WINDOW: "always",
    GATEWAY_TIMEOUT_MS: "10000",
    TICK_EVERY_MS: "100",
  };
  const worker = start(["worker"], env);
  const serve = await startServer(env, port);
  const { api } = client(`${publicUrl}/api/v1`);
  const { api: sim } = client(`${simUrl}/_sim`);
  return { env, api, sim, programs: { serve, worker, simulator } };
}

function start(args: readonly string[], env: Environment): Started {
  const started = startTagih(args, { env, cwd: folder.path });
  onTestFinished(() => void started.child.kill("SIGKILL"));
  return started;
}

async function startServer(env: Environment, port: number): Promise<Started> {
  const serve = start(["serve"], env);
  await until("the server is ready", PATIENCE_MS, async () => {
    if (serve.child.exitCode !== null) throw new Error(`serve ended: ${serve.said().err}`);
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`, { headers: LEAVING }).catch(() => null);
    await answer?.text();
    return answer?.ok === true;
  });
  return serve;
}

type Json = Readonly<Record<string, unknown>>;

function client(base: string) {
  const raw = async (method: string, path: string, body?: string) => {
    const answer = await fetch(`${base}/${path}`, {
      method,
      headers: {
        ...LEAVING,
        authorization: `Bearer ${MERCHANT.apiKey}`,
        "content-type": "application/json",
      },
      ...(body === undefined ? {} : { body }),
    });
    return { status: answer.status, json: (await answer.json()) as Json };
  };
  const api = async (method: string, path: string, body?: object): Promise<Json> => {
    const { status, json } = await raw(method, path, body === undefined ? undefined : JSON.stringify(body));
    expect(status, `${method} ${path}: ${JSON.stringify(json)}`).toBeLessThan(300);
    return json;
  };
  return { raw, api };
}

async function listOf(answer: Promise<Json>): Promise<Json[]> {
  return (await answer)["data"] as Json[];
}
