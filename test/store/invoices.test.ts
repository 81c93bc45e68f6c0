import { describe, expect, test } from "vitest";
import { lockDueInvoices, lockInvoices } from "../../src/invoices/facts.store.ts";
import {
  askAgain,
  countAsked,
  findInvoicesToRing,
  type LeaseChange,
  parkInvoice,
  type RingCursor,
  saveInvoices,
  wakeWaitingForMethod,
  withoutArrears,
} from "../../src/invoices/invoice.store.ts";
import type { Invoice } from "../../src/invoices/invoice.ts";
import { countVoidedPeriods, insertInvoices } from "../../src/invoices/new-invoice.store.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { brokenConstraint } from "../../src/platform/database.ts";
import { NOON, type RoomsDatabase } from "../support/rooms.ts";
import {
  activeSubscription,
  broken,
  emptyDatabase,
  expectBroken,
  factsOf,
  newInvoice,
  storeAttempt,
  storeInvoice,
  whileLocked,
} from "./invoice-rows.ts";

const LATER = NOON.plus({ hours: 1 });

describe("the schema refuses", () => {
  test("an invoice that says nothing of its state, kind, amount, period or wait", async () => {
    const db = await emptyDatabase();
    await storeInvoice(db);
    const set = (change: string) => `update invoices set ${change}`;
    await expectBroken(db, [
      ["invoices_kind_known", set("kind = 'gift'")],
      ["invoices_state_known", set("state = 'done', closed_at = now()")],
      ["invoices_waiting_known", set("waiting_for = 'godot'")],
      ["invoices_amount_not_negative", set("amount = -1")],
      ["invoices_period_not_empty", set("period_end = period_start")],
      ["invoices_open_is_attended", set("next_action_at = null")],
      ["invoices_paid_says_when", set("state = 'paid', closed_at = now()")],
      ["invoices_paid_says_when", set("paid_at = now()")],
      ["invoices_closed_says_when", set("state = 'void'")],
      ["invoices_closed_says_when", set("closed_at = now()")],
    ]);
    expect(await broken(db, set("next_action_at = null, waiting_for = 'method'"))).toBeNull();
    expect(await broken(db, set("next_action_at = null, state = 'void', closed_at = now()"))).toBeNull();
  });

  test("a second invoice for a period, and one that overlaps another", async () => {
    const db = await emptyDatabase();
    const of = await activeSubscription(db, "s-1");
    await storeInvoice(db, "s-1", { of });
    const again = { of, issueNumber: 1 };
    const elsewhere = { periodStart: "2027-08-01", periodEnd: "2027-08-31" };
    await expect(storeInvoice(db, "s-1", { ...again, ...elsewhere })).rejects.toSatisfy(
      (error) => brokenConstraint(error) === "invoices_one_per_period",
    );
    const overlap = { of, periodIndex: 1, periodStart: "2027-04-08", periodEnd: "2027-05-09" };
    await expect(storeInvoice(db, "s-1", overlap)).rejects.toSatisfy(
      (error) => brokenConstraint(error) === "invoices_periods_do_not_overlap",
    );
    // The next period begins on the day on which this one ends.
    await storeInvoice(db, "s-1", { ...overlap, periodStart: "2027-04-09" });
  });
});

