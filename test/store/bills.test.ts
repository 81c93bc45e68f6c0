import { describe, expect, test } from "vitest";
import { openDueInvoices } from "../../src/invoices/open-invoices.flow.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Discount } from "../../src/subscriptions/discount.ts";
import { wakeAt } from "../../src/subscriptions/wake-at.ts";
import { type Billed, beat, liveUntil, openedInvoices, storeBilled } from "../support/billing.ts";
import { at, NOON, type RoomsDatabase } from "../support/rooms.ts";
import { someTerms } from "../unit/subscription-builders.ts";
import { decideTools, whileLocked } from "./invoice-rows.ts";

const PAGE = 500;
const MONTHLY = someTerms("2027-03-10", "month");
const percent = (percent: number, more: Partial<Discount> = {}): Discount => ({
  off: { kind: "percent", percent },
  fromIndex: 0,
  periods: null,
  ...more,
});

async function houseWith(...all: readonly (Partial<Billed> & Pick<Billed, "terms">)[]) {
  const tools = await decideTools();
  const named = all.map((each, number): Billed => {
    const reference = `s-${number + 1}`;
    return { reference, customer: `customer of ${reference}`, zone: "Asia/Jakarta", ...each };
  });
  await storeBilled(tools.db, named, NOON, null);
  return { ...tools, open: () => openDueInvoices(tools, PAGE) };
}

function lines(db: RoomsDatabase) {
  return db.query(
    `select i.period_index as of, l.kind, l.amount::int, l.note
       from invoice_lines l join invoices i on i.id = l.invoice_id order by i.period_index, l.number`,
  );
}

function stands(db: RoomsDatabase) {
  return db.query(
    `select reference, state, credit::int, rollover::int, end_reason from subscriptions order by reference`,
  );
}

function changes(db: RoomsDatabase) {
  return db.query(`select kind, actor, reason, details from subscription_changes order by id`);
}

describe("an invoice", () => {
  test("has a line for each reason of its amount, and uses up what the customer is owed", async () => {
    const discounts = [
      percent(10),
      { off: { kind: "amount", amount: rupiah(9_100) }, fromIndex: 0, periods: 2 } as const,
    ];
    const { db, open } = await houseWith({ terms: MONTHLY, discounts, more: { credit: rupiah(30_000) } });
    await open();
    expect(await lines(db)).toEqual([
      { of: 0, kind: "period", amount: 99_000, note: "" },
      { of: 0, kind: "discount", amount: -9_900, note: "10 % off" },
      { of: 0, kind: "discount", amount: -9_100, note: "9100 off, 1 of 2" },
      { of: 0, kind: "credit", amount: -30_000, note: "credit used" },
    ]);
    expect(await openedInvoices(db)).toMatchObject([{ amount: 50_000, lines: 50_000, state: "open" }]);
    expect(await stands(db)).toMatchObject([{ credit: 0 }]);
  });

  test("has the price of its first day, under the version that set it", async () => {
    const prices = [{ on: "2027-04-10", amount: 120_000 }];
    const tools = await houseWith({ terms: MONTHLY, prices });
    await liveUntil(tools, at("2027-05-20T00:00Z"));
    const rows = await tools.db.query(
      `select i.amount::int, v.number from invoices i join plan_versions v on v.id = i.plan_version_id
        order by i.period_index`,
    );
    expect(rows).toEqual([
      { amount: 99_000, number: 1 },
      { amount: 120_000, number: 2 },
      { amount: 120_000, number: 2 },
    ]);
  });

  test("that credit pays in full is paid without an attempt, and the rest is left for the next", async () => {
    const { db, open } = await houseWith({ terms: MONTHLY, more: { credit: rupiah(150_000) } });
    await open();
    expect(await openedInvoices(db)).toMatchObject([{ amount: 0, lines: 0, state: "paid" }]);
    expect(await stands(db)).toMatchObject([{ credit: 51_000 }]);
    expect(await db.query(`select rule, says from decisions`)).toEqual([
      {
        rule: "opening.nothing_to_charge",
        says: "nothing is left to charge (period Rp 99.000, credit -Rp 99.000): paid without an attempt",
      },
    ]);
  });

  test("too small to charge is carried over, until it is enough", async () => {
    const terms = someTerms("2027-03-10", "week", { amount: rupiah(4_000) });
    const tools = await houseWith({ terms });
    await liveUntil(tools, at("2027-03-26T00:00Z"));
    expect((await openedInvoices(tools.db)).map(({ amount, state }) => [amount, state])).toEqual([
      [0, "paid"],
      [0, "paid"],
      [12_000, "paid"],
    ]);
    expect(await stands(tools.db)).toMatchObject([{ rollover: 0 }]);
  });

  test("too small to charge and the last one waits for a person, with an exception", async () => {
    const terms = someTerms("2027-03-10", "week", { amount: rupiah(4_000), cycles: 2 });
    const tools = await houseWith({ terms });
    await liveUntil(tools, at("2027-04-20T00:00Z"));
    expect(
      await tools.db.query(`select amount::int, state, waiting_for from invoices order by period_index`),
    ).toEqual([
      { amount: 0, state: "paid", waiting_for: null },
      { amount: 8_000, state: "open", waiting_for: "person" },
    ]);
    expect(await tools.db.query(`select kind, amount::int, says from exceptions`)).toEqual([
      {
        kind: "below_minimum",
        amount: 8_000,
        says:
          "s-1: Rp 8.000 is left to pay, less than the least we charge (Rp 10.000), and no later invoice takes it: " +
          "mark it as paid when the money came another way, or write it off",
      },
    ]);
    expect(await stands(tools.db)).toMatchObject([{ state: "completed" }]);
  });

  test("of a calendar's short first period, in a trial before, is prorated after it", async () => {
    const terms = someTerms("2027-03-10", "month", { alignment: "calendar", trialEndsOn: "2027-03-22" });
    const tools = await houseWith({ terms, more: { state: "trialing" } });
    await liveUntil(tools, at("2027-04-02T00:00Z"));
    expect(await lines(tools.db)).toEqual([
      { of: 0, kind: "proration", amount: 31_935, note: "10 of 31 days of 99000" },
      { of: 1, kind: "period", amount: 99_000, note: "" },
    ]);
    expect(await stands(tools.db)).toMatchObject([{ state: "active" }]);
  });
});

