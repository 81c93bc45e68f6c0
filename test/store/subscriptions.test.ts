import { describe, expect, it, test } from "vitest";
import { rupiah } from "../../src/kernel/money.ts";
import { setTurnedClock, turnedClock } from "../../src/platform/clock.ts";
import type { Database } from "../../src/platform/database.ts";
import { until } from "../../src/platform/timer.ts";
import { activateSubscriptionsOf } from "../../src/subscriptions/activate-subscriptions.flow.ts";
import type { Terms } from "../../src/subscriptions/billing-period.ts";
import { subscriptionRoutes } from "../../src/subscriptions/subscription.routes.ts";
import {
  claimDueSubscriptions,
  markActive,
  markPastDue,
  markUnpaid,
  saveSchedules,
} from "../../src/subscriptions/subscription.store.ts";
import { subscriptionByReference } from "../../src/subscriptions/subscription-view.store.ts";
import { call } from "../support/call-route.ts";
import {
  at,
  insertBinding,
  NOON,
  roomsDatabase,
  storeBinding,
  storeCustomer,
  storePlan,
  storeSubscription,
} from "../support/rooms.ts";

const DUE = { state: "active", nextInvoiceAt: NOON } as const;

async function routesAt(now = NOON) {
  const db = await roomsDatabase();
  await db.begin((tx) => setTurnedClock(tx, now));
  const tools = {
    db,
    clock: turnedClock,
    billingZone: "Asia/Jakarta",
    windowFrom: "08:00",
    minCharge: 10_000,
  };
  return { db, routes: subscriptionRoutes(tools) };
}

async function viewOf(db: Database, reference: string) {
  return db.begin((tx) => subscriptionByReference(tx, reference));
}

describe("claiming due subscriptions", () => {
  it("takes what is due, oldest first, with everything an invoice needs", async () => {
    const db = await roomsDatabase();
    await storeSubscription(db, "later", { state: "active", nextInvoiceAt: NOON.plus({ seconds: 1 }) });
    const second = await storeSubscription(db, "second", DUE);
    const first = await storeSubscription(db, "first", {
      ...DUE,
      state: "past_due",
      nextInvoiceAt: NOON.minus({ days: 1 }),
      terms: { billingDay: 31, trialEndsOn: "2027-03-20", endsOn: "2028-01-01", cycles: 7 },
    });
    const due = await db.begin((tx) => claimDueSubscriptions(tx, NOON, 10));
    expect(due.map(({ reference }) => reference)).toEqual(["first", "second"]);
    expect({ ...due[0], nextInvoiceAt: due[0]?.nextInvoiceAt.toISO() }).toEqual({
      ...first,
      amount: 99_000,
      nextInvoiceAt: NOON.minus({ days: 1 }).toISO(),
    });
    expect(due[1]?.terms).toEqual(second.terms);
  });

  it("two ticks at once share the work and never the row", async () => {
    const db = await roomsDatabase();
    for (const reference of ["a", "b", "c"]) await storeSubscription(db, reference, DUE);
    const claimed = await db.begin(async (tx) => {
      const mine = await claimDueSubscriptions(tx, NOON, 2);
      const theirs = await db.begin((other) => claimDueSubscriptions(other, NOON, 2));
      return [mine, theirs].map((due) => due.length);
    });
    expect(claimed).toEqual([2, 1]);
  });

  it("a schedule that was saved is what the next tick sees", async () => {
    const db = await roomsDatabase();
    const { id } = await storeSubscription(db, "a", DUE);
    const { id: over } = await storeSubscription(db, "b", DUE);
    const carried = {
      credit: rupiah(500),
      rollover: rupiah(4_000),
      countedFrom: { on: "2027-04-10", index: 1 },
    };
    const still = { lastOpenedOn: "2027-03-10", ...carried, endedAt: null, endReason: null };
    await db.begin((tx) =>
      saveSchedules(tx, [
        { ...still, id, state: "active", nextIndex: 1, nextInvoiceAt: at("2027-04-10T01:00:00Z") },
        {
          ...still,
          id: over,
          state: "completed",
          nextIndex: 1,
          nextInvoiceAt: null,
          endedAt: NOON,
          endReason: "all billed",
        },
      ]),
    );
    expect(await db.begin((tx) => claimDueSubscriptions(tx, NOON, 10))).toEqual([]);
    const [next, ...none] = await db.begin((tx) => claimDueSubscriptions(tx, at("2027-04-10T01:00:00Z"), 10));
    expect(none).toEqual([]);
    expect(next).toMatchObject({
      id,
      nextIndex: 1,
      lastOpenedOn: "2027-03-10",
      credit: 500,
      rollover: 4_000,
    });
    expect(next?.terms.countedFrom).toEqual({ on: "2027-04-10", index: 1 });
    expect((await viewOf(db, "b")).subscription).toMatchObject({
      state: "completed",
      endReason: "all billed",
    });
  });
});