describe("opening an invoice", () => {
  test("twice is one invoice with one line, due when it was said", async () => {
    const db = await emptyDatabase();
    const of = await activeSubscription(db, "s-1");
    await storeInvoice(db, "s-1", { of });
    await db.query(`update invoices set next_action_at = $1`, [LATER.toJSDate()]);
    const id = await storeInvoice(db, "s-1", { of });
    expect((await factsOf(db, id)).invoice).toMatchObject({ state: "open", amount: 99_000 });
    expect((await factsOf(db, id)).invoice.nextActionAt).toEqual(LATER);
    expect(await db.query(`select number, kind, amount::int from invoice_lines`)).toEqual([
      { number: 1, kind: "period", amount: 99_000 },
    ]);
  });

  test("of zero rupiah pays it at once: nobody is asked for nothing", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db, "s-1", { amount: rupiah(0) });
    const [row] = await db.query(`select state, next_action_at, paid_at, closed_at from invoices`);
    const at = NOON.toJSDate();
    expect(row).toEqual({ state: "paid", next_action_at: null, paid_at: at, closed_at: at });
    expect(await due(db, [id])).toEqual([]);
  });

  test("again after a void is another invoice for the same period", async () => {
    const db = await emptyDatabase();
    const of = await activeSubscription(db, "s-1");
    const first = await storeInvoice(db, "s-1", { of });
    const period = [{ id: of.id, index: 0 }];
    expect(await db.begin((tx) => countVoidedPeriods(tx, period))).toEqual([0]);
    await db.query(`update invoices set state = 'void', closed_at = now(), next_action_at = null`);
    expect(await db.begin((tx) => countVoidedPeriods(tx, period))).toEqual([1]);
    expect(await storeInvoice(db, "s-1", { of, issueNumber: 1 })).not.toBe(first);
    // A change is not limited to one a period.
    const copy = `insert into invoices (id, subscription_id, customer_id, plan_version_id, kind, period_index,
        period_start, period_end, bills_on, amount, next_action_at, created_at)
      select gen_random_uuid(), subscription_id, customer_id, plan_version_id, 'change', period_index, period_start,
             period_end, bills_on, amount, now(), created_at from invoices where state = 'open'`;
    expect(await broken(db, copy)).toBeNull();
  });

  test("in a set opens all, and none when one of them may not be", async () => {
    const db = await emptyDatabase();
    const of = await activeSubscription(db, "s-1");
    const good = newInvoice(of);
    const bad = newInvoice(of, { periodIndex: 1, periodStart: "2027-03-20", periodEnd: "2027-04-20" });
    await expect(db.begin((tx) => insertInvoices(tx, [good, bad], NOON))).rejects.toThrow(/overlap/);
    expect(await db.query(`select id from invoices`)).toEqual([]);
    await db.begin((tx) => insertInvoices(tx, [good, newInvoice(of, { periodIndex: 1 })], NOON));
    expect(await db.query(`select id from invoices`)).toHaveLength(2);
  });
});

describe("a worker is given", () => {
  test("only invoices that are due, in the order of their ids", async () => {
    const db = await emptyDatabase();
    const ids = await storeInvoices(db, 4);
    await ofManyCustomers(db);
    await db.query(`update invoices set next_action_at = $2 where id = $1`, [ids[0], LATER.toJSDate()]);
    expect(await due(db, ids)).toEqual(ids.slice(1).sort());
    expect(await due(db, ids, LATER)).toEqual([...ids].sort());
    expect(await due(db, [])).toEqual([]);
  });

  test("of one customer's invoices the oldest, and the next one when that is neither due nor being collected", async () => {
    const db = await emptyDatabase();
    const ids = await storeInvoices(db, 2);
    const [old = "", young] = ids;
    await db.query(`update invoices set bills_on = bills_on - 1 where id = $1`, [old]);
    expect(await due(db, ids)).toEqual([old]);
    await change(db, old as InvoiceId, {}, { kind: "take", leaseMs: 60_000 });
    expect(await due(db, ids)).toEqual([]);
    await db.query(`update invoices set next_action_at = $2, leased_until = null where id = $1`, [
      old,
      LATER.toJSDate(),
    ]);
    expect(await due(db, ids)).toEqual([young]);
    await ofManyCustomers(db);
    expect(await due(db, ids, LATER)).toEqual([...ids].sort());
  });

  test("no invoice that another one has leased, until the lease is over", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await change(db, id, {}, { kind: "take", leaseMs: 60_000 });
    expect(await due(db, [id])).toEqual([]);
    await db.query(`update invoices set leased_until = clock_timestamp()`);
    expect(await due(db, [id])).toEqual([id]);
  });

  test("no invoice that another transaction holds, and does not wait for it", async () => {
    const db = await emptyDatabase();
    const ids = await storeInvoices(db, 2);
    await ofManyCustomers(db);
    const [held, free] = ids;
    const lock = `select id from invoices where id = $1 for update`;
    await whileLocked(db, lock, [held], async () => expect(await due(db, ids)).toEqual([free]));
    expect(await due(db, ids)).toEqual([...ids].sort());
  });

  test("what it must record even if somebody holds it: then it waits", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    let waited: Promise<Invoice[]> = Promise.resolve([]);
    await whileLocked(db, `update invoices set dunning_step = 7 where id = $1`, [id], async () => {
      waited = db.begin((tx) => lockInvoices(tx, [id]));
    });
    expect(await waited).toMatchObject([{ id, dunningStep: 7 }]);
  });
});

