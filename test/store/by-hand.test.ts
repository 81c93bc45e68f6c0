import { describe, expect, it } from "vitest";
import { lockCustomers } from "../../src/customers/customer.store.ts";
import { lockForPerson } from "../../src/invoices/close-by-hand.flow.ts";
import { lockInvoices } from "../../src/invoices/facts.store.ts";
import { saveInvoices } from "../../src/invoices/invoice.store.ts";
import { listInvoices } from "../../src/invoices/invoice-view.store.ts";
import { findManualPayment, insertManualPayment } from "../../src/invoices/manual-payment.store.ts";
import { invoiceId } from "../../src/invoices/reference.ts";
import { findReissuable, insertReissue } from "../../src/invoices/reissue.store.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { until } from "../../src/platform/timer.ts";
import { takeCredit } from "../../src/subscriptions/credit.store.ts";
import { markActive, markPastDue } from "../../src/subscriptions/subscription.store.ts";
import { NOON, type RoomsDatabase } from "../support/rooms.ts";
import { activeSubscription, emptyDatabase, expectBroken, storeInvoice } from "./invoice-rows.ts";

const payment = (invoice: InvoiceId) => ({
  invoiceId: invoice,
  amount: rupiah(99_000),
  paidOn: "2027-03-10",
  proof: "BCA 0001",
  reason: "a transfer",
  forced: false,
  recordedBy: "sari",
});

describe("the database refuses", () => {
  it("a second payment by hand in force, one of nothing, and a half-told reversal", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await db.begin((tx) => insertManualPayment(tx, payment(id), NOON));
    const columns = "invoice_id, amount, paid_on, proof, reason, recorded_by, recorded_at";
    const insert = (more: string, values: string) =>
      `insert into manual_payments (${columns}${more}) values ('${id}', ${values})`;
    await expectBroken(db, [
      ["manual_payments_one_in_force", insert("", `1, '2027-03-10', 'x', 'x', 'x', now()`)],
      ["manual_payments_amount_positive", insert("", `0, '2027-03-10', 'x', 'x', 'x', now()`)],
      ["manual_payments_proof_not_empty", insert("", `1, '2027-03-10', '', 'x', 'x', now()`)],
      [
        "manual_payments_reversed_says_who",
        insert(", reversed_at", `1, '2027-03-10', 'x', 'x', 'x', now(), now()`),
      ],
    ]);
    await db.query(
      `update manual_payments set reversed_at = now(), reversed_by = 'x', reversal_reason = 'x'`,
    );
    expect(await db.begin((tx) => findManualPayment(tx, id))).toBeNull();
    await db.begin((tx) => insertManualPayment(tx, payment(id), NOON));
  });

  it("what collecting goes back to on an open invoice, and two invoices in the place of one", async () => {
    const db = await emptyDatabase();
    const of = await activeSubscription(db, "s-1");
    const [first, second, third] = [
      await storeInvoice(db, "s-1", { of }),
      await storeInvoice(db, "s-1", { of, periodIndex: 1 }),
      await storeInvoice(db, "s-1", { of, periodIndex: 2 }),
    ];
    await db.query(`update invoices set reissue_of = $1 where id = $2`, [first, second]);
    await expectBroken(db, [
      ["invoices_resume_when_closed", `update invoices set resume_at = now() where id = '${first}'`],
      [
        "invoices_resume_when_closed",
        `update invoices set resume_waiting_for = 'person' where id = '${first}'`,
      ],
      ["invoices_reissued_once", `update invoices set reissue_of = '${first}' where id = '${third}'`],
    ]);
  });
});

