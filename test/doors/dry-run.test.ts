import { expect, test } from "vitest";
import { apiRoutes } from "../../src/app/server.ts";
import { rehearse, rehearsing } from "../../src/platform/rehearsal.ts";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { database } from "../support/http.ts";
import { AMOUNT, addCustomer, dueInvoice, story } from "../support/stories.ts";

/** A call that has something to do, and some of what it shows. */
type Case = { readonly path: string; readonly body?: object; readonly shows: object };

const URLS = { success_url: "https://shop.example/ok", failed_url: "https://shop.example/ko" };
const WHY = { reason: "asked for by phone" };
const PLAN = { code: "p-2", name: "P", amount: AMOUNT, interval: "month" };

/** For every route with a dry run: makes what it needs, on top of what the cases before it left. */
const CASES: Readonly<Record<string, (home: TestHouse) => Promise<Case>>> = {
  "POST /plans": async () => ({ path: "/plans", body: PLAN, shows: { code: "p-2", version: 1 } }),
  "POST /plans/:code/versions": async () => ({
    path: "/plans/p-2/versions",
    body: { amount: 1_000_000 },
    shows: { version: 2 },
  }),
  "PATCH /plans/:code": async () => ({ path: "/plans/p-2", body: { name: "Plus" }, shows: { name: "Plus" } }),
  "POST /plans/:code/migrations": async (home) => {
    const { subscription } = await dueInvoice(home, { amount: 70_000 });
    await home.settle();
    await home.api("POST", "/plans/plan-70000-month/versions", { amount: 80_000 });
    const body = { to_version: 2, effective_on: "2027-06-01", reason: "costs" };
    expect((await story(home, subscription)).state).toBe("paid");
    return { path: "/plans/plan-70000-month/migrations", body, shows: { plan: "plan-70000-month" } };
  },
  "POST /plans/:code/migrations/:id/cancel": async (home) => ({
    path: `/plans/plan-70000-month/migrations/${await newest(home, "plan_migrations")}/cancel`,
    body: WHY,
    shows: {},
  }),
  "POST /dunning-policies": async () => ({
    path: "/dunning-policies",
    body: { code: "ovo-default", policy: { ladder: { funds: [2, 4] } } },
    shows: { code: "ovo-default", version: 2, warnings: [] },
  }),
  "POST /dunning-policies/:code/move": async (home) => {
    await openInvoice(home);
    return {
      path: "/dunning-policies/ovo-default/move",
      body: { to_version: 2 },
      shows: { to_version: 2, invoices: expect.any(Number), changed: expect.any(Number) },
    };
  },
  "POST /dunning-holidays": async () => ({
    path: "/dunning-holidays",
    body: { source: "2027-12-25 Natal" },
    shows: { holidays: [{ date: "2027-12-25", name: "Natal" }] },
  }),
  "POST /customers": async () => ({
    path: "/customers",
    body: { reference: "c-2", name: "C", phone: "081200001111" },
    shows: { reference: "c-2" },
  }),
  "PATCH /customers/:reference": async () => ({
    path: "/customers/c-2",
    body: { name: "Ani", email: "ani@example.com" },
    shows: { name: "Ani", email: "ani@example.com" },
  }),
  "POST /customers/:reference/bindings": async (home) => {
    home.simulator.addWallet({ phone: "6281200001111", balance: 0 });
    return { path: "/customers/c-2/bindings", body: URLS, shows: { state: "pending", customer: "c-2" } };
  },
  "DELETE /bindings/:id": async (home) => {
    const { reference } = await addCustomer(home);
    const { binding } = (await home.api("GET", `/customers/${reference}`)) as { binding: { id: string } };
    return { path: `/bindings/${binding.id}`, shows: { state: "revoked" } };
  },
  "POST /customers/:reference/erase": async (home) => {
    await home.api("POST", "/customers", { reference: "c-3", name: "C", phone: "081200002222" });
    return { path: "/customers/c-3/erase", body: WHY, shows: { name: "erased", phone: null } };
  },
  "POST /subscriptions": async (home) => {
    const { reference } = await addCustomer(home);
    const body = { reference: "s-2", customer: reference, plan: "p-2" };
    return { path: "/subscriptions", body, shows: { reference: "s-2", state: "active" } };
  },
  "POST /subscriptions/:reference/catch-up": async () => ({
    path: "/subscriptions/s-2/catch-up",
    body: { policy: "current_only", ...WHY },
    shows: { complete: true },
  }),
  "POST /subscriptions/:reference/cancel": event("cancel", { at: "now" }, { state: "canceled" }),
  "POST /subscriptions/:reference/uncancel": event("uncancel", {}, { cancel_at_period_end: false }, [
    "cancel",
    { at: "period_end" },
  ]),
  "POST /subscriptions/:reference/pause": event("pause", {}, { state: "paused", on_their_way: [] }),
  "POST /subscriptions/:reference/resume": event("resume", {}, { state: "active" }, ["pause", {}]),
  "POST /subscriptions/:reference/hold": event("hold", { owner: "finance" }, { collection_hold: true }),
  "POST /subscriptions/:reference/release": event("release", {}, { collection_hold: false }, [
    "hold",
    { owner: "finance" },
  ]),
  "POST /subscriptions/:reference/skip": event("skip", {}, { next_invoice_on: "2027-05-01" }),
  "POST /subscriptions/:reference/zone": event("zone", { zone: "Asia/Jayapura" }, { zone: "Asia/Jayapura" }),
  "POST /subscriptions/:reference/re-anchor": event("re-anchor", { billing_day: 25 }, { billing_day: 25 }),
  "POST /subscriptions/:reference/change-plan": event(
    "change-plan",
    { plan: "p-2", at: "now" },
    { plan: "p-2", change: { from: "2027-03-01" } },
  ),
  "POST /subscriptions/:reference/discounts": event("discounts", { percent: 10 }, { percent: 10 }),
  "DELETE /subscriptions/:reference/discounts/:id": async (home) => {
    const { path, body } = await event("discounts", { amount: 5_000 }, {})(home);
    const { id } = await home.api("POST", path, body);
    return { path: `${path}/${id}`, shows: { discounts: [] } };
  },
  "POST /invoices/:id/collect": async (home) => ({
    path: `/invoices/${await openInvoice(home)}/collect`,
    shows: { state: "open" },
  }),
  "POST /invoices/:id/pay-link": async (home) => ({
    path: `/invoices/${await openInvoice(home)}/pay-link`,
    shows: { reference: expect.any(String) },
  }),
  "POST /invoices/:id/refunds": async (home) => ({
    path: `/invoices/${await paidInvoice(home)}/refunds`,
    body: WHY,
    shows: { state: "requested", amount: AMOUNT },
  }),
  "POST /invoices/:id/void": async (home) => ({
    path: `/invoices/${await openInvoice(home)}/void`,
    body: WHY,
    shows: { state: "void" },
  }),
  "POST /invoices/:id/write-off": async (home) => ({
    path: `/invoices/${await openInvoice(home)}/write-off`,
    body: WHY,
    shows: { state: "uncollectible" },
  }),
  "POST /invoices/:id/mark-paid": async (home) => ({
    path: `/invoices/${await openInvoice(home)}/mark-paid`,
    body: { ...WHY, proof: "transfer 4711" },
    shows: { state: "paid" },
  }),
  "POST /invoices/:id/reopen": async (home) => ({
    path: `/invoices/${await closedInvoice(home, "write-off")}/reopen`,
    body: WHY,
    shows: { state: "open" },
  }),
  "POST /invoices/:id/reissue": async (home) => ({
    path: `/invoices/${await closedInvoice(home, "void")}/reissue`,
    body: WHY,
    shows: { state: "open" },
  }),
  "POST /stops": async () => ({
    path: "/stops",
    body: { ...WHY, scope: "plan", target: "p-2" },
    shows: { target: "p-2" },
  }),
  "DELETE /stops/:id": async (home) => ({
    path: `/stops/${await newest(home, "stops")}`,
    shows: { lifted: true },
  }),
  "POST /exceptions/:id/resolve": async (home) => {
    await home.query(
      `insert into exceptions (kind, subject, says, facts, opened_at) values ('k', 's', 'look', '{}', now())`,
    );
    return {
      path: `/exceptions/${await newest(home, "exceptions")}/resolve`,
      body: WHY,
      shows: { state: "closed" },
    };
  },
};

