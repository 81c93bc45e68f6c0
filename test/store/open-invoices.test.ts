import { describe, expect, test } from "vitest";
import { openDueInvoices } from "../../src/invoices/open-invoices.flow.ts";
import { invoiceId } from "../../src/invoices/reference.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Database } from "../../src/platform/database.ts";
import { at, NOON, type RoomsDatabase, storeSubscription } from "../support/rooms.ts";
import { activeSubscription, decideTools, moveClock } from "./invoice-rows.ts";

const PAGE = 500;

describe("opening what is due", () => {
  test("makes the period's invoice under the name it will always have, and moves the schedule on", async () => {
    const tools = await decideTools();
    const { db } = tools;
    const { id } = await activeSubscription(db, "s-1");
    expect((await openDueInvoices(tools, PAGE)).claimed).toBe(1);
    expect(await invoices(db)).toEqual([
      {
        id: invoiceId(id, "period", 0, 0),
        index: 0,
        start: "2027-03-10",
        end: "2027-04-10",
        bills_on: "2027-03-10",
        amount: 99_000,
        state: "open",
        due: NOON.toJSDate(),
      },
    ]);
    // Midnight of 10 April in Jakarta.
    expect(await schedule(db)).toEqual({ index: 1, at: at("2027-04-09T17:00Z").toJSDate(), state: "active" });
    expect((await openDueInvoices(tools, PAGE)).claimed).toBe(0);
  });

  test("makes the same invoice again when the last commits were lost", async () => {
    const tools = await decideTools();
    const { db } = tools;
    await activeSubscription(db, "s-1");
    await openDueInvoices(tools, PAGE);
    const [before] = await invoices(db);
    await db.query(`delete from invoice_lines`);
    await db.query(`delete from invoices`);
    await db.query(`update subscriptions set next_index = 0, next_invoice_at = $1`, [NOON.toJSDate()]);
    await openDueInvoices(tools, PAGE);
    expect(await invoices(db)).toEqual([before]);
  });

  test("does nothing twice when only the schedule was lost", async () => {
    const tools = await decideTools();
    const { db } = tools;
    await activeSubscription(db, "s-1");
    await openDueInvoices(tools, PAGE);
    await db.query(`update subscriptions set next_index = 0, next_invoice_at = $1`, [NOON.toJSDate()]);
    expect((await openDueInvoices(tools, PAGE)).claimed).toBe(1);
    expect(await invoices(db)).toHaveLength(1);
    expect(await schedule(db)).toMatchObject({ index: 1 });
  });

  test("by many at once opens each invoice once", async () => {
    const tools = await decideTools();
    const { db } = tools;
    const names = Array.from({ length: 8 }, (_, index) => `s-${index}`);
    for (const name of names) await activeSubscription(db, name);
    const claimed = await Promise.all(
      [1, 2, 3, 4].map(async () => (await openDueInvoices(tools, 3)).claimed),
    );
    while ((await openDueInvoices(tools, 3)).claimed > 0) claimed.push(0);
    expect(await invoices(db)).toHaveLength(names.length);
    expect(await db.query(`select id from exceptions`)).toEqual([]);
  });

  test("of the period after a voided one issues it anew, under another name", async () => {
    const tools = await decideTools();
    const { db } = tools;
    const { id } = await activeSubscription(db, "s-1");
    await openDueInvoices(tools, PAGE);
    await db.query(`update invoices set state = 'void', closed_at = now(), next_action_at = null`);
    await db.query(`update subscriptions set next_index = 0, next_invoice_at = $1`, [NOON.toJSDate()]);
    await openDueInvoices(tools, PAGE);
    expect(await invoices(db)).toMatchObject(
      [
        { id: invoiceId(id, "period", 0, 0), state: "void" },
        { id: invoiceId(id, "period", 0, 1), state: "open" },
      ].sort((a, b) => (a.id < b.id ? -1 : 1)),
    );
  });

  test("ends a trial", async () => {
    const tools = await decideTools();
    await activeSubscription(tools.db, "s-1", { state: "trialing" });
    await openDueInvoices(tools, PAGE);
    expect(await schedule(tools.db)).toMatchObject({ state: "active", index: 1 });
  });
});

describe("what is billed", () => {
  test("for a short first period is in proportion, and its line says which days", async () => {
    const tools = await decideTools();
    const { db } = tools;
    await activeSubscription(db, "s-1", { terms: { billingDay: 1, amount: rupiah(99_000) } });
    await openDueInvoices(tools, PAGE);
    // 22 of the 31 days from 10 March until 1 April.
    expect(await invoices(db)).toMatchObject([{ start: "2027-03-10", end: "2027-04-01", amount: 70_258 }]);
    expect(await lines(db)).toEqual([{ kind: "proration", amount: 70_258, note: "22 of 31 days of 99000" }]);
  });

  test("of zero rupiah is paid without an attempt, and the next period is planned", async () => {
    const tools = await decideTools();
    const { db } = tools;
    await activeSubscription(db, "s-1");
    await db.query(`update plan_versions set amount = 1`);
    // One rupiah over one day of 31 rounds to nothing.
    await db.query(`update subscriptions set start_on = '2027-03-31', billing_day = 1`);
    await moveClock(db, at("2027-03-31T05:00Z"));
    await openDueInvoices(tools, PAGE);
    expect(await invoices(db)).toMatchObject([{ amount: 0, state: "paid", due: null }]);
    expect(await schedule(db)).toMatchObject({ index: 1 });
    expect(await db.query(`select rule, says from decisions`)).toEqual([
      {
        rule: "opening.nothing_to_charge",
        says: "nothing is left to charge (proration Rp 0): paid without an attempt",
      },
    ]);
  });
});

