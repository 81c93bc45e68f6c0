import { expect, test } from "vitest";
import { attemptReference } from "../../src/invoices/reference.ts";
import type { InvoiceId, Reference } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Database, Tx } from "../../src/platform/database.ts";
import { brokenConstraint } from "../../src/platform/database.ts";
import { randomUuid } from "../../src/platform/random.ts";
import {
  findRefundFacts,
  findRefundSums,
  insertRefund,
  lockDueRefunds,
  lockRefund,
  saveRefund,
  sumAsked,
} from "../../src/refunds/refund.store.ts";
import { refundId, refundReference } from "../../src/refunds/refund-reference.ts";
import {
  findRefundAge,
  findRefundBody,
  findRefundsToRing,
  insertRefundEvidence,
  insertRefundRequest,
  ringRefundsOf,
  saveRefundRequests,
} from "../../src/refunds/refund-request.store.ts";
import { listRefunds, viewRefund } from "../../src/refunds/refund-view.store.ts";
import { NOON } from "../support/rooms.ts";
import { emptyDatabase, storeAttempt, storeInvoice } from "./invoice-rows.ts";

async function storeRefund(db: Database, invoiceId: InvoiceId, number = 1, amount = 50_000) {
  const refundRef = refundReference(attemptReference(invoiceId, 1) as Reference, number);
  const refund = {
    id: refundId(refundRef),
    invoiceId,
    attemptNumber: 1,
    number,
    refundReference: refundRef,
    amount: rupiah(amount),
    reason: "asked",
    requestedBy: "sari",
  };
  await db.begin((tx) => insertRefund(tx, refund, NOON));
  return refund;
}

async function paidInvoice(db: Database) {
  const id = await storeInvoice(db);
  await storeAttempt(db, id);
  return id;
}

const settle = (db: Database, id: string, state: string) =>
  db.query(`update refunds set state = $2, closed_at = now(), next_action_at = null where id = $1`, [
    id,
    state,
  ]);

async function broken(work: Promise<unknown>): Promise<string | null> {
  return work.then(
    () => null,
    (error: unknown) => brokenConstraint(error),
  );
}

test("a refund is named by its payment and its number, the same after a lost commit", () => {
  const reference = attemptReference("0b9d3c70-3f5c-5c0f-8f7e-0f4f0a1b2c3d" as InvoiceId, 2);
  expect(refundReference(reference, 1)).toBe(`${reference}-R1`);
  expect(refundReference(reference, 999).length).toBeLessThanOrEqual(64);
  expect(refundId("A-1-R1")).toBe(refundId("A-1-R1"));
  expect(refundId("A-1-R1")).not.toBe(refundId("A-1-R2"));
});

test("a payment has one live refund, and a reference is used once", async () => {
  const db = await emptyDatabase();
  const invoice = await paidInvoice(db);
  const first = await storeRefund(db, invoice);
  expect(await broken(storeRefund(db, invoice, 2))).toBe("refunds_one_live");
  await settle(db, first.id, "declined");
  await storeRefund(db, invoice, 2);
  const renamed = db.query(`update refunds set refund_reference = $1 where number = 2`, [
    first.refundReference,
  ]);
  expect(await broken(renamed)).toBe("refunds_reference_unique");
});

test.each([
  ["refunds_state_known", `update refunds set state = 'gone'`],
  ["refunds_amount_positive", `update refunds set amount = 0`],
  ["refunds_closed_says_when", `update refunds set state = 'refunded'`],
  ["refunds_review_says_why", `update refunds set state = 'review'`],
  ["refunds_live_is_attended", `update refunds set next_action_at = null`],
  ["refunds_reference_fits", `update refunds set refund_reference = 'a b'`],
])("%s holds", async (constraint, sql) => {
  const db = await emptyDatabase();
  await storeRefund(db, await paidInvoice(db));
  expect(await broken(db.query(sql))).toBe(constraint);
});

test("sums count what is live and what is done, not what was refused", async () => {
  const db = await emptyDatabase();
  const invoice = await paidInvoice(db);
  const first = await storeRefund(db, invoice, 1, 10_000);
  await settle(db, first.id, "refunded");
  const second = await storeRefund(db, invoice, 2, 20_000);
  await settle(db, second.id, "declined");
  const third = await storeRefund(db, invoice, 3, 5_000);
  expect(await db.begin((tx) => findRefundSums(tx, invoice))).toEqual([
    { attemptNumber: 1, lastNumber: 3, asked: 15_000, live: third.refundReference },
  ]);
  expect(await db.begin((tx) => sumAsked(tx, invoice, 1))).toBe(15_000);
  expect(await db.begin((tx) => findRefundSums(tx, randomUuid() as InvoiceId))).toEqual([]);
});