/** An order about a new subscription whose first invoice is paid, after another order when one is named. */
function event(doing: string, body: object, shows: object, first?: readonly [doing: string, body: object]) {
  return async (home: TestHouse): Promise<Case> => {
    const { subscription } = await dueInvoice(home);
    await home.settle();
    const path = `/subscriptions/${subscription}`;
    if (first !== undefined) await home.api("POST", `${path}/${first[0]}`, { ...WHY, ...first[1] });
    return { path: `${path}/${doing}`, body: { ...WHY, ...body }, shows };
  };
}

async function openInvoice(home: TestHouse): Promise<string> {
  const { subscription } = await dueInvoice(home, { balance: 0 });
  await home.settle();
  return (await story(home, subscription)).id;
}

async function paidInvoice(home: TestHouse): Promise<string> {
  const { subscription } = await dueInvoice(home);
  await home.settle();
  return (await story(home, subscription)).id;
}

async function closedInvoice(home: TestHouse, verb: string): Promise<string> {
  const id = await openInvoice(home);
  await home.api("POST", `/invoices/${id}/${verb}`, WHY, {
    "idempotency-key": `${verb} ${id}`.replace(" ", "-"),
  });
  return id;
}

async function newest(home: TestHouse, table: string): Promise<string> {
  const [row] = await home.query<{ id: string }>(`select id from ${table} order by id desc limit 1`);
  return row?.id ?? "";
}

