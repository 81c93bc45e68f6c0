import { pino } from "pino";
import { afterAll, expect } from "vitest";
import { openHouseDatabase } from "../../src/app/schema.ts";
import { policyBook } from "../../src/dunning/policy-book.flow.ts";
import { insertAttempts, saveAttempts } from "../../src/invoices/attempt.store.ts";
import type { Attempt } from "../../src/invoices/attempt.ts";
import type { DecideTools } from "../../src/invoices/collect-tools.ts";
import { insertDecisions } from "../../src/invoices/decision.store.ts";
import { loadFacts, lockInvoices } from "../../src/invoices/facts.store.ts";
import type { Facts } from "../../src/invoices/facts.ts";
import { insertInvoices, type NewInvoice } from "../../src/invoices/new-invoice.store.ts";
import { attemptReference, invoiceId } from "../../src/invoices/reference.ts";
import { insertRequests } from "../../src/invoices/request.store.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { setTurnedClock, turnedClock } from "../../src/platform/clock.ts";
import { brokenConstraint, type Database } from "../../src/platform/database.ts";
import type { Subscription } from "../../src/subscriptions/subscription.ts";
import { freshDatabaseUrl } from "../support/db.ts";
import { plainPolicy } from "../support/plain-policy.ts";
import { NOON, type RoomsDatabase, storeSubscription } from "../support/rooms.ts";

const MINUTE_MS = 60_000;

/** Children before parents. */
const TABLES = [
  ...["refund_evidence", "refund_requests", "refunds", "pay_pages", "manual_payments"],
  ...["evidence", "requests", "payment_attempts", "decisions", "invoice_lines", "invoices"],
  ...["price_changes", "plan_migrations", "subscription_discounts", "subscription_changes"],
  ...["subscriptions", "bindings", "wallet_requests", "customers", "plan_versions", "plans"],
  ...["exceptions", "stops", "clock", "wire_calls", "inbox", "dunning_policies", "dunning_holidays"],
] as const;

let ofFile: Promise<RoomsDatabase> | null = null;
afterAll(async () => (await ofFile)?.close());

/** The database of this test file, emptied: a tenth of what a new one costs, and as empty. */
export async function emptyDatabase(): Promise<RoomsDatabase> {
  ofFile ??= openRooms();
  const db = await ofFile;
  await db.begin(async (tx) => {
    for (const table of TABLES) await tx.query(`delete from ${table}`);
  });
  return db;
}

async function openRooms(): Promise<RoomsDatabase> {
  const db = await openHouseDatabase(await freshDatabaseUrl(), "test", 6);
  return { ...db, query: (sql, parameters) => db.begin((tx) => tx.query(sql, parameters)) };
}

/** What deciding needs, over an empty database whose clock stands at noon. */
export async function decideTools(): Promise<DecideTools & { readonly db: RoomsDatabase }> {
  const db = await emptyDatabase();
  await moveClock(db, NOON);
  const ladder = [65_000, 5 * MINUTE_MS, 15 * MINUTE_MS];
  const policy = plainPolicy({ zone: "Asia/Jakarta", window: null, inquiryLadderMs: ladder });
  return {
    db,
    clock: turnedClock,
    policy,
    policies: policyBook(policy),
    log: pino({ level: "silent" }),
    notFoundBlindMs: 0,
    minCharge: 10_000,
  };
}

export async function moveClock(db: Database, at: Instant): Promise<void> {
  await db.begin((tx) => setTurnedClock(tx, at));
}

/** A running subscription whose next period is due at noon, with plan and customer. */
export function activeSubscription(
  db: Database,
  name: string,
  more: Parameters<typeof storeSubscription>[2] = {},
): Promise<Subscription> {
  return storeSubscription(db, name, { state: "active", nextInvoiceAt: NOON, ...more });
}

