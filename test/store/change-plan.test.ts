import { describe, expect, it } from "vitest";
import { openDueInvoices } from "../../src/invoices/open-invoices.flow.ts";
import { planChangeText } from "../../src/invoices/plan-change-text.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Plan } from "../../src/plans/plan.ts";
import { at, type RoomsDatabase, storePlan, storeSubscription } from "../support/rooms.ts";
import { beatAt, type EventTools, order, payAll } from "../support/subscription-events.ts";
import { decideTools } from "./invoice-rows.ts";

/** Monthly from 1 June at Rp 90.000, its first invoice paid; today is 16 June, half of it is left. */
async function inJune(more: Parameters<typeof storeSubscription>[2] = {}): Promise<EventTools> {
  const tools = await decideTools();
  const { db } = tools;
  const { terms, ...rest } = more;
  const starts = { state: "active", nextInvoiceAt: at("2027-05-31T17:00:00Z") } as const;
  await storeSubscription(db, "s-1", { ...starts, ...rest, terms: { startOn: "2027-06-01", ...terms } });
  await db.query(`update plan_versions set amount = 90000`);
  await beatAt(tools, "2027-06-01T05:00:00Z");
  await payAll(tools);
  await beatAt(tools, "2027-06-16T05:00:00Z");
  return tools;
}

async function planOf(
  db: RoomsDatabase,
  code: string,
  amount: number,
  more: Partial<Plan> = {},
): Promise<void> {
  const { price } = await storePlan(db, { code, ...more });
  await db.query(`update plan_versions set amount = $1 where id = $2`, [amount, price.id]);
}

const invoices = (db: RoomsDatabase) =>
  db.query(
    `select kind, period_index as index, issue_number as issue, period_start::text as start,
            period_end::text as end, bills_on::text as on, amount::int, state
       from invoices order by bills_on, issue_number`,
  );
const lines = async (db: RoomsDatabase, kind = "change") =>
  db.query(
    `select l.kind, l.amount::int, l.note from invoice_lines l join invoices i on i.id = l.invoice_id
      where i.kind = $1 order by i.bills_on, i.issue_number, l.number`,
    [kind],
  );
const stands = async (db: RoomsDatabase) =>
  (
    await db.query(
      `select credit::int, rollover::int, next_index as index, next_invoice_at as at, state from subscriptions
        where reference = 's-1'`,
    )
  )[0];

const change = (tools: EventTools, plan: string, body: Record<string, unknown> = {}, dryRun = false) =>
  order(tools, "s-1", "change-plan", { plan, at: "now", ...body }, dryRun);

