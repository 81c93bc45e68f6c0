import { describe, expect, it } from "vitest";
import { billedSince } from "../../src/invoices/billed-since.store.ts";
import type { CustomerId, SubscriptionId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { planRoutes } from "../../src/plans/plan.routes.ts";
import { planByCode, versionsOf } from "../../src/plans/plan.store.ts";
import type { Plan, PlanVersion } from "../../src/plans/plan.ts";
import type { ApiRoute } from "../../src/platform/api-route.ts";
import { setTurnedClock, turnedClock } from "../../src/platform/clock.ts";
import type { Database } from "../../src/platform/database.ts";
import { randomUuid } from "../../src/platform/random.ts";
import { until } from "../../src/platform/timer.ts";
import { planMigrationRoutes } from "../../src/subscriptions/plan-migration.routes.ts";
import { priceChangesOf } from "../../src/subscriptions/price-change.store.ts";
import { insertSubscriptions } from "../../src/subscriptions/subscription.store.ts";
import { newlyAgreed, type Subscription } from "../../src/subscriptions/subscription.ts";
import { call } from "../support/call-route.ts";
import { NOON, roomsDatabase, storeCustomer } from "../support/rooms.ts";
import { storeInvoice } from "./invoice-rows.ts";

type Town = {
  readonly db: Database;
  readonly routes: readonly ApiRoute[];
  readonly customerId: CustomerId;
  readonly plan: Plan;
  /** By number. */
  readonly prices: ReadonlyMap<number, PlanVersion>;
};

/** A plan with the prices 99.000, 120.000 and 150.000, one customer, and nobody who subscribes yet. */
async function town(): Promise<Town> {
  const db = await roomsDatabase();
  await db.begin((tx) => setTurnedClock(tx, NOON));
  const tools = { db, clock: turnedClock, billingZone: "Asia/Jakarta", minCharge: 10_000, billedSince };
  const routes = [...planRoutes(tools), ...planMigrationRoutes(tools)];
  await call(routes, "POST", "/plans", {
    body: { code: "gold", name: "Gold", amount: 99_000, interval: "month" },
  });
  for (const amount of [120_000, 150_000])
    await call(routes, "POST", "/plans/:code/versions", { params: { code: "gold" }, body: { amount } });
  const plan = await db.begin((tx) => planByCode(tx, "gold"));
  const versions = await db.begin((tx) => versionsOf(tx, { planId: plan.id }));
  const prices = new Map(versions.map((version) => [version.number, version]));
  return { db, routes, customerId: (await storeCustomer(db, "c")).id, plan, prices };
}

/** Running subscriptions to the plan, monthly from 2027-01-10 and billed up to March unless told. */
async function subscribe(
  { db, customerId, plan, prices }: Town,
  references: readonly string[],
  more: Partial<Omit<Subscription, "terms">> & {
    readonly version?: number;
    readonly terms?: Partial<Subscription["terms"]>;
  } = {},
): Promise<SubscriptionId[]> {
  const { version = 1, terms, ...rest } = more;
  const price = prices.get(version);
  if (price === undefined) throw new Error(`no version ${version}`);
  const agreed = references.map((reference) => ({
    ...newlyAgreed({
      id: randomUuid() as SubscriptionId,
      reference,
      customerId,
      planId: plan.id,
      planVersionId: price.id,
      zone: "Asia/Jakarta",
      startFloats: false,
      catchUpPolicy: null,
      terms: {
        startOn: "2027-01-10",
        interval: { unit: "month", count: 1 },
        billingDay: null,
        trialEndsOn: null,
        endsOn: null,
        cycles: null,
        amount: rupiah(price.amount),
        ...terms,
      },
    }),
    state: "active" as const,
    nextIndex: 3,
    nextInvoiceAt: NOON.plus({ months: 1 }) as Instant,
    ...rest,
  }));
  await db.begin((tx) => insertSubscriptions(tx, agreed, NOON));
  return agreed.map(({ id }) => id);
}

const CODE = { code: "gold" };
const APRIL = { to_version: 2, effective_on: "2027-04-01" };

const migrate = ({ routes }: Town, body: object, dryRun = false) =>
  call(routes, "POST", "/plans/:code/migrations", { params: CODE, body, dryRun });
const cancel = ({ routes }: Town, id: unknown, body: object = {}) =>
  call(routes, "POST", "/plans/:code/migrations/:id/cancel", { params: { ...CODE, id: String(id) }, body });
const membersOf = async ({ routes }: Town, id: unknown) => {
  const { data } = await call(routes, "GET", "/plans/:code/migrations/:id/subscriptions", {
    params: { ...CODE, id: String(id) },
    query: { limit: "200" },
  });
  return (data as { subscription: string }[]).map(({ subscription }) => subscription).sort();
};
const names = (count: number, letter = "s") => Array.from({ length: count }, (_, n) => `${letter}-${n}`);

describe("a dated migration of a plan", () => {
  it("is previewed with its count, its sums and by example, and the preview changes nothing", async () => {
    const home = await town();
    await subscribe(home, ["a", "b"]);
    await subscribe(home, ["dear"], { version: 3 });
    await subscribe(home, ["has-it"], { version: 2 });
    await subscribe(home, ["ends"], { terms: { endsOn: "2027-04-10" } });
    await subscribe(home, ["canceling"], { cancelAtPeriodEnd: true });
    await subscribe(home, ["gone"], { state: "canceled", nextInvoiceAt: null, endedAt: NOON });
    const preview = await migrate(home, { ...APRIL, reason: "new year" }, true);
    expect(preview).toMatchObject({
      id: null,
      plan: "gold",
      to_version: 2,
      amount: 120_000,
      effective_on: "2027-04-01",
      from_versions: null,
      subscriptions: 3,
      reason: "new year",
      by_version: [
        { version: 1, amount: 99_000, subscriptions: 2 },
        { version: 3, amount: 150_000, subscriptions: 1 },
      ],
      amount_before: 348_000,
      amount_after: 360_000,
      left_out: { has_it: 1, other_price: 0, over: 1, canceling: 1 },
      changed_again: 0,
      warnings: [],
    });
    expect(preview["first"]).toHaveLength(3);
    expect(preview["first"]).toContainEqual({
      subscription: "dear",
      customer: "c",
      version: 3,
      amount_before: 150_000,
      amount_after: 120_000,
      first_changed_on: "2027-04-10",
      period_end: "2027-05-10",
    });
    for (const table of ["price_changes", "plan_migrations", "subscription_changes"])
      expect(await home.db.query(`select count(*)::int as n from ${table}`)).toEqual([{ n: 0 }]);

    const done = await migrate(home, { ...APRIL, reason: "new year", preview: preview["preview"] });
    expect(done).toEqual({ ...preview, id: expect.any(String), created_at: NOON.toISO() });
    expect(await membersOf(home, done["id"])).toEqual(["a", "b", "dear"]);
  });

  it("changes only those at the prices it names", async () => {
    const home = await town();
    await subscribe(home, ["a", "b"]);
    await subscribe(home, ["dear"], { version: 3 });
    const done = await migrate(home, { ...APRIL, from_versions: [3] });
    expect(done).toMatchObject({ subscriptions: 1, left_out: { other_price: 2 } });
    expect(await membersOf(home, done["id"])).toEqual(["dear"]);
  });

  it("is refused when its preview is not what would happen any more", async () => {
    const home = await town();
    await subscribe(home, ["a"]);
    const { preview } = await migrate(home, APRIL, true);
    await subscribe(home, ["b"]);
    await expect(migrate(home, { ...APRIL, preview })).rejects.toThrow(/^preview: .*2 subscriptions/);
    expect(await home.db.query(`select id from plan_migrations`)).toEqual([]);
    const again = await migrate(home, APRIL, true);
    expect(again["preview"]).not.toBe(preview);
    expect(await migrate(home, { ...APRIL, preview: again["preview"] })).toMatchObject({ subscriptions: 2 });
  });

  it("made again, it takes along only who was not in it", async () => {
    const home = await town();
    await subscribe(home, ["a"]);
    await migrate(home, APRIL);
    await subscribe(home, ["b"]);
    const second = await migrate(home, APRIL);
    expect(second).toMatchObject({ subscriptions: 1, left_out: { has_it: 1 } });
    expect(await membersOf(home, second["id"])).toEqual(["b"]);
  });

  it("is refused whole, by name, when somebody has another price change of that day", async () => {
    const home = await town();
    await subscribe(home, ["a", "b"]);
    await migrate(home, { ...APRIL, to_version: 3 });
    for (const dryRun of [true, false])
      await expect(migrate(home, APRIL, dryRun)).rejects.toThrow(
        /^effective_on: [ab] already has a price change of 2027-04-01/,
      );
    expect(await migrate(home, { ...APRIL, effective_on: "2027-03-15" })).toMatchObject({
      subscriptions: 2,
      changed_again: 2,
    });
  });

  it.each<[string, object, RegExp]>([
    ["a day that is over", { effective_on: "2027-03-09" }, /^effective_on: 2027-03-09 is over/],
    ["an unknown price", { to_version: 4 }, /^to_version: gold has no version 4/],
    ["an unknown price to leave", { from_versions: [1, 7] }, /^from_versions: gold has no version 7/],
    ["no price to leave", { from_versions: [] }, /^from_versions: must name a version/],
    ["a misspelt field", { from: [1] }, /from/],
  ])("%s is refused by name", async (_name, wrong, says) => {
    const home = await town();
    await expect(migrate(home, { ...APRIL, ...wrong })).rejects.toThrow(says);
  });

  it("warns of a price that wallets cannot pay, and of one that is not on offer by then", async () => {
    const home = await town();
    await call(home.routes, "POST", "/plans/:code/versions", {
      params: CODE,
      body: { amount: 2_500_000, effective_on: "2027-06-01" },
    });
    const { warnings } = await migrate(home, { ...APRIL, to_version: 4 }, true);
    expect(warnings).toEqual([
      "new subscriptions are agreed at version 4 only from 2027-06-01 on",
      expect.stringContaining("OVO Club"),
    ]);
  });

  it("tells every subscription's timeline", async () => {
    const home = await town();
    const [id] = await subscribe(home, ["a"]);
    const done = await migrate(home, { ...APRIL, reason: "new year" });
    await cancel(home, done["id"], { reason: "a mistake" });
    const told = await home.db.query(
      `select kind, actor, reason, details from subscription_changes where subscription_id = $1 order by id`,
      [id],
    );
    expect(told).toMatchObject([
      {
        kind: "price_change_planned",
        actor: "sari",
        reason: "new year",
        details: { migration: done["id"], effective_on: "2027-04-01", from_amount: 99_000 },
      },
      {
        kind: "price_change_withdrawn",
        actor: "sari",
        reason: "a mistake",
        details: { migration: done["id"] },
      },
    ]);
  });
});

describe("a migration that is taken back", () => {
  it("lets those keep their price who were not billed at the new one, and only those", async () => {
    const home = await town();
    const { db } = home;
    const april = { periodStart: "2027-04-10", periodEnd: "2027-05-10" };
    await storeInvoice(db, "billed", april);
    const voided = await storeInvoice(db, "voided", april);
    await storeInvoice(db, "early", { periodStart: "2027-03-10", periodEnd: "2027-04-10" });
    await db.query(
      `update invoices set state = 'void', closed_at = now(), next_action_at = null where id = $1`,
      [voided],
    );
    // These three subscriptions came with plans of their own.
    await db.query(`update subscriptions set plan_id = $1, plan_version_id = $2`, [
      home.plan.id,
      home.prices.get(1)?.id,
    ]);
    const done = await migrate(home, { ...APRIL, effective_on: "2027-03-20" });
    expect(done).toMatchObject({ subscriptions: 3 });
    const taken = await cancel(home, done["id"]);
    expect(taken).toMatchObject({ subscriptions: 3, canceled: { by: "sari", withdrawn: 2 } });
    expect(await membersOf(home, done["id"])).toEqual(["billed"]);
    expect(await cancel(home, done["id"], { reason: "again" })).toEqual(taken);
    expect(await db.query(`select count(*)::int as told from subscription_changes`)).toMatchObject([
      { told: 5 },
    ]);
  });

  it("is found under its own plan only", async () => {
    const home = await town();
    const { id } = await migrate(home, APRIL);
    await call(home.routes, "POST", "/plans", {
      body: { code: "silver", name: "Silver", amount: 1, interval: "month" },
    });
    const path = "/plans/:code/migrations/:id/cancel";
    for (const params of [
      { code: "silver", id: String(id) },
      { code: "gold", id: randomUuid() },
      { code: "gold", id: "x" },
    ])
      await expect(call(home.routes, "POST", path, { params, body: {} })).rejects.toThrow(
        /there is no migration/,
      );
  });

  it("is listed by day, with what became of it", async () => {
    const home = await town();
    await subscribe(home, ["a"]);
    const june = await migrate(home, { ...APRIL, effective_on: "2027-06-01", to_version: 3 });
    const april = await migrate(home, { ...APRIL, from_versions: [1] });
    await cancel(home, june["id"]);
    const list = (query: object) =>
      call(home.routes, "GET", "/plans/:code/migrations", { params: CODE, query });
    const first = await list({ limit: "1" });
    expect(first["data"]).toMatchObject([
      { id: april["id"], to_version: 2, from_versions: [1], subscriptions: 1, canceled: null },
    ]);
    const second = await list({ limit: "1", cursor: first["next_cursor"] });
    expect(second).toMatchObject({
      data: [{ id: june["id"], effective_on: "2027-06-01", canceled: { withdrawn: 1 } }],
      next_cursor: null,
    });
    expect(
      await call(home.routes, "GET", "/plans/:code/migrations/:id", {
        params: { ...CODE, id: String(june["id"]) },
      }),
    ).toEqual((second["data"] as object[])[0]);
  });
});

describe("a large migration", () => {
  it("changes every one of 1,750, page by page, and takes all of them back", {
    timeout: 60_000,
  }, async () => {
    const home = await town();
    await subscribe(home, names(1_250));
    await subscribe(home, names(500, "d"), { version: 3 });
    await subscribe(home, names(50, "e"), { version: 2 });
    const preview = await migrate(home, APRIL, true);
    expect(preview).toMatchObject({ subscriptions: 1_750, left_out: { has_it: 50 } });
    expect(preview["first"]).toHaveLength(50);
    const done = await migrate(home, { ...APRIL, preview: preview["preview"] });
    const count = async (table: string) =>
      (await home.db.query<{ n: number }>(`select count(*)::int as n from ${table}`))[0]?.n;
    expect(await count("price_changes")).toBe(1_750);
    expect(await count("subscription_changes")).toBe(1_750);
    expect(await cancel(home, done["id"])).toMatchObject({ canceled: { withdrawn: 1_750 } });
    expect(await count("price_changes")).toBe(0);
    expect(await count("subscription_changes")).toBe(3_500);
  });

  it("and another of the same plan wait for each other: nobody is changed twice for one day", async () => {
    const home = await town();
    const ids = await subscribe(home, names(600));
    const both = await Promise.all([migrate(home, APRIL), migrate(home, APRIL)]);
    expect(both.map(({ subscriptions }) => subscriptions).sort()).toEqual([0, 600]);
    const changes = await home.db.begin((tx) => priceChangesOf(tx, ids));
    expect([...changes.values()].every((list) => list.length === 1)).toBe(true);
  });

  it("waits for a subscription that is being billed, and then sees what was", async () => {
    const home = await town();
    const [id] = await subscribe(home, ["a"]);
    let migrated: Promise<Record<string, unknown>> = Promise.resolve({});
    await home.db.begin(async (tx) => {
      await tx.query(`select id from subscriptions where id = $1 for no key update`, [id]);
      migrated = migrate(home, { ...APRIL, effective_on: "2027-03-15" });
      await until("the migration waits", 10_000, () => somebodyWaits(home.db));
      await tx.query(`update subscriptions set next_index = 4 where id = $1`, [id]);
    });
    expect((await migrated)["first"]).toMatchObject([{ first_changed_on: "2027-05-10" }]);
  });
});

async function somebodyWaits(db: Database): Promise<boolean> {
  const rows = await db.query(
    `select pid from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return rows.length > 0;
}
