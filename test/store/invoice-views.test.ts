import { describe, expect, test } from "vitest";
import { insertEvidence } from "../../src/invoices/evidence.store.ts";
import {
  type InvoiceFilter,
  listInvoices,
  viewAttempts,
  viewDecisions,
  viewInvoice,
} from "../../src/invoices/invoice-view.store.ts";
import { attemptReference } from "../../src/invoices/reference.ts";
import { NotFoundError } from "../../src/kernel/errors.ts";
import { randomUuid } from "../../src/platform/random.ts";
import { NOON, type RoomsDatabase } from "../support/rooms.ts";
import { activeSubscription, emptyDatabase, storeAttempt, storeInvoice } from "./invoice-rows.ts";

describe("the list of invoices", () => {
  test("is newest first and goes on after the last row seen, also where dates are equal", async () => {
    const db = await emptyDatabase();
    const of = await activeSubscription(db, "s-1");
    for (const periodIndex of [0, 1, 2]) await storeInvoice(db, "s-1", { of, periodIndex });
    await storeInvoice(db, "s-2", { periodIndex: 2 });
    const seen: string[] = [];
    for (let after: string | null = null; ; ) {
      const rows = await list(db, { limit: 1, after });
      const [row] = rows;
      seen.push(`${row?.["bills_on"]}`);
      after = `${row?.["bills_on"]}/${row?.["id"]}`;
      if (rows.length < 2) break;
    }
    expect(seen).toEqual(["2027-05-09", "2027-05-09", "2027-04-09", "2027-03-10"]);
  });

  test.each([
    [{ state: "void" }, ["s-2"]],
    [{ from: "2027-04-01" }, ["s-3"]],
    [{ to: "2027-03-31" }, ["s-1", "s-2"]],
    [{ plan: "plan-of-s-1" }, ["s-1"]],
    [{ customer: "customer-of-s-2" }, ["s-2"]],
    [{ subscription: "s-3" }, ["s-3"]],
    [{ subscription: "s-3", state: "paid" }, []],
    [{}, ["s-1", "s-2", "s-3"]],
  ] as const)("with %o shows %o", async (filter, expected) => {
    const db = await emptyDatabase();
    await storeInvoice(db, "s-1");
    const gone = await storeInvoice(db, "s-2");
    await storeInvoice(db, "s-3", { periodIndex: 1 });
    await db.query(`update invoices set state = 'void', closed_at = now() where id = $1`, [gone]);
    expect((await list(db, filter)).map((row) => row["subscription"]).sort()).toEqual(expected);
  });
});

describe("one invoice", () => {
  test("shows its lines, dates as text and money as a number", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    expect(await db.begin((tx) => viewInvoice(tx, id))).toMatchObject({
      id,
      subscription: "s-1",
      customer: "customer-of-s-1",
      plan: "plan-of-s-1",
      period_start: "2027-03-10",
      amount: 99_000,
      lines: [{ number: 1, kind: "period", amount: 99_000 }],
    });
  });

  test("that does not exist is not found", async () => {
    const db = await emptyDatabase();
    const looking = db.begin((tx) => viewInvoice(tx, randomUuid()));
    await expect(looking).rejects.toThrow(NotFoundError);
  });

  test("shows its attempts with what was sent and heard, and every decision, oldest first", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id, { state: "failed", closedAt: NOON });
    await storeAttempt(db, id, { number: 2 });
    const about = { invoiceId: id, attemptNumber: 2, reference: attemptReference(id, 2) };
    const verdict = { kind: "accepted", code: "2005400", gatewayReference: "G1" } as const;
    const raw = { httpStatus: 200, body: "{}" };
    const news = {
      ...about,
      source: "answer",
      verdict,
      raw,
      requestId: null,
      leaseNo: 1,
      realMsSinceSent: 0,
    } as const;
    await db.begin((tx) => insertEvidence(tx, [news], NOON));
    expect(await db.begin((tx) => viewAttempts(tx, id))).toMatchObject([
      { number: 1, state: "failed", amount: 99_000, requests: [{ external_id: "10000" }], evidence: [] },
      {
        number: 2,
        state: "requested",
        evidence: [{ source: "answer", status: "2005400", verdict: "accepted" }],
      },
    ]);
    const decisions = await db.begin((tx) => viewDecisions(tx, id));
    expect(decisions.map((row) => row["rule"])).toEqual(["charge", "charge"]);
  });
});

function list(db: RoomsDatabase, filter: Partial<InvoiceFilter>) {
  return db.begin((tx) => listInvoices(tx, { limit: 50, after: null, ...filter }));
}
