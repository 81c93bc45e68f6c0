import { createSecretKey, generateKeyPairSync, randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import { snapGateway } from "../../src/gateway/snap/gateway.ts";
import {
  findAttemptsByReference,
  insertAttempts,
  ringInquiries,
  saveAttempts,
} from "../../src/invoices/attempt.store.ts";
import type { Attempt } from "../../src/invoices/attempt.ts";
import type { CollectTools } from "../../src/invoices/collect-tools.ts";
import { insertDecisions } from "../../src/invoices/decision.store.ts";
import { attemptReference } from "../../src/invoices/reference.ts";
import { takeLeases } from "../../src/invoices/take-leases.flow.ts";
import { type Intent, writeIntents } from "../../src/invoices/write-intents.flow.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { brokenConstraint } from "../../src/platform/database.ts";
import { sharedPermits } from "../../src/platform/permits.ts";
import { realNow } from "../../src/platform/real-time.ts";
import { sealer } from "../../src/platform/secrets.ts";
import { NOON, type RoomsDatabase, storeBinding } from "../support/rooms.ts";
import {
  activeSubscription,
  broken,
  decideTools,
  decision,
  emptyDatabase,
  expectBroken,
  factsOf,
  storeAttempt,
  storeInvoice,
} from "./invoice-rows.ts";

const LIVE = ["requested", "pending", "unknown", "unsent", "review"] as const;

describe("the schema refuses", () => {
  test.each(LIVE)("a second attempt while one is %s: it may still take money", async (state) => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id, { state, reviewReason: state === "review" ? "for a test" : null });
    await expect(storeAttempt(db, id, { number: 2 })).rejects.toSatisfy(isSecondLive);
  });

  test("to revive one attempt beside another that is live", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id, { state: "failed", closedAt: NOON });
    await storeAttempt(db, id, { number: 2 });
    const revive = `update payment_attempts set state = 'unknown', closed_at = null where number = 1`;
    expect(await broken(db, revive)).toBe("payment_attempts_one_live");
  });

  test("an attempt that says nothing of its state, kind, amount, class or end", async () => {
    const db = await emptyDatabase();
    await storeAttempt(db, await storeInvoice(db));
    const set = (change: string) => `update payment_attempts set ${change}`;
    await expectBroken(db, [
      ["payment_attempts_state_known", set("state = 'lost'")],
      ["payment_attempts_kind_known", set("kind = 'gift'")],
      ["payment_attempts_amount_positive", set("amount = 0")],
      ["payment_attempts_class_known", set("decline_class = 'mood'")],
      ["payment_attempts_closed_says_when", set("state = 'failed'")],
      ["payment_attempts_closed_says_when", set("closed_at = now()")],
      ["payment_attempts_review_says_why", set("state = 'review'")],
      ["payment_attempts_reference_refundable", set("reference = 'has_underscore'")],
      ["payment_attempts_reference_refundable", set(`reference = '${"A".repeat(33)}'`)],
    ]);
  });

  test("a reference or a decision that another attempt has", async () => {
    const db = await emptyDatabase();
    const [one, two] = [await storeInvoice(db, "s-1"), await storeInvoice(db, "s-2")];
    await storeAttempt(db, one);
    await storeAttempt(db, two);
    const copy = (column: string) =>
      `update payment_attempts set ${column} = (select ${column} from payment_attempts where invoice_id = '${one}')
        where invoice_id = '${two}'`;
    await expectBroken(db, [
      ["payment_attempts_reference_unique", copy("reference")],
      ["payment_attempts_decision_unique", copy("decision_id")],
    ]);
  });
});