/** Everything in every table of ours. */
async function contents(home: TestHouse): Promise<Record<string, string>> {
  const tables = await home.query<{ name: string }>(
    `select format('%I.%I', schemaname, tablename) as name from pg_tables where schemaname = 'public' order by 1`,
  );
  const rows: [string, string][] = [];
  for (const { name } of tables) {
    const [row] = await home.query<{ all: string | null }>(
      `select string_agg(t::text, chr(10) order by t::text) as all from ${name} t`,
    );
    rows.push([name, row?.all ?? ""]);
  }
  return Object.fromEntries(rows);
}

test("a dry run asks nobody and leaves every table as it was, and what it shows is what is then done", {
  timeout: 60_000,
}, async () => {
  const home = await buildHouse();
  // Those that take a file have tests of their own.
  const routes = apiRoutes(home.house).filter((route) => route.dryRun === true && route.takes === undefined);
  const names = routes.map(({ method, path }) => `${method} ${path}`);
  expect(names.filter((name) => !(name in CASES)).map((name) => `${name} wants a case`)).toEqual([]);
  for (const [name, prepare] of Object.entries(CASES)) {
    const [method = ""] = name.split(" ");
    const { path, body, shows } = await prepare(home);
    const before = await contents(home);
    const asked = home.simulator.requests().length;
    const shown = await home.request(method, `${path}?dry_run=true`, body);
    expect(shown, name).toMatchObject({ status: 200, json: { dry_run: true, ...shows } });
    expect(await contents(home), name).toEqual(before);
    expect(home.simulator.requests().length, name).toBe(asked);

    const key = { "idempotency-key": name.replace(" ", "-") };
    const done = await home.request(method, path, body, key);
    expect([done.status < 300, done.json["dry_run"]], `${name}: ${JSON.stringify(done.json)}`).toEqual([
      true,
      undefined,
    ]);
    expect(done.json, name).toMatchObject(shows);
    expect(await contents(home), name).not.toEqual(before);
  }
});

test("a dry run is refused where there is none, and for words that are neither yes nor no", async () => {
  const home = await buildHouse();
  for (const [method, path, value, says] of [
    ["GET", "/plans", "true", "is not possible here"],
    ["POST", "/plans", "yes", "must be true or false"],
  ] as const) {
    const { status, json } = await home.request(
      method,
      `${path}?dry_run=${value}`,
      method === "GET" ? undefined : {},
    );
    expect(status).toBe(422);
    expect(json["errors"]).toContainEqual({ field: "dry_run", message: says });
  }
  const plan = { code: "p", name: "P", amount: AMOUNT, interval: "month" };
  expect(await home.request("POST", "/plans?dry_run=false", plan)).toMatchObject({ status: 201 });
  expect(await home.request("POST", "/plans?dry_run=true", plan)).toMatchObject({ status: 409 });
});

test("a dry run keeps no Idempotency-Key: the same key then does the real thing", async () => {
  const home = await buildHouse();
  const plan = { code: "p", name: "P", amount: AMOUNT, interval: "month" };
  const headers = { "idempotency-key": "k-1" };
  expect(await home.request("POST", "/plans?dry_run=true", plan, headers)).toMatchObject({ status: 200 });
  expect(await home.request("POST", "/plans", plan, headers)).toMatchObject({ status: 201 });
});

test("a rehearsed flow sees its own earlier steps, survives a step that fails, and leaves nothing", async () => {
  const db = await database();
  const stop = (target: string) =>
    `insert into stops (scope, target, reason, set_by, set_at) values ('plan', '${target}', 'why', 'me', now())`;
  const seen = await rehearse(db, async (inner) => {
    await inner.begin((tx) => tx.query(stop("a")));
    await inner
      .begin(async (tx) => {
        await tx.query(stop("b"));
        throw new Error("no");
      })
      .catch(() => null);
    return inner.query(`select target from stops order by id limit 10`);
  });
  expect(seen).toEqual([{ target: "a" }]);
  await rehearsing(db).begin((tx) => tx.query(stop("c")));
  await expect(rehearsing(db).begin(() => Promise.reject(new Error("its own")))).rejects.toThrow("its own");
  expect(await db.query(`select target from stops limit 10`)).toEqual([]);
});