/** An invoice for one period of a subscription: 30 days from 2027-03-10 on, and so forth; due at noon. */
export function newInvoice(of: Subscription, more: Partial<NewInvoice> = {}): NewInvoice {
  const periodIndex = more.periodIndex ?? 0;
  const issueNumber = more.issueNumber ?? 0;
  const start = NOON.plus({ days: 30 * periodIndex });
  return {
    id: invoiceId(of.id, "period", periodIndex, issueNumber),
    subscriptionId: of.id,
    customerId: of.customerId,
    planVersionId: of.planVersionId,
    periodIndex,
    issueNumber,
    periodStart: start.toISODate(),
    periodEnd: start.plus({ days: 30 }).toISODate(),
    billsOn: start.toISODate(),
    kind: "period",
    amount: of.terms.amount,
    nextActionAt: NOON,
    waitingFor: null,
    lines: [{ kind: "period", amount: more.amount ?? of.terms.amount, note: "" }],
    ...more,
  };
}

/** Stores an invoice of a new active subscription, or of the one given. */
export async function storeInvoice(
  db: Database,
  name = "s-1",
  more: Partial<NewInvoice> & { readonly of?: Subscription } = {},
): Promise<InvoiceId> {
  const { of, ...change } = more;
  const subscription = of ?? (await activeSubscription(db, name));
  const invoice = newInvoice(subscription, change);
  await db.begin((tx) => insertInvoices(tx, [invoice], NOON));
  return invoice.id;
}

/** Stores attempt `number` with a decision and one request, then what `change` says of it. */
export async function storeAttempt(
  db: Database,
  invoice: InvoiceId,
  change: Partial<Attempt> = {},
): Promise<{ readonly requestId: string }> {
  const number = change.number ?? 1;
  return db.begin(async (tx) => {
    const [decisionId = ""] = await insertDecisions(tx, [decision(invoice)], NOON);
    const reference = attemptReference(invoice, number);
    const amount = rupiah(99_000);
    await insertAttempts(
      tx,
      [{ invoiceId: invoice, number, reference, kind: "recurring", amount, decisionId }],
      NOON,
    );
    const externalId = `${number}0000`;
    const request = { invoiceId: invoice, attemptNumber: number, externalId, leaseNo: 0, body: "{}" };
    const [requestId = ""] = await insertRequests(tx, [request], NOON);
    const [locked] = await lockInvoices(tx, [invoice]);
    const [facts] = await loadFacts(tx, locked === undefined ? [] : [locked], NOON);
    const stored = facts?.attempts.find((attempt) => attempt.number === number) as Attempt;
    await saveAttempts(tx, [{ invoiceId: invoice, attempt: { ...stored, ...change } }]);
    return { requestId };
  });
}

export function decision(invoice: InvoiceId) {
  return {
    invoiceId: invoice,
    attemptNumber: null,
    rule: "charge",
    says: "for a test",
    facts: {},
    nextActionAt: null,
    policyVersion: 1,
  };
}

export async function factsOf(db: Database, id: InvoiceId, now: Instant = NOON): Promise<Facts> {
  return db.begin(async (tx) => {
    const [facts] = await loadFacts(tx, await lockInvoices(tx, [id]), now);
    return facts as Facts;
  });
}

/** The rule of the schema that `statement` breaks; null when it breaks none. What it did is rolled back. */
export async function broken(
  db: RoomsDatabase,
  statement: string,
  parameters: readonly unknown[] = [],
): Promise<string | null> {
  const undo = new Error("undo");
  try {
    await db.begin(async (tx) => {
      await tx.query(statement, parameters);
      throw undo;
    });
  } catch (error) {
    return error === undo ? null : brokenConstraint(error);
  }
  return null;
}

/** Expects each statement to break the rule it stands under. */
export async function expectBroken(
  db: RoomsDatabase,
  cases: readonly (readonly [rule: string, statement: string])[],
): Promise<void> {
  const found: [string | null, string][] = [];
  for (const [, statement] of cases) found.push([await broken(db, statement), statement]);
  expect(found).toEqual(cases);
}

/** Holds the rows that `sql` locks until `work` has ended. */
export async function whileLocked<T>(
  db: Database,
  sql: string,
  parameters: readonly unknown[],
  work: () => Promise<T>,
): Promise<T> {
  return db.begin(async (tx) => {
    await tx.query(sql, parameters);
    return work();
  });
}
