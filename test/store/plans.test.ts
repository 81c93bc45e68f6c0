import { describe, expect, it, test } from "vitest";
import { ConflictError, NotFoundError } from "../../src/kernel/errors.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { planRoutes } from "../../src/plans/plan.routes.ts";
import { planByCode, pricesOn, versionsOf } from "../../src/plans/plan.store.ts";
import type { ApiRoute } from "../../src/platform/api-route.ts";
import { setTurnedClock, turnedClock } from "../../src/platform/clock.ts";
import { subscriptionRoutes } from "../../src/subscriptions/subscription.routes.ts";
import { call } from "../support/call-route.ts";
import { aPlan, at, NOON, roomsDatabase, storeCustomer, storePlan } from "../support/rooms.ts";

async function routesAt(now = NOON) {
  const db = await roomsDatabase();
  await db.begin((tx) => setTurnedClock(tx, now));
  return {
    db,
    routes: planRoutes({ db, clock: turnedClock, billingZone: "Asia/Jakarta", minCharge: 10_000 }),
  };
}

const GOLD = { code: "gold", name: "Gold", amount: 99_000, interval: "month" };

describe("plans in the database", () => {
  it("come back as they were stored", async () => {
    const db = await roomsDatabase();
    const { plan } = await storePlan(db, {
      intervalUnit: "year",
      billingDay: 31,
      trialDays: 14,
      cycles: 3,
      dunningPolicy: "slow",
    });
    const found = await db.begin((tx) => planByCode(tx, plan.code));
    expect({ ...found, createdAt: found.createdAt.toISO() }).toEqual({
      ...plan,
      createdAt: plan.createdAt.toISO(),
    });
  });

  test.each([
    ["plans_interval_known", { intervalUnit: "fortnight" as "week" }],
    ["plans_interval_count_positive", { intervalCount: 0 }],
    ["plans_interval_count_positive", { intervalCount: 367 }],
    ["plans_billing_day_in_month", { billingDay: 32 }],
    ["plans_trial_not_negative", { trialDays: -1 }],
    ["plans_cycles_positive", { cycles: 0 }],
  ])("%s is held by the database", async (constraint, wrong) => {
    const db = await roomsDatabase();
    await expect(storePlan(db, wrong)).rejects.toThrow(constraint);
  });

  it("have no price of nothing and no two prices of one number", async () => {
    const db = await roomsDatabase();
    const { plan, price } = await storePlan(db);
    await expect(db.query(`update plan_versions set amount = 0`)).rejects.toThrow(
      "plan_versions_amount_positive",
    );
    await expect(
      db.query(
        `insert into plan_versions (id, plan_id, number, amount, effective_on, created_at)
         values (gen_random_uuid(), $1, $2, 1, '2027-01-01', now())`,
        [plan.id, price.number],
      ),
    ).rejects.toThrow("plan_versions_number_unique");
  });

  it("a second plan of one code is refused by the field's name", async () => {
    const db = await roomsDatabase();
    await storePlan(db);
    await expect(storePlan(db, aPlan())).rejects.toThrow(ConflictError);
    await expect(storePlan(db, aPlan())).rejects.toThrow(/^code: there is already a plan pro/);
  });
});

