import { expect, test } from "vitest";
import { z } from "zod";
import { apiRoutes } from "../../src/app/server.ts";
import type { ApiRoute } from "../../src/platform/api-route.ts";
import { fieldsOf, jsonSchemaOf } from "../../src/platform/json-schema.ts";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { database, serverWith } from "../support/http.ts";
import { dueInvoices } from "../support/stories.ts";

/** Texts that no page gave out: noise, another list's cursor, dates and ids that PostgreSQL would not read. */
const FORGED = [
  "%%",
  "forged",
  ...["", "a/b", "2027-02-30/0b2f5c1e-0000-4000-8000-000000000000", "0000-01-01/x", "9".repeat(30), "\u0000"],
  ...["2027-13-01 10:00:00+00/r", "2027-03-01 10:00:00+00/", "'; drop table plans", "2027-03-01/not-a-uuid"],
].flatMap((text) => [text, Buffer.from(text).toString("base64url")]);

/** Nobody is late here. */
const MAY_BE_EMPTY = /\/catch-up$/;

const named = ({ method, path }: ApiRoute) => `${method} ${path}`;

function takesCursor({ query }: ApiRoute): boolean {
  return query !== undefined && fieldsOf(jsonSchemaOf(query, "input")).some(({ name }) => name === "cursor");
}

type Page = { readonly data: readonly Record<string, unknown>[]; readonly next_cursor: string | null };

/** A house with four customers, a paid invoice and a refund for each, and four of whatever else is listed. */
async function fullHouse(): Promise<{ readonly home: TestHouse; readonly url: (path: string) => string }> {
  const home = await buildHouse();
  const due = await dueInvoices(home, 4);
  await home.settle();
  const invoices = (await home.api("GET", "/invoices")) as unknown as Page;
  for (const { id } of invoices.data)
    await home.api("POST", `/invoices/${id}/refunds`, { reason: "asked" }, { "idempotency-key": String(id) });
  await home.query(
    `insert into exceptions (kind, subject, says, facts, opened_at)
     select 'k', 's' || n, 'look', '{}', now() from generate_series(1, 4) n`,
  );
  for (const code of ["a", "b", "c"])
    await home.api("POST", "/plans", { code, name: code, amount: 50_000, interval: "month" });
  for (const code of ["d-1", "d-2", "d-3"]) await home.api("POST", "/dunning-policies", { code, policy: {} });
  const dates = ["2027-01-01", "2027-05-01", "2027-08-17", "2027-12-25"];
  await home.api("POST", "/dunning-holidays", { source: dates.map((date) => `${date} libur`).join("\n") });
  const plan = "/plans/plan-99000-month";
  await home.api("POST", `${plan}/versions`, { amount: 120_000 });
  for (const effective_on of ["2027-06-01", "2027-07-01", "2027-08-01", "2027-09-01"])
    await home.api("POST", `${plan}/migrations`, { to_version: 2, effective_on });
  const migrations = (await home.api("GET", `${plan}/migrations`)) as unknown as Page;
  const first: readonly (readonly [of: string, one: string])[] = [
    ["/subscriptions/:reference", `/subscriptions/${due[0]?.subscription}`],
    ["/invoices/:id", `/invoices/${invoices.data[0]?.["id"]}`],
    ["/customers/:reference", `/customers/${due[0]?.reference}`],
    ["/plans/:code/migrations/:id", `${plan}/migrations/${migrations.data[0]?.["id"]}`],
    ["/plans/:code", plan],
  ];
  const url = (path: string) => {
    const [of = "", one = ""] = first.find(([prefix]) => path.startsWith(prefix)) ?? [];
    return path.replace(of, one);
  };
  return { home, url };
}

test("every list refuses a cursor that it did not give out, and a limit that is none", async () => {
  const { home, url } = await fullHouse();
  const lists = apiRoutes(home.house).filter(takesCursor);
  expect(lists.map(named)).toEqual(expect.arrayContaining(["GET /plans", "GET /refunds", "GET /bindings"]));
  for (const route of lists) {
    for (const cursor of FORGED) {
      const { status, json } = await home.request(
        "GET",
        `${url(route.path)}?cursor=${encodeURIComponent(cursor)}`,
      );
      // A text that happens to be a key of this list is a page that begins behind it.
      if (status === 200) expect(Buffer.from(cursor, "base64url").toString(), named(route)).toMatch(/^\w+$/);
      else {
        expect([status, json["code"]], `${named(route)} ${cursor}`).toEqual([400, "malformed"]);
        expect(json["errors"], named(route)).toMatchObject([{ field: "cursor" }]);
      }
    }
    for (const limit of ["0", "201", "1.5", "many", "-1"]) {
      const { status, json } = await home.request("GET", `${url(route.path)}?limit=${limit}`);
      expect([status, json["errors"]], `${named(route)} ${limit}`).toMatchObject([422, [{ field: "limit" }]]);
    }
  }
});

test("every list, read one row a page, is the same list", async () => {
  const { home, url } = await fullHouse();
  for (const route of apiRoutes(home.house).filter(takesCursor)) {
    const read = async (query: string) =>
      (await home.api("GET", `${url(route.path)}?${query}`)) as unknown as Page;
    const whole = await read("limit=200");
    expect(whole.next_cursor, named(route)).toBeNull();
    const rows: unknown[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const page: Page = await read(`limit=1${cursor === "" ? "" : `&cursor=${encodeURIComponent(cursor)}`}`);
      expect(page.data.length, named(route)).toBeLessThanOrEqual(1);
      rows.push(...page.data);
      cursor = page.next_cursor;
      expect(rows.length, named(route)).toBeLessThanOrEqual(whole.data.length);
    }
    expect(rows, named(route)).toEqual(whole.data);
    if (!route.path.includes(":") && !MAY_BE_EMPTY.test(route.path))
      expect(rows.length, named(route)).toBeGreaterThanOrEqual(4);
  }
});