describe("an attempt", () => {
  test("comes back as it was saved", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    const { requestId } = await storeAttempt(db, id);
    const attempt: Attempt = {
      number: 1,
      reference: attemptReference(id, 1),
      kind: "recurring",
      amount: rupiah(99_000),
      state: "failed",
      declineClass: "funds",
      code: "4035414",
      message: "Insufficient Funds",
      gatewayReference: "G1",
      accepted: true,
      inquireAt: NOON,
      inquiries: 2,
      notFoundCount: 3,
      firstNotFoundAt: NOON.minus({ hours: 1 }),
      notFoundProved: true,
      refusalNoticedAt: NOON.minus({ hours: 2 }),
      resends: 1,
      reviewReason: "seen",
      lastSentAt: NOON.minus({ hours: 3 }),
      closedAt: NOON,
      refundAsked: rupiah(0),
      requests: [{ id: requestId, externalId: "10000", state: "written", code: null }],
    };
    await db.begin((tx) => saveAttempts(tx, [{ invoiceId: id, attempt }]));
    await db.begin((tx) => saveAttempts(tx, []));
    expect((await factsOf(db, id)).attempts).toEqual([attempt]);
  });

  test("is found by its reference; other references are left out", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id);
    const reference = attemptReference(id, 1);
    const found = await db.begin((tx) => findAttemptsByReference(tx, [reference, "NOT-OURS"]));
    expect(found).toEqual([{ reference, invoiceId: id, attemptNumber: 1 }]);
  });
});

describe("an inquiry that is asked for", () => {
  const ring = (db: RoomsDatabase, id: InvoiceId, now = NOON) =>
    db.begin((tx) => ringInquiries(tx, { invoiceId: id, attemptNumber: 1 }, now));

  test("waits until the gateway can know the payment, and brings the invoice forward to that", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db, "s-1", { nextActionAt: NOON.plus({ days: 3 }) });
    await storeAttempt(db, id);
    await ring(db, id);
    const first = NOON.plus({ seconds: 65 });
    const { invoice, attempts } = await factsOf(db, id);
    expect([invoice.nextActionAt, attempts[0]?.inquireAt]).toEqual([first, first]);
  });

  test("is made at once when the payment is old, also about a failed attempt of a paid invoice", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id, { state: "failed", closedAt: NOON, lastSentAt: NOON.minus({ days: 1 }) });
    await db.query(
      `update invoices set state = 'paid', paid_at = now(), closed_at = now(), next_action_at = null`,
    );
    await ring(db, id);
    const { invoice, attempts } = await factsOf(db, id);
    expect([invoice.nextActionAt, attempts[0]?.inquireAt]).toEqual([NOON, NOON]);
  });

  test("does not put off what is due earlier", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id);
    await ring(db, id, NOON.plus({ hours: 1 }));
    expect((await factsOf(db, id)).invoice.nextActionAt).toEqual(NOON);
  });
});

describe("writing down a charge", () => {
  test("twice in one set begins no attempt at all", async () => {
    const { tools, id, intent } = await leased();
    await expect(writeIntents(tools, [intent, intent])).rejects.toThrow(/duplicate key/);
    expect((await factsOf(tools.db, id)).attempts).toEqual([]);
    expect(await writeIntents(tools, [intent])).toMatchObject([{ kind: "go", attemptNumber: 1 }]);
  });

  test("by two workers that believe in the same lease goes once", async () => {
    const { tools, id, intent } = await leased();
    const answers = await Promise.all([writeIntents(tools, [intent]), writeIntents(tools, [intent])]);
    expect(answers.map(([answer]) => answer?.kind).sort()).toEqual(["go", "overtaken"]);
    expect((await factsOf(tools.db, id)).attempts).toMatchObject([{ number: 1, state: "requested" }]);
  });

  test("under a lease that another worker has taken since is lost", async () => {
    const { tools, id, intent } = await leased();
    await tools.db.begin((tx) =>
      tx.query(`update invoices set leased_until = clock_timestamp() - interval '1 second'`),
    );
    expect((await takeLeases(tools, [id])).leased).toMatchObject([{ leaseNo: intent.leaseNo + 1 }]);
    expect(await writeIntents(tools, [intent])).toEqual([{ kind: "lost" }]);
    expect((await factsOf(tools.db, id)).attempts).toEqual([]);
  });

  test("of an invoice that was voided meanwhile is overtaken: what committed first wins", async () => {
    const { tools, id, intent } = await leased();
    await tools.db.begin((tx) => tx.query(`update invoices set state = 'void', closed_at = now()`));
    expect(await writeIntents(tools, [intent])).toEqual([
      { kind: "overtaken", says: "nothing leaves: the invoice is void" },
    ]);
    expect((await factsOf(tools.db, id)).attempts).toEqual([]);
  });

  test("leaves attempt, decision and request rows that name each other before anything is sent", async () => {
    const { tools, id, intent } = await leased();
    const [go] = await writeIntents(tools, [intent]);
    const reference = attemptReference(id, 1);
    expect(go).toMatchObject({ kind: "go", reference, externalId: expect.stringMatching(/^\d{1,36}$/) });
    const { attempts } = await factsOf(tools.db, id);
    expect(attempts).toMatchObject([{ reference, requests: [{ state: "written" }] }]);
    const rows = await tools.db.begin((tx) =>
      tx.query(
        `select d.rule, d.says, r.lease_no, r.id::text as request
           from payment_attempts a join decisions d on d.id = a.decision_id
           join requests r on r.invoice_id = a.invoice_id and r.attempt_number = a.number`,
      ),
    );
    const says = "charge Rp 99.000: balance Rp 100.000 covers it";
    expect(rows).toEqual([
      { rule: "charge", says, lease_no: 1, request: (go as { requestId: string }).requestId },
    ]);
  });
});