describe("the price of a plan", () => {
  it("is the newest that is in effect on the day", async () => {
    const { db, routes } = await routesAt();
    await call(routes, "POST", "/plans", { body: GOLD });
    const reprice = (amount: number, effective_on?: string) =>
      call(routes, "POST", "/plans/:code/versions", {
        params: { code: "gold" },
        body: { amount, effective_on },
      });
    expect(await reprice(120_000, "2027-04-01")).toMatchObject({ version: 2, effective_on: "2027-04-01" });
    expect(await reprice(110_000)).toMatchObject({ version: 3, effective_on: "2027-03-10" });
    const plan = await db.begin((tx) => planByCode(tx, "gold"));
    const priceOn = async (date: string) =>
      (await db.begin((tx) => pricesOn(tx, [plan.id], date))).get(plan.id)?.amount;
    expect(await priceOn("2027-03-10")).toBe(110_000);
    expect(await priceOn("2027-03-31")).toBe(110_000);
    expect(await priceOn("2027-04-01")).toBe(120_000);
    expect(await db.begin((tx) => versionsOf(tx, { planId: plan.id }))).toHaveLength(3);
  });

  it("holds from the beginning where it is still yesterday", async () => {
    const { db, routes } = await routesAt(at("2027-03-10T20:00:00Z"));
    await call(routes, "POST", "/plans", { body: GOLD });
    const plan = await db.begin((tx) => planByCode(tx, "gold"));
    const prices = await db.begin((tx) => pricesOn(tx, [plan.id], "2027-03-10"));
    expect(prices.get(plan.id)).toMatchObject({ effectiveOn: "2027-03-11", amount: 99_000 });
  });

  it("never begins in the past", async () => {
    const { routes } = await routesAt();
    await call(routes, "POST", "/plans", { body: GOLD });
    const body = { amount: 1, effective_on: "2027-03-09" };
    await expect(
      call(routes, "POST", "/plans/:code/versions", { params: { code: "gold" }, body }),
    ).rejects.toThrow("effective_on: 2027-03-09 is over");
  });

  it("numbers stay one after the other when two people change it at once", async () => {
    const { db, routes } = await routesAt();
    await call(routes, "POST", "/plans", { body: GOLD });
    const reprice = (amount: number) =>
      call(routes, "POST", "/plans/:code/versions", { params: { code: "gold" }, body: { amount } });
    await Promise.all([reprice(100_000), reprice(101_000), reprice(102_000)]);
    const plan = await db.begin((tx) => planByCode(tx, "gold"));
    expect((await db.begin((tx) => versionsOf(tx, { planId: plan.id }))).map(({ number }) => number)).toEqual(
      [4, 3, 2, 1],
    );
  });
});

describe("POST /plans", () => {
  it("puts a plan on offer", async () => {
    const { routes } = await routesAt();
    const body = {
      ...GOLD,
      interval_count: 2,
      billing_day: 25,
      trial_days: 14,
      cycles: 12,
      dunning_policy: "slow",
    };
    expect(await call(routes, "POST", "/plans", { body })).toEqual({
      ...body,
      tax: null,
      version: 1,
      created_at: NOON.toISO(),
      archived_at: null,
      warnings: [],
    });
  });

  test.each([
    ["quarter", 1, "month", 3],
    ["half_year", 1, "month", 6],
    ["quarter", 2, "month", 6],
    ["year", 1, "year", 1],
    ["week", 2, "week", 2],
  ])("%s × %i is kept as %s × %i", async (interval, count, unit, kept) => {
    const { routes } = await routesAt();
    const made = await call(routes, "POST", "/plans", { body: { ...GOLD, interval, interval_count: count } });
    expect(made).toMatchObject({ interval: unit, interval_count: kept });
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ["a price of nothing", { amount: 0 }, /amount: must be whole rupiah/],
    ["sen", { amount: 99_000.5 }, /amount: must be whole rupiah/],
    ["a price in quotes", { amount: "99000" }, /amount: must be whole rupiah/],
    ["a negative price", { amount: -1 }, /amount: must be whole rupiah/],
    ["no price", { amount: undefined }, /amount: must be whole rupiah/],
    ["an unsafe price", { amount: 2 ** 60 }, /amount: must be whole rupiah/],
    ["an unknown interval", { interval: "fortnight" }, /interval: must be one of day, week, month/],
    ["an interval of nothing", { interval_count: 0 }, /interval_count: must be a whole number from 1/],
    ["eleven years", { interval: "year", interval_count: 11 }, /interval_count: at most 10 years/],
    ["a 32nd", { billing_day: 32 }, /billing_day: must be a whole number from 1 to 31/],
    [
      "a day of the month for weeks",
      { interval: "week", billing_day: 5 },
      /billing_day: periods of weeks .*leave it/,
    ],
    [
      "a day of the month for days",
      { interval: "day", billing_day: 5 },
      /billing_day: periods of days .*leave it/,
    ],
    ["a code with a space", { code: "go ld" }, /code: must be 1 to 64 letters/],
    ["a misspelt field", { billing_days: 1 }, /billing_days/],
  ])("%s is refused by name", async (_name, wrong, says) => {
    const { routes } = await routesAt();
    await expect(call(routes, "POST", "/plans", { body: { ...GOLD, ...wrong } })).rejects.toThrow(says);
  });

  it("shows the tax that is in the price, to the rupiah", async () => {
    const { routes } = await routesAt();
    const body = { ...GOLD, tax_percent: 11 };
    expect(await call(routes, "POST", "/plans", { body })).toMatchObject({
      amount: 99_000,
      tax: { percent: 11, amount: 9_811 },
    });
  });

  test.each<[unknown, RegExp]>([
    [0, /tax_percent: must be above 0/],
    [100.5, /tax_percent: may be at most 100/],
    [11.125, /tax_percent: may have two decimals/],
    ["11", /tax_percent: must be a percentage/],
  ])("a rate of tax of %j is refused by name", async (tax_percent, says) => {
    const { routes } = await routesAt();
    await expect(call(routes, "POST", "/plans", { body: { ...GOLD, tax_percent } })).rejects.toThrow(says);
  });

  it("warns of a price that ordinary wallets cannot hold, and of one that is carried over", async () => {
    const { routes } = await routesAt();
    const warningsOf = async (code: string, amount: number) =>
      (await call(routes, "POST", "/plans", { body: { ...GOLD, code, amount } }))["warnings"];
    expect(await warningsOf("a", 2_500_000)).toEqual([expect.stringContaining("OVO Club")]);
    expect(await warningsOf("b", 9_999)).toEqual([expect.stringContaining("carried over")]);
    expect(await warningsOf("c", 2_000_000)).toEqual([]);
  });
});