describe("a subscription that is to end with its period", () => {
  test("is canceled when the next one would begin, and nothing more is opened", async () => {
    const tools = await houseWith({ terms: MONTHLY });
    await tools.open();
    await tools.db.query(`update subscriptions set cancel_at_period_end = true`);
    await liveUntil(tools, at("2027-06-20T00:00Z"));
    expect(await openedInvoices(tools.db)).toHaveLength(1);
    expect(await stands(tools.db)).toMatchObject([
      { state: "canceled", end_reason: "canceled at the end of the period" },
    ]);
    const [row] = await tools.db.query(`select ended_at, next_invoice_at from subscriptions`);
    expect(row).toEqual({
      ended_at: wakeAt("2027-04-10", "Asia/Jakarta", null).toJSDate(),
      next_invoice_at: null,
    });
    expect(await changes(tools.db)).toEqual([
      {
        kind: "canceled",
        actor: "house",
        reason: "canceled at the end of the period",
        details: { next_index: 1 },
      },
    ]);
  });

  test("or that is over with money left is an exception: a person gives it back", async () => {
    const more = { credit: rupiah(7_000), cancelAtPeriodEnd: true };
    const over = { terms: { ...MONTHLY, cycles: 1 }, nextIndex: 1, more: { rollover: rupiah(5_000) } };
    const { db, open } = await houseWith({ terms: MONTHLY, more }, over);
    await open();
    expect(await stands(db)).toMatchObject([{ state: "canceled" }, { state: "completed" }]);
    expect(await db.query(`select kind, says from exceptions order by says`)).toEqual([
      {
        kind: "left_over",
        says: "s-1 has ended: Rp 7.000 of credit is owed to the customer. Settle it by hand",
      },
      {
        kind: "left_over",
        says: "s-2 has ended: Rp 5.000 was carried over and never charged. Settle it by hand",
      },
    ]);
  });
});