test("a refund comes back as it was saved, with its requests; a lease keeps others away", async () => {
  const db = await emptyDatabase();
  const { id } = await storeRefund(db, await paidInvoice(db));
  const requestId = await db.begin((tx) =>
    insertRefundRequest(tx, { refundId: id, externalId: "1", leaseNo: 1, body: "{}" }, NOON),
  );
  const lock = (tx: Tx) => lockDueRefunds(tx, [id], NOON);
  const [due] = await db.begin(lock);
  expect(due).toMatchObject({
    state: "requested",
    requests: [{ id: requestId, state: "written", code: null }],
  });
  if (due === undefined) throw new Error("it is due");
  const changed = { ...due, state: "unknown", inquiries: 2, certain: true, lastSentAt: NOON } as const;
  await db.begin((tx) => saveRefund(tx, changed, { kind: "take", leaseMs: 60_000 }));
  expect(await db.begin(lock)).toEqual([]);
  expect(await findRefundsToRing(db, NOON, 10)).toEqual([]);
  expect(await db.begin((tx) => lockRefund(tx, id))).toEqual({ ...changed, leaseNo: 1 });
  // A release under another number leaves the lease alone.
  await db.begin((tx) => saveRefund(tx, changed, { kind: "release", leaseNo: 7 }));
  expect(await db.begin(lock)).toEqual([]);
  await db.begin((tx) => saveRefund(tx, changed, { kind: "release", leaseNo: 1 }));
  expect(await findRefundsToRing(db, NOON, 10)).toEqual([id]);
  expect(await db.begin((tx) => lockRefund(tx, randomUuid() as typeof id))).toBeNull();
});

test("an answer that was held is never forgotten, and a re-send repeats the first bytes", async () => {
  const db = await emptyDatabase();
  const { id } = await storeRefund(db, await paidInvoice(db));
  const write = (externalId: string, body: string) =>
    db.begin((tx) => insertRefundRequest(tx, { refundId: id, externalId, leaseNo: 1, body }, NOON));
  expect(await db.begin((tx) => findRefundBody(tx, id))).toBeNull();
  expect(await findRefundAge(db, id)).toBe(0);
  const requestId = await write("1", "first");
  await write("2", "second");
  expect(await db.begin((tx) => findRefundBody(tx, id))).toBe("first");
  const row = { id: requestId, externalId: "1", code: "4035802" } as const;
  await db.begin((tx) => saveRefundRequests(tx, [{ ...row, state: "refused" }]));
  await db.begin((tx) => saveRefundRequests(tx, [{ ...row, state: "unsent", code: "late" }]));
  expect((await db.begin((tx) => lockRefund(tx, id)))?.requests).toMatchObject([
    { state: "refused", code: "4035802" },
    { state: "written" },
  ]);
  expect(await findRefundAge(db, id)).toBeGreaterThanOrEqual(0);
});

test("what surrounds a refund: its payment, and a stop in force", async () => {
  const db = await emptyDatabase();
  const invoice = await paidInvoice(db);
  const { id } = await storeRefund(db, invoice);
  const facts = () =>
    db.begin(async (tx) => {
      const refund = await lockRefund(tx, id);
      return refund === null ? [] : findRefundFacts(tx, [refund], NOON);
    });
  const reference = attemptReference(invoice, 1);
  expect(await facts()).toMatchObject([
    { payment: { reference, amount: 99_000 }, bindingId: null, stop: null },
  ]);
  await db.query(
    `insert into stops (scope, target, reason, set_by, set_at) values ('invoice', $1, 'wait', 'sari', now())`,
    [invoice],
  );
  expect(await facts()).toMatchObject([{ stop: { reason: "wait", endsAt: null } }]);
  await db.query(`update stops set lifted_at = now()`);
  expect(await facts()).toMatchObject([{ stop: null }]);
});

test("the gateway's word about a payment rings its refunds that were sent and are not done", async () => {
  const db = await emptyDatabase();
  const invoice = await paidInvoice(db);
  const { id } = await storeRefund(db, invoice);
  const ring = () => db.begin((tx) => ringRefundsOf(tx, [{ invoiceId: invoice, attemptNumber: 1 }], NOON));
  const inquireAt = async () => (await db.begin((tx) => lockRefund(tx, id)))?.inquireAt ?? null;
  await ring();
  expect(await inquireAt()).toBeNull();
  await db.query(`update refunds set last_sent_at = now(), next_action_at = 'infinity'`);
  await ring();
  expect(await inquireAt()).toEqual(NOON);
  expect(await findRefundsToRing(db, NOON, 10)).toEqual([id]);
});

test("people see a refund with what was heard, and lists page by page", async () => {
  const db = await emptyDatabase();
  const invoice = await paidInvoice(db);
  const first = await storeRefund(db, invoice, 1, 10_000);
  await settle(db, first.id, "refunded");
  const second = await storeRefund(db, invoice, 2, 20_000);
  const raw = { httpStatus: 200, body: "a\u0000b" };
  const verdict = { kind: "unknown", cause: "time-out" } as const;
  const told = { source: "answer", verdict, raw, requestId: null, realMsSinceSent: 0 } as const;
  await db.begin((tx) => insertRefundEvidence(tx, second, told, NOON));
  expect(await db.begin((tx) => viewRefund(tx, second.id))).toMatchObject({
    amount: 20_000,
    payment_reference: attemptReference(invoice, 1),
    evidence: [{ source: "answer", verdict: "unknown" }],
  });
  await expect(db.begin((tx) => viewRefund(tx, randomUuid()))).rejects.toThrow("there is no refund");
  const list = (filter: object) =>
    db.begin((tx) =>
      listRefunds(tx, { limit: 1, after: null, ...filter }).then((rows) => rows.map(({ id }) => id)),
    );
  expect(await list({})).toEqual([second.id, first.id]);
  const [newest] = await db.begin((tx) => listRefunds(tx, { limit: 1, after: null }));
  expect(await list({ after: `${newest?.["created"]}/${newest?.["refund_reference"]}` })).toEqual([first.id]);
  expect(await list({ state: "refunded", invoice })).toEqual([first.id]);
  expect(await list({ invoice: randomUuid() })).toEqual([]);
});
