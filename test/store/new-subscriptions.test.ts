import { describe, expect, it, test } from "vitest";
import { lockCustomers } from "../../src/customers/customer.store.ts";
import { setTurnedClock, turnedClock } from "../../src/platform/clock.ts";
import { until } from "../../src/platform/timer.ts";
import { subscriptionRoutes } from "../../src/subscriptions/subscription.routes.ts";
import { call } from "../support/call-route.ts";
import {
  at,
  NOON,
  type RoomsDatabase,
  roomsDatabase,
  storeBinding,
  storeCustomer,
  storePlan,
} from "../support/rooms.ts";

type Body = Record<string, unknown>;

/** A customer with a linked wallet and a monthly plan at Rp 99.000, on 10 March 2027. */
async function ready({
  linked = true,
  plan = {},
}: {
  linked?: boolean;
  plan?: Parameters<typeof storePlan>[1];
} = {}) {
  const db = await roomsDatabase();
  await db.begin((tx) => setTurnedClock(tx, NOON));
  const tools = {
    db,
    clock: turnedClock,
    billingZone: "Asia/Jakarta",
    windowFrom: "08:00",
    minCharge: 10_000,
  };
  const routes = subscriptionRoutes(tools);
  await storePlan(db, plan);
  const customer = await storeCustomer(db);
  if (linked) await storeBinding(db, { customerId: customer.id });
  const post = (body: Body, dryRun = false) =>
    call(routes, "POST", "/subscriptions", {
      body: { reference: "s1", customer: "cust-001", plan: "pro", ...body },
      dryRun,
    });
  const get = (reference: string) =>
    call(routes, "GET", "/subscriptions/:reference", { params: { reference } });
  const preview = (body: Body) =>
    call(routes, "POST", "/subscriptions/preview", { body }) as Promise<unknown>;
  return { db, customer, post, get, preview };
}

async function count(db: RoomsDatabase, table: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(`select count(*)::int as count from ${table}`);
  return row?.count ?? 0;
}