describe("a plan change now", () => {
  it("charges what the new plan costs more, from that day on, by an invoice at once", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "gold", 150_000);
    const preview = await change(tools, "gold", {}, true);
    expect(await invoices(db)).toHaveLength(1);
    const done = await change(tools, "gold");
    expect(done).toEqual(preview);
    expect(done).toMatchObject({
      plan: "gold",
      amount: 150_000,
      change: { from: "2027-06-16", charge: 30_000, credit: 0, invoice_amount: 30_000 },
    });
    expect(planChangeText(done)).toMatch(
      /^s-1 is on plan gold .*\n {2}credit +-Rp 45.000 .*\ndue now: Rp 30.000/s,
    );
    expect((await invoices(db)).at(-1)).toEqual({
      kind: "change",
      index: 0,
      issue: 0,
      start: "2027-06-16",
      end: "2027-07-01",
      on: "2027-06-16",
      amount: 30_000,
      state: "open",
    });
    expect(await lines(db)).toEqual([
      { kind: "credit", amount: -45_000, note: "15 of 30 days of 90000 not used" },
      { kind: "proration", amount: 75_000, note: "15 of 30 days of 150000" },
    ]);
    await beatAt(tools, "2027-07-01T05:00:00Z");
    expect((await invoices(db)).at(-1)).toMatchObject({
      kind: "period",
      index: 1,
      on: "2027-07-01",
      amount: 150_000,
    });
  });

  it("keeps what the new plan costs less as credit, which the next invoices use", async () => {
    const tools = await inJune();
    await planOf(tools.db, "basic", 30_000);
    const done = await change(tools, "basic");
    expect(done).toMatchObject({ credit: 30_000, change: { credit: 30_000, charge: 0, invoice: null } });
    expect(await invoices(tools.db)).toHaveLength(1);
    await beatAt(tools, "2027-07-01T05:00:00Z");
    expect((await invoices(tools.db)).at(-1)).toMatchObject({ amount: 0, state: "paid" });
    expect(await stands(tools.db)).toMatchObject({ credit: 0 });
  });

  it("twice in a period gives back what was billed for the days since the first", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "gold", 150_000);
    await planOf(db, "basic", 30_000);
    await change(tools, "gold");
    await expect(change(tools, "basic")).rejects.toThrow(
      /invoice .* for 2027-06-16 to 2027-07-01 is not paid yet/,
    );
    await payAll(tools);
    await beatAt(tools, "2027-06-21T05:00:00Z");
    // 10 of the 15 days that 75.000 were for, and 10 of 30 days of 30.000.
    expect(await change(tools, "basic")).toMatchObject({ change: { credit: 40_000 } });
    await beatAt(tools, "2027-06-26T05:00:00Z");
    // 5 of the 10 days that 10.000 were for, taken out of credit; 5 of 30 days of 150.000.
    expect(await change(tools, "gold")).toMatchObject({
      change: { charge: 20_000, invoice_amount: 0 },
      credit: 20_000,
    });
    expect((await invoices(db)).at(-1)).toMatchObject({ kind: "change", issue: 1, amount: 0, state: "paid" });
  });

  it("back and forth on one day costs nothing", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "gold", 150_000);
    await change(tools, "gold");
    await payAll(tools);
    expect(await change(tools, "plan-of-s-1")).toMatchObject({ change: { credit: 30_000 } });
    expect(await change(tools, "gold")).toMatchObject({
      change: { charge: 30_000, invoice_amount: 0 },
      credit: 0,
    });
  });

  it("to another interval begins a new period on that day", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "yearly", 900_000, { intervalUnit: "year" });
    expect(await change(tools, "yearly")).toMatchObject({
      change: { charge: 855_000, next: { from: "2028-06-16" } },
    });
    expect((await invoices(db)).at(-1)).toMatchObject({
      kind: "change",
      index: 1,
      start: "2027-06-16",
      end: "2028-06-16",
    });
    await payAll(tools);
    // Half a year later back to months: half of what was paid for the year goes back.
    await beatAt(tools, "2027-12-16T05:00:00Z");
    const back = await change(tools, "plan-of-s-1");
    // 183 of 366 days of 900.000, less a month.
    expect(back).toMatchObject({ change: { credit: 360_000, next: { from: "2028-01-16" } } });
    for (const month of ["01", "02", "03", "04", "05"]) await beatAt(tools, `2028-${month}-16T05:00:00Z`);
    expect((await invoices(db)).map((row) => row["amount"])).toEqual([90_000, 855_000, 0, 0, 0, 0, 90_000]);
  });

  it("to a shorter interval bills days of the old period anew, whose invoice says from when on", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "weekly", 60_000, { intervalUnit: "week" });
    await change(tools, "weekly");
    await payAll(tools);
    for (const day of ["23", "30"]) await beatAt(tools, `2027-06-${day}T05:00:00Z`);
    expect(
      await db.query(`select bills_on::text as on, cut_on::text as cut from invoices order by 1`),
    ).toEqual([
      { on: "2027-06-01", cut: "2027-06-16" },
      { on: "2027-06-16", cut: null },
      { on: "2027-06-23", cut: null },
      { on: "2027-06-30", cut: null },
    ]);
    expect(await db.query(`select kind from exceptions`)).toEqual([]);
  });

  it("takes credit and what was carried over along, and carries on what is too small to charge", async () => {
    const tools = await inJune();
    const { db } = tools;
    await db.query(`update subscriptions set credit = 27000, rollover = 5000`);
    await planOf(db, "gold", 150_000);
    expect(await change(tools, "gold")).toMatchObject({
      change: {
        charge: 30_000,
        invoice_amount: 0,
        lines: [{}, {}, { amount: 5_000 }, { amount: -27_000 }, {}],
      },
      credit: 0,
      rollover: 8_000,
    });
    await beatAt(tools, "2027-07-01T05:00:00Z");
    expect((await invoices(db)).at(-1)).toMatchObject({ amount: 158_000 });
  });

  it("gives back of a discounted period what was paid, of a refunded one what was kept, of a void one nothing", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "gold", 150_000);
    const gives = async () =>
      ((await change(tools, "gold", {}, true))["change"] as { charge: number }).charge;
    expect(await gives()).toBe(30_000);
    await db.query(
      `insert into invoice_lines (invoice_id, number, kind, amount) select id, 2, 'discount', -18000 from invoices`,
    );
    expect(await gives()).toBe(75_000 - 36_000);
    await db.query(`update invoices set state = 'void', paid_at = null`);
    expect(await gives()).toBe(75_000);
    await db.query(`update invoices set state = 'uncollectible'`);
    expect(await gives()).toBe(75_000);
  });

  it("asks what was paid where no invoice says it, and only there", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "gold", 150_000);
    await expect(change(tools, "gold", { paid: 5 })).rejects.toThrow(/paid: invoice .* says what was paid/);
    await db.query(`delete from invoice_lines`);
    await db.query(`delete from decisions`);
    await db.query(`delete from invoices`);
    await expect(change(tools, "gold")).rejects.toThrow(
      "paid: there is no invoice for 2027-06-01 to 2027-07-01",
    );
    expect(await change(tools, "gold", { paid: 90_000 })).toMatchObject({ change: { charge: 30_000 } });
  });

  it("on the day a period ends, in a trial, or after the last period bills no zero days", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "gold", 150_000);
    await db.query(`update clock set at = '2027-07-01T05:00:00Z'`);
    expect(await change(tools, "gold")).toMatchObject({
      change: { lines: [], charge: 0, invoice: null, from: "2027-07-01" },
    });
    await beatAt(tools, "2027-07-01T05:00:00Z");
    expect((await invoices(db)).at(-1)).toMatchObject({ amount: 150_000, on: "2027-07-01" });
    await storeSubscription(db, "s-2", {
      state: "trialing",
      nextInvoiceAt: at("2027-08-01T05:00:00Z"),
      terms: { trialEndsOn: "2027-08-01" },
    });
    const answer = await order(tools, "s-2", "change-plan", { plan: "gold", at: "now" });
    expect(answer).toMatchObject({ state: "trialing", change: { lines: [], from: "2027-08-01" } });
  });

  it("in the last period is charged, and the subscription is completed as it would have been", async () => {
    const tools = await inJune({ terms: { cycles: 1 } });
    const { db } = tools;
    await planOf(db, "gold", 150_000);
    await planOf(db, "almost", 96_000);
    // Rp 3.000 is too little to charge, and no later invoice takes it.
    expect(await change(tools, "almost", {}, true)).toMatchObject({
      change: { invoice_amount: 3_000, next: null },
    });
    expect(await change(tools, "gold")).toMatchObject({ change: { invoice_amount: 30_000, next: null } });
    await payAll(tools);
    await beatAt(tools, "2027-07-02T05:00:00Z");
    expect(await stands(db)).toMatchObject({ state: "completed" });
    expect(await invoices(db)).toHaveLength(2);
  });

  it("of too little in the last period waits for a person, with an exception", async () => {
    const tools = await inJune({ terms: { cycles: 1 } });
    const { db } = tools;
    await planOf(db, "almost", 96_000);
    await change(tools, "almost");
    expect(await db.query(`select waiting_for, next_action_at from invoices where kind = 'change'`)).toEqual([
      { waiting_for: "person", next_action_at: null },
    ]);
    expect(await db.query(`select kind, amount::int from exceptions`)).toEqual([
      { kind: "below_minimum", amount: 3_000 },
    ]);
  });

  it("is refused while the invoice in hand is open, late periods wait, or the day is not of the period", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "gold", 150_000);
    await expect(change(tools, "gold", { on: "2027-06-17" })).rejects.toThrow(
      "on: must not be after 2027-06-16",
    );
    await expect(change(tools, "gold", { on: "2027-05-31" })).rejects.toThrow(
      "on: 2027-05-31 is not in the period",
    );
    await expect(change(tools, "gold", { at: "next_period", on: "2027-06-16" })).rejects.toThrow(
      "leave on and paid out",
    );
    await db.query(
      `update invoices set state = 'open', paid_at = null, closed_at = null, waiting_for = 'customer'`,
    );
    await expect(change(tools, "gold")).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringMatching(/^invoice [0-9a-f-]{36} for 2027-06-01 to 2027-07-01 is not paid yet/),
    });
    await db.query(`update clock set at = '2027-07-03T05:00:00Z'`);
    for (const when of ["now", "next_period"])
      await expect(change(tools, "gold", { at: when })).rejects.toThrow("the period from 2027-07-01 is late");
    expect(await db.query(`select id from subscription_changes`)).toEqual([]);
  });

  it("to a plan that the customer has already is asked about; an archived one and a day that weeks do not have are refused", async () => {
    const tools = await inJune();
    const { db } = tools;
    const [{ id } = { id: "" }] = await db.query<{ id: string }>(
      `select customer_id as id from subscriptions`,
    );
    await storeSubscription(db, "s-2", { customerId: id as never });
    await expect(change(tools, "plan-of-s-2")).rejects.toThrow("has the subscription s-2 to plan-of-s-2");
    await change(tools, "plan-of-s-2", { allow_second: true });
    await planOf(db, "old", 5_000);
    await db.query(`update plans set archived_at = now() where code = 'old'`);
    await expect(change(tools, "old")).rejects.toThrow("old is archived");
    await planOf(db, "weekly", 25_000, { intervalUnit: "week" });
    await expect(change(tools, "weekly", { billing_day: 5 })).rejects.toThrow(
      "billing_day: periods of weeks are counted from the first day",
    );
  });

  it("withdraws the price changes that were planned for the old plan, and says so", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "gold", 150_000);
    await db.query(
      `insert into price_changes (subscription_id, effective_on, plan_version_id)
       select id, d::date, plan_version_id from subscriptions, unnest(array['2027-05-01', '2027-09-01']) d`,
    );
    await change(tools, "gold", { at: "next_period" });
    expect(await db.query(`select subscription_id from price_changes`)).toEqual([]);
    expect(
      await db.query(`select kind, details ->> 'effective_on' as on from subscription_changes order by id`),
    ).toEqual([
      { kind: "price_change_withdrawn", on: "2027-09-01" },
      { kind: "plan_changed", on: null },
    ]);
    await beatAt(tools, "2027-07-01T05:00:00Z");
    expect((await invoices(db)).at(-1)).toMatchObject({ kind: "period", amount: 150_000 });
  });
});