describe("POST /plans/{code}/versions", () => {
  const priced = (routes: readonly ApiRoute[], body: object) =>
    call(routes, "POST", "/plans/:code/versions", { params: { code: "gold" }, body });

  it("takes over the rate of tax of the newest price, unless it names another or none", async () => {
    const { db, routes } = await routesAt();
    await call(routes, "POST", "/plans", { body: { ...GOLD, tax_percent: 11 } });
    expect(await priced(routes, { amount: 111_000 })).toMatchObject({ tax: { percent: 11, amount: 11_000 } });
    expect(await priced(routes, { amount: 112_000, tax_percent: 12 })).toMatchObject({
      tax: { percent: 12, amount: 12_000 },
    });
    expect(await priced(routes, { amount: 112_000, tax_percent: null })).toMatchObject({ tax: null });
    expect(await priced(routes, { amount: 113_000 })).toMatchObject({ tax: null });
    await expect(db.query(`update plan_versions set tax_basis_points = 10001`)).rejects.toThrow(
      "plan_versions_tax_in_range",
    );
  });

  it("warns as a new plan does", async () => {
    const { routes } = await routesAt();
    await call(routes, "POST", "/plans", { body: GOLD });
    const { warnings } = await priced(routes, { amount: 2_500_000 });
    expect(warnings).toEqual([expect.stringMatching(/Rp 2\.500\.000 is more than an OVO Club wallet/)]);
  });

  it("are listed by page, newest first", async () => {
    const { routes } = await routesAt();
    await call(routes, "POST", "/plans", { body: GOLD });
    for (const amount of [100_000, 101_000]) await priced(routes, { amount });
    const list = (query: object) =>
      call(routes, "GET", "/plans/:code/versions", { params: { code: "gold" }, query });
    const first = await list({ limit: "2" });
    expect(first["data"]).toMatchObject([
      { version: 3, amount: 101_000 },
      { version: 2, amount: 100_000 },
    ]);
    const second = await list({ limit: "2", cursor: first["next_cursor"] });
    expect(second).toMatchObject({ data: [{ version: 1, amount: 99_000 }], next_cursor: null });
  });
});