describe("a catch-up that somebody chose", () => {
  test("says in the timeline which periods are never billed, and by what", async () => {
    const terms = someTerms("2027-01-10", "month");
    const tools = await houseWith({ terms, policy: "current_only" });
    await beat(tools);
    expect((await openedInvoices(tools.db)).map(({ start }) => start)).toEqual(["2027-03-10"]);
    expect(await changes(tools.db)).toMatchObject([
      {
        kind: "passed_over",
        actor: "house",
        details: { from: "2027-01-10", to: "2027-02-10", policy: "current_only" },
      },
      {
        kind: "passed_over",
        reason: "period 1 was over: never billed, by the catch-up policy current_only",
        details: { from: "2027-02-10", to: "2027-03-10" },
      },
    ]);
  });

  test("moves the anchor, and the next periods are counted from there", async () => {
    const terms = someTerms("2027-02-05", "month");
    const tools = await houseWith({ terms, policy: "shift_anchor" });
    await liveUntil(tools, at("2027-04-20T00:00Z"));
    expect((await openedInvoices(tools.db)).map(({ start, end }) => [start, end])).toEqual([
      ["2027-03-10", "2027-04-10"],
      ["2027-04-10", "2027-05-10"],
    ]);
    expect(await changes(tools.db)).toMatchObject([
      { kind: "passed_over", details: { from: "2027-02-05", to: "2027-03-10" } },
      { kind: "anchor_moved", actor: "house", details: { on: "2027-03-10", index: 0 } },
    ]);
  });
});

describe("several subscriptions of a customer", () => {
  const WEEKLY = someTerms("2027-03-01", "week");
  const together = { customer: "budi", terms: WEEKLY };
  /** Four periods are late on the 10th: two of each. */
  const twins = () => houseWith({ ...together, reference: "a" }, { ...together, reference: "b" });

  test("are caught up with one a day over all of them", async () => {
    const tools = await twins();
    await liveUntil(tools, at("2027-03-12T16:00Z"));
    expect((await openedInvoices(tools.db)).map(({ subscription, on }) => `${subscription} ${on}`)).toEqual([
      "a 2027-03-10",
      "b 2027-03-11",
      "a 2027-03-12",
    ]);
  });

  test("count what was opened today, also when one is looked at again", async () => {
    const tools = await twins();
    await tools.open();
    await tools.db.query(`update subscriptions set next_invoice_at = $1`, [NOON.toJSDate()]);
    expect((await tools.open()).claimed).toBe(2);
    expect(await openedInvoices(tools.db)).toHaveLength(1);
  });

  test("are left alone while another writer holds one of them, and nobody waits for it", async () => {
    const tools = await twins();
    await whileLocked(
      tools.db,
      `select from subscriptions where reference = 'b' for no key update`,
      [],
      async () => {
        expect(await tools.open()).toEqual({ claimed: 0, invoiceIds: [] });
        expect(await openedInvoices(tools.db)).toEqual([]);
      },
    );
    await tools.open();
    expect(await openedInvoices(tools.db)).toHaveLength(1);
  });

  test("by many tasks at once: never two late ones of a customer on one local day", async () => {
    const all = Array.from({ length: 60 }, (_, number) => ({
      customer: `c-${number % 15}`,
      reference: `s-${number}`,
      terms: someTerms("2027-03-01", "week", { billingDay: null }),
    }));
    const tools = await houseWith(...all);
    for (let day = 10; day < 16; day += 1) {
      await tools.db.query(`update clock set at = $1`, [at(`2027-03-${day}T05:00Z`).toJSDate()]);
      for (let round = 0; round < 6; round += 1) {
        await Promise.all(Array.from({ length: 5 }, () => openDueInvoices(tools, 7)));
      }
      // Two that had a customer's subscriptions between them both left it.
      await tools.open();
    }
    const invoices = await openedInvoices(tools.db);
    const late = invoices
      .filter(({ on, bills_on }) => on !== bills_on)
      .map(({ customer, on }) => `${customer} ${on}`);
    // Five days with something late for each of them, and on 15 March, a Monday, what is on its day.
    expect(late.length).toBe(new Set(late).size);
    expect(late).toHaveLength(15 * 5);
    expect(await tools.db.query(`select says from exceptions`)).toEqual([]);
  });

  test("one of which cannot be opened: it alone is parked", async () => {
    const own = { customer: "budi", terms: MONTHLY };
    const { db, open } = await houseWith(
      { ...own, reference: "a" },
      { ...own, reference: "b" },
      { ...own, reference: "c" },
    );
    await db.query(
      `insert into invoices (id, subscription_id, customer_id, plan_version_id, period_index, period_start,
              period_end, bills_on, amount, waiting_for, created_at)
       select gen_random_uuid(), id, customer_id, plan_version_id, 0, '2027-03-10', '2027-04-10', '2027-03-10', 1,
              'person', now() from subscriptions where reference = 'b'`,
    );
    expect((await open()).invoiceIds).toHaveLength(2);
    expect(
      await db.query(`select s.reference from exceptions e
       join subscriptions s on e.subject = s.id::text || '/0' where e.kind = 'parked'`),
    ).toEqual([{ reference: "b" }]);
    expect((await open()).claimed).toBe(0);
  });
});