describe("a plan change at the next period", () => {
  it("bills nothing now, and the next period at the new price on the old day", async () => {
    const tools = await inJune();
    const { db } = tools;
    await planOf(db, "weekly", 25_000, { intervalUnit: "week" });
    expect(await change(tools, "weekly", { at: "next_period" })).toMatchObject({
      change: {
        from: "2027-07-01",
        lines: [],
        invoice: null,
        next: { from: "2027-07-01", to: "2027-07-08" },
      },
    });
    for (const day of ["01", "08"]) await beatAt(tools, `2027-07-${day}T05:00:00Z`);
    expect((await invoices(db)).slice(-2)).toMatchObject([
      { on: "2027-07-01", amount: 25_000 },
      { on: "2027-07-08", amount: 25_000 },
    ]);
  });

  it("takes a newly chosen billing day with a short first period", async () => {
    const tools = await inJune();
    await planOf(tools.db, "gold", 150_000);
    expect(await change(tools, "gold", { at: "next_period", billing_day: 11 })).toMatchObject({
      change: { next: { from: "2027-07-01", to: "2027-07-11", amount: 50_000 } },
      billing_day: 11,
    });
  });
});

describe("two at once", () => {
  it("two clerks change a plan once, and the second is told what is in the way", async () => {
    const tools = await inJune();
    await planOf(tools.db, "gold", 150_000);
    const both = await Promise.allSettled([change(tools, "gold"), change(tools, "gold")]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect(await invoices(tools.db)).toHaveLength(2);
  });

  it("a change and the opening of the next period bill each day once, whoever is first", async () => {
    for (let round = 0; round < 8; round += 1) {
      const tools = await inJune();
      const { db } = tools;
      await planOf(db, "gold", 150_000);
      await db.query(`update clock set at = '2027-07-01T05:00:00Z'`);
      const [changed] = await Promise.allSettled([
        change(tools, "gold"),
        openDueInvoices(tools, 10),
        openDueInvoices(tools, 10),
      ]);
      await openDueInvoices(tools, 10);
      const july = (await invoices(db)).slice(1);
      expect(july).toMatchObject([
        { kind: "period", on: "2027-07-01", amount: changed.status === "fulfilled" ? 150_000 : 90_000 },
      ]);
      expect(await stands(db)).toMatchObject({ index: 2, credit: rupiah(0) });
    }
  });
});