describe("a lease", () => {
  test("is taken for real time under the next number", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await change(db, id, {}, { kind: "take", leaseMs: 90_000 });
    expect(await leaseOf(db)).toEqual({ no: 1, seconds: 90 });
    await change(db, id, {}, { kind: "take", leaseMs: 30_000 });
    expect(await leaseOf(db)).toEqual({ no: 2, seconds: 30 });
  });

  test("is given back only by the worker that has it", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await change(db, id, {}, { kind: "take", leaseMs: 90_000 });
    await change(db, id, {}, { kind: "take", leaseMs: 90_000 });
    await change(db, id, {}, { kind: "release", leaseNo: 1 });
    expect(await leaseOf(db)).toEqual({ no: 2, seconds: 90 });
    await change(db, id, {}, { kind: "keep" });
    expect(await leaseOf(db)).toEqual({ no: 2, seconds: 90 });
    await change(db, id, {}, { kind: "release", leaseNo: 2 });
    expect(await leaseOf(db)).toEqual({ no: 2, seconds: null });
  });
});

describe("saving an invoice", () => {
  test("brings back everything that a decision may change", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    const changed = {
      nextActionAt: LATER,
      retryAt: NOON.plus({ days: 1 }) as Instant,
      waitingFor: "person",
      firstFailedAt: NOON,
      dunningStep: 2,
      requestsUsed: 3,
      notSentCount: 4,
      balanceFailures: 5,
      configRefusals: 6,
      askedAt: NOON,
      endReason: "exhausted",
    } as const;
    await change(db, id, changed);
    expect((await factsOf(db, id)).invoice).toEqual({ ...(await factsOf(db, id)).invoice, ...changed });
  });

  test("as paid says when, once", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await change(db, id, { state: "paid", nextActionAt: null });
    await change(db, id, { state: "paid", nextActionAt: null }, { kind: "keep" }, LATER);
    const at = NOON.toJSDate();
    expect(await db.query(`select paid_at, closed_at from invoices`)).toEqual([
      { paid_at: at, closed_at: at },
    ]);
  });

  test("saves a set, and nothing for an empty one", async () => {
    const db = await emptyDatabase();
    const ids = await storeInvoices(db, 3);
    await db.begin((tx) => saveInvoices(tx, [], NOON));
    await db.begin(async (tx) => {
      const invoices = await lockInvoices(tx, ids);
      const changes = invoices.map((invoice, index) => ({ ...invoice, dunningStep: index + 1 }));
      await saveInvoices(
        tx,
        changes.map((invoice) => ({ invoice, lease: { kind: "keep" } })),
        NOON,
      );
    });
    expect((await db.begin((tx) => lockInvoices(tx, ids))).map((row) => row.dunningStep)).toEqual([1, 2, 3]);
  });
});

describe("a beat finds", () => {
  test("every due invoice once, page by page, also where many are due at the same moment", async () => {
    const db = await emptyDatabase();
    const ids = await storeInvoices(db, 7);
    await db.query(`update invoices set next_action_at = $2 where id = $1`, [
      ids[6],
      NOON.minus({ hours: 1 }).toJSDate(),
    ]);
    const found: RingCursor[] = [];
    for (let after: RingCursor | null = null; ; ) {
      const cursor: RingCursor | null = after;
      const page: RingCursor[] = await db.begin((tx) => findInvoicesToRing(tx, NOON, 2, cursor));
      found.push(...page);
      after = page.at(-1) ?? null;
      if (page.length < 2) break;
    }
    expect(found.map(({ id }) => id)).toEqual([ids[6], ...ids.slice(0, 6).sort()]);
  });

  test("neither what is due later nor what is leased, and does not wait for what is locked", async () => {
    const db = await emptyDatabase();
    const [later = "", leased = "", locked] = await storeInvoices(db, 3);
    await db.query(`update invoices set next_action_at = $2 where id = $1`, [later, LATER.toJSDate()]);
    await change(db, leased as InvoiceId, {}, { kind: "take", leaseMs: 60_000 });
    await whileLocked(db, `select id from invoices where id = $1 for update`, [locked], async () =>
      expect(await db.begin((tx) => findInvoicesToRing(tx, NOON, 9, null))).toMatchObject([{ id: locked }]),
    );
  });
});