describe("issuing again", () => {
  it("counts names per kind, and sees who bills the days already", async () => {
    const db = await emptyDatabase();
    const of = await activeSubscription(db, "s-1");
    const id = await storeInvoice(db, "s-1", { of });
    const look = () => db.begin((tx) => findReissuable(tx, id));
    expect(await look()).toMatchObject({ kind: "period", issueNumber: 0, reissuedAs: null, billedBy: id });
    await db.query(`update invoices set state = 'void', closed_at = now(), next_action_at = null`);
    expect(await look()).toMatchObject({ issueNumber: 1, reissuedAs: null, billedBy: null });
    const again = invoiceId(of.id, "period", 0, 1);
    await db.begin((tx) => insertReissue(tx, { of: id, id: again, issueNumber: 1, credit: 9_000 }, NOON));
    expect(await look()).toMatchObject({ issueNumber: 1, reissuedAs: again, billedBy: again });
    expect(
      await db.query(`select number, kind, amount from invoice_lines where invoice_id = $1 order by number`, [
        again,
      ]),
    ).toEqual([
      { number: 1, kind: "period", amount: "99000" },
      { number: 2, kind: "credit", amount: "-9000" },
    ]);
    expect(await db.query(`select amount, state, issue_number from invoices where id = $1`, [again])).toEqual(
      [{ amount: "90000", state: "open", issue_number: 1 }],
    );
  });

  it("takes no more credit than there is, and never the same twice", async () => {
    const db = await emptyDatabase();
    const { id } = await activeSubscription(db, "s-1", { credit: rupiah(0) });
    await db.query(`update subscriptions set credit = 30000`);
    const taken = await Promise.all(
      [20_000, 20_000, 20_000].map((most) => db.begin((tx) => takeCredit(tx, id, most))),
    );
    expect([...taken].sort((a, b) => b - a)).toEqual([20_000, 10_000, 0]);
    expect(await db.query(`select credit from subscriptions`)).toEqual([{ credit: "0" }]);
  });
});

describe("locks", () => {
  it("a person's order waits for whoever acts on the customer, and holds no invoice meanwhile", async () => {
    const db = await emptyDatabase();
    const of = await activeSubscription(db, "s-1");
    const id = await storeInvoice(db, "s-1", { of });
    let runs = 0;
    let ended: Promise<unknown> = Promise.resolve();
    await db.begin(async (tx) => {
      // As a cancel does it: customer, subscription, invoices.
      await lockCustomers(tx, [of.customerId]);
      await tx.query(`select id from subscriptions where id = $1 for no key update`, [of.id]);
      ended = db.begin(async (other) => {
        runs += 1;
        const { invoice } = await lockForPerson(other, id, NOON);
        await saveInvoices(other, [{ invoice, lease: { kind: "keep" } }], NOON);
        await markPastDue(other, [of.id]);
      });
      await until("the order waits", 10_000, async () => (await waiters(db)) === 1);
      await lockInvoices(tx, [id]);
    });
    await ended;
    expect(runs).toBe(1);
  });

  it("a person's order and the record of a payment take the same rows in the same order", async () => {
    const db = await emptyDatabase();
    const of = await activeSubscription(db, "s-1");
    const id = await storeInvoice(db, "s-1", { of });
    let runs = 0;
    const ordered = () =>
      db.begin(async (tx) => {
        runs += 1;
        await lockForPerson(tx, id, NOON);
        await markPastDue(tx, [of.id]);
      });
    const recorded = () =>
      db.begin(async (tx) => {
        runs += 1;
        await lockInvoices(tx, [id]);
        await markActive(tx, [of.id]);
      });
    for (let round = 0; round < 10; round += 1)
      await Promise.all([ordered(), recorded(), ordered(), recorded()]);
    expect(runs).toBe(40);
  });
});

async function waiters(db: RoomsDatabase): Promise<number> {
  const [row] = await db.query<{ waiting: number }>(
    `select count(*)::int as waiting from pg_stat_activity
      where datname = current_database() and wait_event_type = 'Lock'`,
  );
  return row?.waiting ?? 0;
}

describe("the list", () => {
  it("shows open invoices by what they wait for", async () => {
    const db = await emptyDatabase();
    for (const name of ["s-1", "s-2", "s-3"]) await storeInvoice(db, name);
    await db.query(
      `update invoices i set waiting_for = 'person', next_action_at = null
         from subscriptions s where s.id = i.subscription_id and s.reference = 's-2'`,
    );
    await db.query(
      `update invoices i set waiting_for = 'person', state = 'void', closed_at = now()
         from subscriptions s where s.id = i.subscription_id and s.reference = 's-3'`,
    );
    const rows = await db.begin((tx) => listInvoices(tx, { waitingFor: "person", limit: 10, after: null }));
    expect(rows.map((row) => row["subscription"])).toEqual(["s-2"]);
  });
});