describe("POST /subscriptions", () => {
  test.each<[string, Body, Body]>([
    [
      "with a billing day: the first one on or after the start, after a short first period",
      { start_on: "2027-03-10", billing_day: 25 },
      { billing_day: 25, next_invoice_on: "2027-03-10", next_amount: 53_036 },
    ],
    [
      "with a start on the billing day: a whole first period",
      { start_on: "2027-03-25", billing_day: 25 },
      { start_on: "2027-03-25", next_invoice_on: "2027-03-25", next_amount: 99_000 },
    ],
    [
      "aligned to the calendar, whatever the plan's billing day",
      { alignment: "calendar" },
      { alignment: "calendar", billing_day: null, next_amount: 70_258 },
    ],
    [
      "with a trial to a day",
      { trial_ends_on: "2027-04-02" },
      { state: "trialing", trial_ends_on: "2027-04-02", next_invoice_on: "2027-04-02" },
    ],
    [
      "with a trial of days instead of the plan's",
      { trial_days: 3 },
      { trial_ends_on: "2027-03-13", next_invoice_on: "2027-03-13" },
    ],
    [
      "with no trial",
      { trial_days: 0 },
      { state: "active", trial_ends_on: null, next_invoice_on: "2027-03-10" },
    ],
    [
      "with its own catch-up policy",
      { catch_up_policy: "current_only" },
      { catch_up_policy: "current_only" },
    ],
    [
      "with no policy of its own",
      {},
      { catch_up_policy: null, alignment: "anniversary", rollover: 0, hold: null },
    ],
  ])("%s", async (_name, body, expected) => {
    const trial = "trial_days" in body || "trial_ends_on" in body ? { trialDays: 14 } : {};
    const billingDay = body["alignment"] === "calendar" ? { billingDay: 5 } : {};
    const { post, get } = await ready({ plan: { ...trial, ...billingDay } });
    expect(await post(body)).toMatchObject(expected);
    expect(await get("s1")).toMatchObject(expected);
  });

  it("of a plan of weeks that names a day of the month has none, and one that is asked for is refused", async () => {
    const { post } = await ready({ plan: { intervalUnit: "week", billingDay: 5 } });
    await expect(post({ billing_day: 25 })).rejects.toThrow(/^billing_day: periods of weeks .* leave it out/);
    expect(await post({})).toMatchObject({ billing_day: null, next_amount: 99_000 });
  });

  it("with a billing month begins its years there", async () => {
    const { post } = await ready({ plan: { intervalUnit: "year" } });
    expect(await post({ start_on: "2027-02-01", billing_day: 1, billing_month: 4 })).toMatchObject({
      billing_month: 4,
      billing_day: 1,
      // 59 of the 365 days from 1 April 2026.
      next_amount: 16_003,
    });
  });

  test.each<[string, Body, Body, Body]>([
    [
      "a percentage for some periods",
      { percent: 50, periods: 3, reason: "welcome" },
      { percent: 50, amount: null, periods: 3, from_index: 0, reason: "welcome", created_by: "sari" },
      { next_amount: 49_500 },
    ],
    [
      "an amount for ever",
      { amount: 20_000 },
      { percent: null, amount: 20_000, periods: null, reason: null },
      { next_amount: 79_000 },
    ],
    ["everything, once", { percent: 100, periods: 1 }, { percent: 100, periods: 1 }, { next_amount: 0 }],
  ])("with a discount: %s", async (_name, discount, shown, more) => {
    const { post } = await ready();
    expect(await post({ discount })).toMatchObject({ ...more, amount: 99_000, discounts: [shown] });
  });

  test.each<[string, Body, RegExp]>([
    [
      "percent and amount",
      { discount: { percent: 10, amount: 1_000 } },
      /discount: give percent or amount, not both/,
    ],
    [
      "neither percent nor amount",
      { discount: { periods: 3 } },
      /discount: give percent \(1 to 100\) or amount/,
    ],
    ["101 percent", { discount: { percent: 101 } }, /discount.percent: must be a whole number from 1 to 100/],
    ["0 rupiah off", { discount: { amount: 0 } }, /discount.amount: must be whole rupiah/],
    ["an unknown alignment", { alignment: "moon" }, /alignment: must be one of anniversary, calendar/],
    ["an unknown policy", { catch_up_policy: "soon" }, /catch_up_policy: must be one of one_a_day/],
    [
      "two trials",
      { trial_days: 3, trial_ends_on: "2027-04-01" },
      /trial_ends_on: give it or trial_days, not both/,
    ],
    [
      "a calendar with a billing day",
      { alignment: "calendar", billing_day: 5 },
      /billing_day: with calendar/,
    ],
    ["a month of a monthly plan", { billing_month: 4 }, /billing_month: only for steps/],
    ["a 13th month", { billing_month: 13 }, /billing_month: must be a whole number from 1 to 12/],
  ])("%s is refused by name, and nothing is stored", async (_name, body, says) => {
    const { db, post } = await ready();
    await expect(post(body)).rejects.toThrow(says);
    expect(await count(db, "subscriptions")).toBe(0);
  });

  it("a trial to a day keeps its day when the wallet is linked later", async () => {
    const { db, post, get } = await ready({ linked: false });
    await post({ trial_ends_on: "2027-04-02" });
    expect(await get("s1")).toMatchObject({ start_on: "2027-03-10", trial_ends_on: "2027-04-02" });
    const [row] = await db.query<{ start_floats: boolean }>(`select start_floats from subscriptions`);
    expect(row?.start_floats).toBe(false);
  });

  it("is the first line of its timeline, under the name of who asked", async () => {
    const { db, post } = await ready();
    await post({ allow_second: true });
    expect(await db.query(`select kind, actor, at, details from subscription_changes`)).toEqual([
      {
        kind: "created",
        actor: "sari",
        at: NOON.toJSDate(),
        details: { state: "active", allow_second: true },
      },
    ]);
  });

  it("as a dry run shows what it would be and leaves nothing", async () => {
    const { db, post } = await ready();
    const shown = await post({ discount: { percent: 50 } }, true);
    expect(shown).toMatchObject({ reference: "s1", state: "active", next_amount: 49_500 });
    for (const table of ["subscriptions", "subscription_discounts", "subscription_changes"])
      expect(await count(db, table)).toBe(0);
  });
});

describe("a second subscription to the same plan", () => {
  const SAYS = "plan: cust-001 already has the subscription s1 to pro";

  it("is refused, with its name, unless it is asked for", async () => {
    const { post, db } = await ready();
    await post({});
    await expect(post({ reference: "s2" })).rejects.toThrow(SAYS);
    await expect(post({ reference: "s2" })).rejects.toMatchObject({ code: "conflict" });
    expect(await count(db, "subscriptions")).toBe(1);
    expect(await count(db, "subscription_changes")).toBe(1);
    expect(await post({ reference: "s2", allow_second: true })).toMatchObject({ reference: "s2" });
  });

  it("a reference that is taken is said first", async () => {
    const { post } = await ready();
    await post({});
    await expect(post({})).rejects.toThrow("reference: there is already a subscription s1");
  });

  test.each(["canceled", "completed"])("is a first one when the other is %s", async (state) => {
    const { db, post } = await ready();
    await post({});
    await db.query(`update subscriptions set state = $1, next_invoice_at = null, ended_at = now()`, [state]);
    expect(await post({ reference: "s2" })).toMatchObject({ state: "active" });
  });

  test.each(["incomplete", "past_due", "unpaid", "paused"])(
    "is one also when the other is %s",
    async (state) => {
      const { db, post } = await ready();
      await post({});
      await db.query(
        `update subscriptions set state = $1, next_invoice_at = null, paused_at = case when $1 = 'paused' then now() end`,
        [state],
      );
      await expect(post({ reference: "s2" })).rejects.toThrow(SAYS);
    },
  );

  it("another plan and another customer are no second one", async () => {
    const { db, post } = await ready();
    await storePlan(db, { code: "other" });
    await storeCustomer(db, "cust-002");
    await post({});
    await post({ reference: "s2", plan: "other" });
    await post({ reference: "s3", customer: "cust-002" });
    expect(await count(db, "subscriptions")).toBe(3);
  });

  it("of creators at once one wins: they wait for the customer's row", async () => {
    const { db, customer, post } = await ready();
    const waiting = () =>
      db.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
    let posted: Promise<PromiseSettledResult<unknown>[]> | undefined;
    await db.begin(async (tx) => {
      await lockCustomers(tx, [customer.id]);
      posted = Promise.allSettled(["s1", "s2", "s3"].map((reference) => post({ reference })));
      await until("all creators wait", 5_000, async () => (await waiting()).length === 3);
    });
    const lost = (await posted)?.flatMap((each) => (each.status === "rejected" ? [`${each.reason}`] : []));
    const says = expect.stringMatching(/plan: cust-001 already has the subscription s\d to pro/);
    expect(lost).toEqual([says, says]);
    expect(await count(db, "subscriptions")).toBe(1);
  });
});