describe("an invoice that cannot be saved", () => {
  test("is parked for a person and leaves the machine's hands", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await change(db, id, {}, { kind: "take", leaseMs: 60_000 });
    await db.begin((tx) => parkInvoice(tx, id, LATER));
    expect((await factsOf(db, id)).invoice).toMatchObject({ waitingFor: "person", nextActionAt: null });
    expect(await leaseOf(db)).toEqual({ no: 1, seconds: null });
  });

  test("is parked with a time while an attempt of it may take money", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id, { state: "unknown" });
    await db.begin((tx) => parkInvoice(tx, id, LATER));
    expect((await factsOf(db, id)).invoice.nextActionAt).toEqual(LATER);
  });
});

describe("a person's wish", () => {
  test("makes an open invoice due now, is counted, and leaves the lease alone", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await change(db, id, { waitingFor: "customer", nextActionAt: null }, { kind: "take", leaseMs: 60_000 });
    expect(await db.begin((tx) => countAsked(tx, id))).toBe(0);
    await db.begin((tx) => askAgain(tx, id, LATER));
    expect((await factsOf(db, id)).invoice).toMatchObject({ waitingFor: null, endReason: null });
    expect((await factsOf(db, id)).invoice.nextActionAt).toEqual(LATER);
    expect(await db.begin((tx) => countAsked(tx, id))).toBe(1);
    expect(await leaseOf(db)).toEqual({ no: 1, seconds: 60 });
  });

  test("does not open a closed invoice", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await change(db, id, { state: "void", nextActionAt: null });
    await db.begin((tx) => askAgain(tx, id, LATER));
    expect((await factsOf(db, id)).invoice.nextActionAt).toBeNull();
  });
});

test("a new wallet wakes what waited for one, of that customer only", async () => {
  const db = await emptyDatabase();
  const of = await activeSubscription(db, "s-1");
  const waiting = await storeInvoice(db, "s-1", { of });
  const held = await storeInvoice(db, "s-1", { of, periodIndex: 1 });
  const strange = await storeInvoice(db, "s-2");
  for (const id of [waiting, strange]) await change(db, id, { waitingFor: "method", nextActionAt: null });
  await change(db, held, { waitingFor: "hold", nextActionAt: null });
  expect(await db.begin((tx) => wakeWaitingForMethod(tx, of.customerId, LATER))).toEqual([waiting]);
  expect(await due(db, [waiting, held, strange], LATER)).toEqual([waiting]);
});

test("a subscription is out of arrears when no open invoice of it is in dunning", async () => {
  const db = await emptyDatabase();
  const [good, late] = [await activeSubscription(db, "s-1"), await activeSubscription(db, "s-2")];
  await storeInvoice(db, "s-1", { of: good });
  await change(db, await storeInvoice(db, "s-2", { of: late }), { firstFailedAt: NOON });
  const without = (ids: (typeof good.id)[]) => db.begin((tx) => withoutArrears(tx, ids));
  expect(await without([good.id, late.id])).toEqual([good.id]);
  expect(await without([])).toEqual([]);
});

/** Gives each invoice a customer of its own: those of one customer are collected one after another. */
async function ofManyCustomers(db: RoomsDatabase): Promise<void> {
  await db.query(`update invoices set customer_id = gen_random_uuid()`);
}

async function storeInvoices(db: RoomsDatabase, count: number): Promise<InvoiceId[]> {
  const of = await activeSubscription(db, "many");
  const invoices = Array.from({ length: count }, (_, periodIndex) => newInvoice(of, { periodIndex }));
  await db.begin((tx) => insertInvoices(tx, invoices, NOON));
  return invoices.map(({ id }) => id);
}

async function due(db: RoomsDatabase, ids: readonly InvoiceId[], now: Instant = NOON): Promise<InvoiceId[]> {
  return (await db.begin((tx) => lockDueInvoices(tx, ids, now))).map(({ id }) => id);
}

async function change(
  db: RoomsDatabase,
  id: InvoiceId,
  to: Partial<Invoice>,
  lease: LeaseChange = { kind: "keep" },
  now: Instant = NOON,
): Promise<void> {
  await db.begin(async (tx) => {
    const [invoice] = await lockInvoices(tx, [id]);
    await saveInvoices(tx, [{ invoice: { ...(invoice as Invoice), ...to }, lease }], now);
  });
}

/** The only lease there is, in whole seconds from now. */
async function leaseOf(db: RoomsDatabase) {
  const [row] = await db.query(
    `select lease_no as no, ceil(extract(epoch from leased_until - clock_timestamp()))::int as seconds
       from invoices order by leased_until nulls last limit 1`,
  );
  return row;
}