describe("PATCH /plans/{code}", () => {
  const update = (routes: readonly ApiRoute[], body: object, code = "gold") =>
    call(routes, "PATCH", "/plans/:code", { params: { code }, body });

  it("renames and archives, and leaves what it does not name", async () => {
    const { db, routes } = await routesAt();
    await call(routes, "POST", "/plans", { body: GOLD });
    expect(await update(routes, { name: "Emas" })).toMatchObject({ name: "Emas", archived_at: null });
    expect(await update(routes, { archived: true })).toMatchObject({
      name: "Emas",
      archived_at: NOON.toISO(),
      amount: 99_000,
    });
    await db.begin((tx) => setTurnedClock(tx, NOON.plus({ days: 1 }) as Instant));
    expect(await update(routes, { archived: true })).toMatchObject({ archived_at: NOON.toISO() });
    expect(await update(routes, {})).toMatchObject({ archived_at: NOON.toISO() });
    expect(await update(routes, { archived: false })).toMatchObject({ name: "Emas", archived_at: null });
  });

  it("an archived plan takes no new subscriptions; back on offer it does", async () => {
    const { db, routes } = await routesAt();
    await call(routes, "POST", "/plans", { body: GOLD });
    await update(routes, { archived: true });
    await storeCustomer(db, "c");
    const tools = {
      db,
      clock: turnedClock,
      billingZone: "Asia/Jakarta",
      minCharge: 10_000,
      windowFrom: "08:00",
    };
    const body = { reference: "s", customer: "c", plan: "gold" };
    const subscribe = () => call(subscriptionRoutes(tools), "POST", "/subscriptions", { body });
    await expect(subscribe()).rejects.toThrow("plan: gold is archived and takes no new subscriptions");
    await update(routes, { archived: false });
    expect(await subscribe()).toMatchObject({ reference: "s", plan: "gold" });
  });

  it("refuses what it does not know, by name", async () => {
    const { routes } = await routesAt();
    await call(routes, "POST", "/plans", { body: GOLD });
    await expect(update(routes, { name: " " })).rejects.toThrow(/^name: /);
    await expect(update(routes, { amount: 1 })).rejects.toThrow(/amount/);
    await expect(update(routes, {}, "silver")).rejects.toThrow(NotFoundError);
  });
});

describe("GET /plans/{code}/feasibility", () => {
  it("says which wallets can pay the price of today, or another one", async () => {
    const { routes } = await routesAt();
    await call(routes, "POST", "/plans", { body: GOLD });
    const of = (query: object) =>
      call(routes, "GET", "/plans/:code/feasibility", { params: { code: "gold" }, query });
    expect(await of({})).toMatchObject({ amount: 99_000, charges_per_month: 1, warnings: [] });
    expect(await of({ amount: "2500000" })).toMatchObject({
      plan: "gold",
      amount: 2_500_000,
      wallets: [
        { name: "OVO Club", balance_limit: 2_000_000, holds: false },
        { name: "OVO Premier", balance_limit: 20_000_000, holds: true, refills: true },
      ],
      warnings: [expect.stringContaining("only customers with OVO Premier can pay it")],
    });
    await expect(of({ amount: "0" })).rejects.toThrow(/^amount: must be above 0/);
  });
});

describe("GET /plans", () => {
  it("pages by code and shows today's price", async () => {
    const { db, routes } = await routesAt();
    for (const code of ["c", "a", "b"]) await storePlan(db, { code });
    const first = await call(routes, "GET", "/plans", { query: { limit: "2" } });
    const second = await call(routes, "GET", "/plans", {
      query: { limit: "2", cursor: first["next_cursor"] },
    });
    expect(first["data"]).toMatchObject([{ code: "a", amount: 99_000 }, { code: "b" }]);
    expect(second).toMatchObject({ data: [{ code: "c" }], next_cursor: null });
    await expect(call(routes, "GET", "/plans", { query: { cursor: "%%" } })).rejects.toThrow(/^cursor: /);
    await expect(call(routes, "GET", "/plans", { query: { limit: "0" } })).rejects.toThrow(/^limit: /);
  });

  it("a single plan brings its prices; an unknown one is not found", async () => {
    const { db, routes } = await routesAt();
    await storePlan(db);
    expect(await call(routes, "GET", "/plans/:code", { params: { code: "pro" } })).toMatchObject({
      code: "pro",
      versions: [{ version: 1, amount: 99_000, effective_on: "2027-01-01" }],
    });
    await expect(call(routes, "GET", "/plans/:code", { params: { code: "x" } })).rejects.toThrow(
      NotFoundError,
    );
  });
});