describe("dunning moves subscriptions", () => {
  test.each([
    ["active", markPastDue, "past_due"],
    ["trialing", markPastDue, "trialing"],
    ["past_due", markActive, "active"],
    ["active", markUnpaid, "unpaid"],
    ["past_due", markUnpaid, "unpaid"],
  ] as const)("from %s by %o to %s", async (from, move, to) => {
    const db = await roomsDatabase();
    const { id } = await storeSubscription(db, "a", { ...DUE, state: from });
    await db.begin((tx) => move(tx, [id]));
    expect((await viewOf(db, "a")).subscription.state).toBe(to);
  });

  test.each(["incomplete", "unpaid", "paused", "canceled", "completed"] as const)(
    "never one that is %s",
    async (state) => {
      const db = await roomsDatabase();
      const { id } = await storeSubscription(db, "a", { state });
      for (const move of [markPastDue, markActive, markUnpaid]) await db.begin((tx) => move(tx, [id]));
      expect((await viewOf(db, "a")).subscription.state).toBe(state);
    },
  );

  it("paying the last debt completes one that has nothing left to bill", async () => {
    const db = await roomsDatabase();
    const { id } = await storeSubscription(db, "a", { state: "past_due" });
    await db.begin((tx) => markActive(tx, [id]));
    expect((await viewOf(db, "a")).subscription.state).toBe("completed");
  });
});

describe("a wallet that is linked", () => {
  const LINKED = at("2027-05-20T05:00:00Z");
  const OPEN = { startFloats: false, terms: {} as Partial<Terms> };
  test.each<[string, { startFloats: boolean; terms: Partial<Terms> }, Record<string, unknown>]>([
    [
      "starts a subscription that named no day on this day, and its trial keeps its length",
      { startFloats: true, terms: { trialEndsOn: "2027-03-24" } },
      {
        state: "trialing",
        start_on: "2027-05-20",
        trial_ends_on: "2027-06-03",
        next_invoice_at: "2027-06-03T01:00:00.000Z",
      },
    ],
    [
      "starts one without a trial at once",
      { ...OPEN, startFloats: true },
      { state: "active", start_on: "2027-05-20", next_invoice_at: "2027-05-20T01:00:00.000Z" },
    ],
    [
      "keeps a start to come",
      { ...OPEN, terms: { startOn: "2027-06-30" } },
      { state: "active", start_on: "2027-06-30", next_invoice_at: "2027-06-30T01:00:00.000Z" },
    ],
    [
      "keeps a start whose first period is not over",
      { ...OPEN, terms: { startOn: "2027-04-30" } },
      { state: "active", start_on: "2027-04-30", next_invoice_on: "2027-04-30" },
    ],
    [
      "charges nothing for the past",
      { ...OPEN, terms: { startOn: "2027-01-31" } },
      { state: "active", start_on: "2027-01-31", next_invoice_on: "2027-04-30" },
    ],
    [
      "completes one that had ended before",
      { ...OPEN, terms: { endsOn: "2027-05-01" } },
      { state: "completed", next_invoice_at: null, end_reason: "it had ended before the wallet was linked" },
    ],
    [
      "completes one that named no day but an end that is over",
      { startFloats: true, terms: { endsOn: "2027-05-01" } },
      { state: "completed", start_on: "2027-03-10" },
    ],
    ["counts cycles that passed unbilled", { ...OPEN, terms: { cycles: 2 } }, { state: "completed" }],
  ])("%s", async (_name, more, expected) => {
    const { db, routes } = await routesAt(LINKED);
    const { customerId } = await storeSubscription(db, "a", more);
    await db.begin((tx) => activateSubscriptionsOf(tx, [customerId], LINKED, "08:00"));
    const shown = await call(routes, "GET", "/subscriptions/:reference", { params: { reference: "a" } });
    expect(shown).toMatchObject({ ...expected, activated_at: LINKED.toISO() });
  });

  it("starts only what waits, of these customers, and only once", async () => {
    const db = await roomsDatabase();
    const mine = await storeSubscription(db, "mine", { startFloats: true });
    await storeSubscription(db, "paused", { customerId: mine.customerId, state: "paused" });
    await storeSubscription(db, "other");
    await db.begin((tx) => activateSubscriptionsOf(tx, [mine.customerId], LINKED, null));
    await db.begin((tx) => activateSubscriptionsOf(tx, [mine.customerId], LINKED.plus({ days: 40 }), null));
    expect((await viewOf(db, "mine")).subscription.terms.startOn).toBe("2027-05-20");
    expect((await viewOf(db, "paused")).subscription.state).toBe("paused");
    expect((await viewOf(db, "other")).subscription.state).toBe("incomplete");
  });
});