test("a row that comes or goes between two pages moves no other: none is shown twice, none is missed", async () => {
  const { home } = await fullHouse();
  const first = (await home.api("GET", "/plans?limit=2")) as unknown as Page;
  await home.api("POST", "/plans", { code: "aa", name: "aa", amount: 50_000, interval: "month" });
  await home.query(`delete from plan_versions where plan_id = (select id from plans where code = 'b')`);
  await home.query(`delete from plans where code = 'b'`);
  const second = (await home.api("GET", `/plans?cursor=${first.next_cursor}`)) as unknown as Page;
  expect([...first.data, ...second.data].map((plan) => plan["code"])).toEqual(
    expect.arrayContaining(["a", "b", "c", "plan-99000-month"]),
  );
  expect(second.data.map((plan) => plan["code"])).not.toContain("a");
});

test("nothing is found below a thing that is not there, and the answer says what is missing", async () => {
  const home = await buildHouse();
  const below = apiRoutes(home.house).filter(({ method, path }) => method === "GET" && path.includes(":"));
  expect(below.map(named)).toContain("GET /subscriptions/:reference/invoices");
  for (const route of below) {
    const { status, json } = await home.request("GET", route.path.replace(/:\w+/g, "nope"));
    expect([status, json["detail"]], named(route)).toEqual([404, expect.stringMatching(/^there is no \w+/)]);
  }
  const { json } = await home.request("GET", "/subscriptions/nope/invoices");
  expect(json["detail"]).toBe("there is no subscription nope");
});

test("a reason that is too short is told how long it must be, by every route that wants one", async () => {
  const { house } = await buildHouse();
  const says = apiRoutes(house).flatMap((route) => {
    const body = (route.path.includes("/discounts/") ? route.query : route.body)?.safeParse({ reason: "no" });
    const issue = body?.error?.issues.find(({ path }) => path.join(".") === "reason");
    return issue === undefined ? [] : [{ route: named(route), message: issue.message }];
  });
  for (const { route, message } of says)
    expect(message, route).toMatch(/^must say why(, e\.g\. .*)?, in at least 3 characters$/);
  const by = says.map(({ route }) => route);
  expect(by).toEqual(
    expect.arrayContaining([
      "POST /subscriptions/:reference/cancel",
      "POST /subscriptions/:reference/skip",
      "POST /subscriptions/:reference/change-plan",
      "POST /invoices/:id/void",
      "POST /invoices/:id/refunds",
      "POST /customers/:reference/erase",
      "POST /stops",
    ]),
  );
});

/** Reads only, though it is asked by POST because its question is long. */
const ONLY_READS = /\/preview$/;

test("every POST and PATCH has its effect once under one key, and refuses another request under it", async () => {
  const { house } = await buildHouse();
  const changing = apiRoutes(house).filter(({ method }) => method === "POST" || method === "PATCH");
  const unsafe = changing.filter(({ idempotency, path }) => idempotency === "none" && !ONLY_READS.test(path));
  expect(unsafe.map(named)).toEqual([]);
  // Every body here is JSON; of files it is told in scenarios/import.test.ts.
  const keyed = changing.filter(({ idempotency, takes }) => idempotency !== "none" && takes === undefined);
  let ran = 0;
  const counted = keyed.map((route) => ({
    ...route,
    ...(route.body === undefined ? {} : { body: z.looseObject({}) }),
    query: undefined,
    run: async () => {
      ran += 1;
      return { ran };
    },
  }));
  const { call } = await serverWith(counted, { db: await database() });
  for (const [index, route] of counted.entries()) {
    const path = `/api/v1${route.path.replace(/:\w+/g, "x")}`;
    const send = (body: object, key?: string) =>
      call(route.method, path, {
        body: JSON.stringify(body),
        headers: key === undefined ? {} : { "idempotency-key": key },
      });
    const before = ran;
    const first = await send({ a: 1, b: 2 }, `k-${index}`);
    const again = await send({ a: 1, b: 2 }, `k-${index}`);
    expect([first.status, again.status], named(route)).toEqual([route.status ?? 200, route.status ?? 200]);
    expect([again.text, again.headers.get("idempotent-replayed")], named(route)).toEqual([
      first.text,
      "true",
    ]);
    expect(ran, named(route)).toBe(before + 1);
    if (route.body !== undefined)
      expect(await send({ a: 2 }, `k-${index}`), named(route)).toMatchObject({ status: 409 });
    const without = await send({});
    const needed = route.idempotency === "required";
    expect(without.status, named(route)).toBe(needed ? 422 : (route.status ?? 200));
    if (needed) expect(without.json.errors).toMatchObject([{ field: "Idempotency-Key" }]);
  }
});

test("what moves money wants a key", async () => {
  const { house } = await buildHouse();
  const required = apiRoutes(house)
    .filter(({ idempotency }) => idempotency === "required")
    .map(named);
  expect(required).toEqual(
    expect.arrayContaining([
      "POST /invoices/:id/collect",
      "POST /invoices/:id/pay-link",
      "POST /invoices/:id/refunds",
      "POST /invoices/:id/mark-paid",
      "POST /invoices/:id/write-off",
    ]),
  );
});