test("attempts begin in a set, and an empty set is nothing", async () => {
  const db = await emptyDatabase();
  const ids = [await storeInvoice(db, "s-1"), await storeInvoice(db, "s-2")];
  await db.begin(async (tx) => {
    const decisions = await insertDecisions(tx, ids.map(decision), NOON);
    expect(await insertDecisions(tx, [], NOON)).toEqual([]);
    await insertAttempts(tx, [], NOON);
    const attempts = ids.map((invoiceId, index) => ({
      invoiceId,
      number: 1,
      reference: attemptReference(invoiceId, 1),
      kind: "recurring" as const,
      amount: 99_000,
      decisionId: decisions[index] ?? "",
    }));
    await insertAttempts(tx, attempts, NOON);
  });
  const rows = await db.query(
    `select a.invoice_id as of, d.invoice_id as decided
       from payment_attempts a join decisions d on d.id = a.decision_id`,
  );
  expect(rows).toHaveLength(2);
  expect(rows.filter((row) => row["of"] !== row["decided"])).toEqual([]);
});

function isSecondLive(error: unknown): boolean {
  return brokenConstraint(error) === "payment_attempts_one_live";
}

const keys = generateKeyPairSync("rsa", { modulusLength: 2048 });

/** An invoice that this worker has leased, and the charge it would write down. Nothing here reaches a gateway. */
async function leased(): Promise<{ tools: CollectTools; id: InvoiceId; intent: Intent }> {
  const decide = await decideTools();
  const { db } = decide;
  const box = sealer([{ id: "k1", key: createSecretKey(randomBytes(32)) }]);
  const gateway = snapGateway({
    db,
    sealer: box,
    now: realNow,
    baseUrl: "http://127.0.0.1:9",
    clientId: "BRN-0000-0000000000001",
    secretKey: "SK-TestOnlySecret0000001",
    privateKey: keys.privateKey,
    returnUrls: { paid: "https://shop.example/ok", failed: "https://shop.example/ko" },
    timeoutMs: 1_000,
  });
  const tools: CollectTools = {
    ...decide,
    gateway,
    tokens: async () => ({ kind: "revoked" }),
    permits: sharedPermits(db, 100),
    gatewayTimeoutMs: 1_000,
    leaseMs: 6_000,
    breakerPercent: 20,
  };
  const of = await activeSubscription(db, "s-1");
  await storeBinding(db, of);
  const id = await storeInvoice(db, "s-1", { of });
  expect((await takeLeases(tools, [id])).leased).toMatchObject([{ leaseNo: 1, step: { kind: "collect" } }]);
  return {
    tools,
    id,
    intent: { invoiceId: id, leaseNo: 1, again: null, purpose: "try", available: rupiah(100_000) },
  };
}