describe("POST /subscriptions", () => {
  async function ready(now = NOON, plan = {}) {
    const house = await routesAt(now);
    await storePlan(house.db, plan);
    const customer = await storeCustomer(house.db);
    const post = (body: Record<string, unknown>) =>
      call(house.routes, "POST", "/subscriptions", {
        body: { reference: "s1", customer: "cust-001", plan: "pro", ...body },
      });
    return { ...house, customer, post };
  }

  it("waits for the wallet when there is none", async () => {
    const { post } = await ready();
    expect(await post({})).toMatchObject({
      state: "incomplete",
      start_on: "2027-03-10",
      next_invoice_on: null,
      activated_at: null,
      binding_state: null,
      zone: "Asia/Jakarta",
      amount: 99_000,
      plan_version: 1,
    });
  });

  it("runs at once when there is one, also while it is suspended", async () => {
    const { db, customer, post } = await ready();
    await storeBinding(db, { customerId: customer.id }, "suspended");
    expect(await post({})).toMatchObject({
      state: "active",
      binding_state: "suspended",
      next_invoice_on: "2027-03-10",
      next_invoice_at: "2027-03-10T01:00:00.000Z",
      next_amount: 99_000,
    });
  });

  it("begins on the day it is where the customer is", async () => {
    const { post } = await ready(at("2027-03-10T16:30:00Z"));
    expect(await post({ zone: "Asia/Jayapura" })).toMatchObject({
      start_on: "2027-03-11",
      zone: "Asia/Jayapura",
    });
  });

  it("takes the plan's trial, billing day and cycles unless told otherwise", async () => {
    const { db, customer, post } = await ready(NOON, { trialDays: 14, billingDay: 1, cycles: 6 });
    await storeBinding(db, { customerId: customer.id });
    expect(await post({})).toMatchObject({
      state: "trialing",
      trial_ends_on: "2027-03-24",
      billing_day: 1,
      cycles: 6,
      next_invoice_on: "2027-03-24",
      next_amount: 25_548,
    });
    expect(await post({ reference: "s2", billing_day: 24, cycles: 2, allow_second: true })).toMatchObject({
      billing_day: 24,
      cycles: 2,
      next_amount: 99_000,
    });
  });

  it("may begin in the past only while the first period lasts", async () => {
    const { post } = await ready();
    expect(await post({ start_on: "2027-02-28" })).toMatchObject({ start_on: "2027-02-28" });
    await expect(post({ reference: "s2", start_on: "2027-01-31" })).rejects.toThrow(
      "start_on: the first period from 2027-01-31 is over; use 2027-02-28, where the current period begins",
    );
    await expect(post({ reference: "s3", start_on: "2027-01-31", ends_on: "2027-02-10" })).rejects.toThrow(
      "nothing of it is left to bill",
    );
  });

  test.each<[string, Record<string, unknown>, RegExp]>([
    ["a day that does not exist", { start_on: "2026-02-30" }, /start_on: must be a date that exists/],
    ["an unknown zone", { zone: "Mars/Base" }, /zone: must be a time zone/],
    ["a bare offset", { zone: "+07:00" }, /zone: must be a time zone/],
    [
      "an end before the start",
      { start_on: "2027-03-11", ends_on: "2027-03-11" },
      /ends_on: 2027-03-11 must be after/,
    ],
    ["an unknown customer", { customer: "nobody" }, /no customer nobody/],
    ["an unknown plan", { plan: "nothing" }, /no plan nothing/],
    ["a 0th", { billing_day: 0 }, /billing_day: must be a whole number from 1 to 31/],
  ])("%s is refused by name", async (_name, wrong, says) => {
    const { post } = await ready();
    await expect(post(wrong)).rejects.toThrow(says);
  });

  it("an end inside the trial is refused", async () => {
    const { post } = await ready(NOON, { trialDays: 30 });
    await expect(post({ ends_on: "2027-03-20" })).rejects.toThrow(
      "ends_on: 2027-03-20 must be after the trial",
    );
  });

  it("a taken reference is refused by name", async () => {
    const { post } = await ready();
    await post({});
    await expect(post({})).rejects.toThrow("reference: there is already a subscription s1");
  });

  it("made while the wallet is being linked, it waits for that and starts at once", async () => {
    const { db, customer, post } = await ready();
    const waiting = () =>
      db.query(
        `select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`,
      );
    let posted: ReturnType<typeof post> | undefined;
    await db.begin(async (tx) => {
      await activateSubscriptionsOf(tx, [customer.id], NOON, null);
      posted = post({});
      await until("the new subscription waits", 5_000, async () => (await waiting()).length > 0);
      await insertBinding(tx, { customerId: customer.id }, "active");
    });
    expect(await posted).toMatchObject({ state: "active" });
  });
});