describe("a subscription whose periods are over", () => {
  test("is completed, and nothing more is opened", async () => {
    const tools = await decideTools();
    const { db } = tools;
    await activeSubscription(db, "s-1", { nextIndex: 3, terms: { cycles: 3 } });
    expect((await openDueInvoices(tools, PAGE)).claimed).toBe(1);
    expect(await invoices(db)).toEqual([]);
    expect(await schedule(db)).toEqual({ index: 3, at: null, state: "completed" });
    expect(await db.query(`select ended_at, end_reason from subscriptions`)).toEqual([
      { ended_at: NOON.toJSDate(), end_reason: "its last period is over" },
    ]);
  });

  test("and is past due is not completed before its debt is settled", async () => {
    const tools = await decideTools();
    const { db } = tools;
    await activeSubscription(db, "s-1", { state: "past_due", nextIndex: 3, terms: { cycles: 3 } });
    await openDueInvoices(tools, PAGE);
    expect(await schedule(db)).toEqual({ index: 3, at: null, state: "past_due" });
  });
});

describe("a subscription that is behind", () => {
  test("catches up one month a day, the oldest first, until it is level", async () => {
    const tools = await decideTools();
    const { db } = tools;
    await activeSubscription(db, "s-1", { terms: { startOn: "2027-01-01" } });
    expect(await openedPerDay(tools, 5)).toEqual([1, 1, 1, 0, 0]);
    expect((await invoices(db)).map(({ start }) => start).sort()).toEqual([
      "2027-01-01",
      "2027-02-01",
      "2027-03-01",
    ]);
  });

  test("by days catches up two a day, or it would never draw level", async () => {
    const tools = await decideTools();
    const { db } = tools;
    const interval = { unit: "day", count: 1 } as const;
    await activeSubscription(db, "s-1", { terms: { startOn: "2027-03-07", interval } });
    // Behind are the 7th, 8th and 9th; every day brings one of its own.
    expect(await openedPerDay(tools, 6)).toEqual([2, 2, 2, 1, 1, 1]);
  });
});

describe("a poisoned subscription", () => {
  test("is parked with an exception and tried again in an hour; its neighbours go through", async () => {
    const tools = await decideTools();
    const { db } = tools;
    for (const name of ["s-1", "s-2", "s-3"]) await activeSubscription(db, name);
    // Somebody wrote an invoice for this period under another name: opening it again would charge twice.
    const { id } = await storeSubscription(db, "poison", {
      state: "active",
      nextInvoiceAt: NOON.minus({ hours: 1 }),
    });
    await db.query(
      `insert into invoices (id, subscription_id, customer_id, plan_version_id, period_index, period_start,
              period_end, bills_on, amount, waiting_for, created_at)
       select gen_random_uuid(), id, customer_id, plan_version_id, 0, '2027-03-10', '2027-04-10', '2027-03-10', 1,
              'person', now() from subscriptions where id = $1`,
      [id],
    );
    expect((await openDueInvoices(tools, PAGE)).claimed).toBe(4);
    expect(await invoices(db)).toHaveLength(4);
    const [exception, ...others] = await db.query(`select kind, subject, says from exceptions`);
    expect(others).toEqual([]);
    expect(exception).toEqual({
      kind: "parked",
      subject: `${id}/0`,
      says: expect.stringMatching(/cannot be opened: .*invoices_(one_per_period|periods_do_not_overlap)/),
    });
    const [row] = await db.query(
      `select next_invoice_at as at, next_index as index from subscriptions where id = $1`,
      [id],
    );
    expect(row).toEqual({ at: NOON.plus({ hours: 1 }).toJSDate(), index: 0 });
    expect((await openDueInvoices(tools, PAGE)).claimed).toBe(0);
  });
});

async function openedPerDay(tools: Awaited<ReturnType<typeof decideTools>>, days: number): Promise<number[]> {
  const opened: number[] = [];
  for (let day = 0; day < days; day += 1) {
    await moveClock(tools.db, NOON.plus({ days: day }));
    const before = (await invoices(tools.db)).length;
    // More beats than can do anything: a claim of nothing due ends them.
    for (let beat = 0; beat < 5; beat += 1) await openDueInvoices(tools, PAGE);
    opened.push((await invoices(tools.db)).length - before);
  }
  return opened;
}

type Row = { id: string; start: string };

function invoices(db: Database): Promise<Row[]> {
  return db.begin((tx) =>
    tx.query<Row>(
      `select id, period_index as index, period_start::text as start, period_end::text as end,
              bills_on::text as bills_on, amount::int, state, next_action_at as due from invoices order by id`,
    ),
  );
}

function lines(db: RoomsDatabase) {
  return db.query(`select kind, amount::int, note from invoice_lines order by invoice_id`);
}

async function schedule(db: RoomsDatabase) {
  const [row] = await db.query(`select next_index as index, next_invoice_at as at, state from subscriptions`);
  return row;
}