describe("the bill that is shown before it is made", () => {
  it("is at the price of the period's first day, less credit, with what was carried over", async () => {
    const { db, post, get } = await ready();
    const { price } = await storePlan(db, { code: "dearer" });
    await db.query(`update plan_versions set amount = 120000 where id = $1`, [price.id]);
    await post({ start_on: "2027-03-20" });
    await db.query(`update subscriptions set credit = 30000, rollover = 4000`);
    expect(await get("s1")).toMatchObject({ next_amount: 73_000, credit: 30_000, rollover: 4_000 });
    const change = (day: string) =>
      db.query(
        `insert into price_changes (subscription_id, effective_on, plan_version_id) select id, $1, $2 from subscriptions`,
        [day, price.id],
      );
    await change("2027-03-21");
    expect(await get("s1")).toMatchObject({ next_amount: 73_000 });
    await change("2027-03-20");
    expect(await get("s1")).toMatchObject({
      next_amount: 94_000,
      price_changes: [
        { effective_on: "2027-03-20", amount: 120_000 },
        { effective_on: "2027-03-21", amount: 120_000 },
      ],
    });
  });

  it("is nothing when it is too small to charge: it is carried over", async () => {
    const { post } = await ready();
    expect(await post({ discount: { percent: 95 } })).toMatchObject({ next_amount: 0 });
  });

  it("is none when the subscription is canceled by then", async () => {
    const { db, post, get } = await ready();
    await post({});
    await db.query(`update subscriptions set cancel_at_period_end = true`);
    expect(await get("s1")).toMatchObject({
      cancel_at_period_end: true,
      next_invoice_on: null,
      next_amount: null,
    });
  });

  it("shows who holds it, and a pause with its end", async () => {
    const { db, post, get } = await ready();
    await post({});
    await db.query(
      `update subscriptions set collection_hold = true, hold_owner = 'finance', hold_reason = 'asked',
              hold_ends_on = '2027-05-01', state = 'paused', paused_at = $1, resumes_on = '2027-04-01',
              next_invoice_at = null`,
      [at("2027-03-11T00:00:00Z").toJSDate()],
    );
    expect(await get("s1")).toMatchObject({
      collection_hold: true,
      hold: { owner: "finance", reason: "asked", ends_on: "2027-05-01" },
      paused_at: "2027-03-11T00:00:00.000Z",
      resumes_on: "2027-04-01",
    });
  });
});

describe("POST /subscriptions/preview", () => {
  it("of a plan shows what a subscription to it would be billed, by all that the plan says", async () => {
    const { preview } = await ready({ plan: { trialDays: 14, billingDay: 1, cycles: 2 } });
    expect(await preview({ plan: "pro", start: "2027-03-10" })).toMatchObject([
      { bills_on: "2027-03-24", amount: 25_548, proration: { days: 8, of: 31 } },
      { bills_on: "2027-04-01", amount: 99_000 },
    ]);
    const told = { trial_days: 0, billing_day: 10, cycles: 3, periods: 1 };
    expect(await preview({ plan: "pro", start: "2027-03-10", ...told })).toMatchObject([
      { bills_on: "2027-03-10", amount: 99_000 },
    ]);
  });

  it("of an interval and an amount needs no plan", async () => {
    const { preview } = await ready();
    const asked = { start: "2027-03-10", interval: "week", count: 2, amount: 20_000, periods: 2 };
    expect(await preview(asked)).toMatchObject([
      { bills_on: "2027-03-10", amount: 20_000 },
      { bills_on: "2027-03-24", amount: 20_000 },
    ]);
  });

  test.each<[Body, RegExp]>([
    [{ interval: "month" }, /^amount: must be given, or a plan that says it$/],
    [{ amount: 99_000 }, /^interval: must be given, or a plan that says it$/],
    [{ plan: "pro", amount: 99_000 }, /^amount: the plan says it; leave one of the two out$/],
    [{ plan: "pro", interval: "month", count: 1 }, /^interval: the plan says it.*; count: the plan says it/],
    [{ plan: "nothing" }, /^there is no plan nothing$/],
    [{ interval: "year", count: 11, amount: 1 }, /^count: at most 10 years/],
  ])("%o is refused, by field", async (asked, says) => {
    const { preview } = await ready();
    await expect(preview({ start: "2027-03-10", ...asked })).rejects.toThrow(says);
  });
});