describe("looking at subscriptions", () => {
  it("lists pages, filtered by customer, plan and state", async () => {
    const { db, routes } = await routesAt();
    for (const reference of ["c", "a", "b"])
      await storeSubscription(db, reference, reference === "b" ? DUE : {});
    const page = (query: Record<string, unknown>) => call(routes, "GET", "/subscriptions", { query });
    const first = await page({ limit: "2" });
    expect(first).toMatchObject({ data: [{ reference: "a" }, { reference: "b" }] });
    expect(await page({ cursor: first["next_cursor"] })).toMatchObject({
      data: [{ reference: "c" }],
      next_cursor: null,
    });
    expect(await page({ state: "active" })).toMatchObject({ data: [{ reference: "b" }] });
    expect(await page({ customer: "customer-of-c" })).toMatchObject({ data: [{ reference: "c" }] });
    expect(await page({ plan: "plan-of-a" })).toMatchObject({ data: [{ reference: "a" }] });
  });

  it("previews what would be billed", async () => {
    const { routes } = await routesAt();
    const body = { start: "2027-01-31", interval: "month", amount: 99_000, periods: 2 };
    expect(await call(routes, "POST", "/subscriptions/preview", { body })).toEqual([
      { index: 0, start: "2027-01-31", end: "2027-02-28", bills_on: "2027-01-31", amount: 99_000, note: "" },
      {
        index: 1,
        start: "2027-02-28",
        end: "2027-03-31",
        bills_on: "2027-02-28",
        amount: 99_000,
        note: "31 does not exist in February: 28th",
      },
    ]);
  });
});

describe("the database holds", () => {
  test.each([
    ["subscriptions_state_known", `state = 'resting', next_invoice_at = null`],
    ["subscriptions_interval_known", `interval_unit = 'fortnight'`],
    ["subscriptions_interval_count_positive", `interval_count = 0`],
    ["subscriptions_billing_day_in_month", `billing_day = 32`],
    ["subscriptions_cycles_positive", `cycles = 0`],
    ["subscriptions_next_index_not_negative", `next_index = -1`],
    ["subscriptions_credit_not_negative", `credit = -1`],
    ["subscriptions_end_after_start", `ends_on = start_on`],
    ["subscriptions_billed_only_when_running", `state = 'paused'`],
    ["subscriptions_running_says_when", `next_invoice_at = null`],
    ["subscriptions_reference_unique", `reference = 'b'`],
  ])("%s", async (constraint, wrong) => {
    const db = await roomsDatabase();
    await storeSubscription(db, "a", DUE);
    await storeSubscription(db, "b", DUE);
    await expect(db.query(`update subscriptions set ${wrong} where reference = 'a'`)).rejects.toThrow(
      constraint,
    );
  });
});
