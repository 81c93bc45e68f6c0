import { describe, expect, test } from "vitest";
import { insertDecisions } from "../../src/invoices/decision.store.ts";
import { insertEvidence } from "../../src/invoices/evidence.store.ts";
import type { News } from "../../src/invoices/news.ts";
import { attemptReference } from "../../src/invoices/reference.ts";
import {
  findLastRequest,
  findRealAges,
  insertRequests,
  saveRequests,
} from "../../src/invoices/request.store.ts";
import type { InvoiceId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { NOON, type RoomsDatabase } from "../support/rooms.ts";
import {
  broken,
  decision,
  emptyDatabase,
  expectBroken,
  factsOf,
  storeAttempt,
  storeInvoice,
} from "./invoice-rows.ts";

describe("a request", () => {
  test("has an id of digits, an attempt, a known state, and says when it was answered", async () => {
    const db = await emptyDatabase();
    await storeAttempt(db, await storeInvoice(db));
    const set = (change: string) => `update requests set ${change}`;
    await expectBroken(db, [
      ["requests_external_id_digits", set("external_id = '12a4'")],
      ["requests_external_id_digits", set("external_id = ''")],
      ["requests_external_id_digits", set(`external_id = '${"1".repeat(37)}'`)],
      ["requests_state_known", set("state = 'lost'")],
      ["requests_answered_says_when", set("state = 'answered'")],
      ["requests_of_attempt", set("attempt_number = 2")],
    ]);
    expect(await broken(db, set(`external_id = '${"1".repeat(36)}'`))).toBeNull();
  });

  test("of a set is answered for in the order given", async () => {
    const db = await emptyDatabase();
    const ids = [await storeInvoice(db, "s-1"), await storeInvoice(db, "s-2"), await storeInvoice(db, "s-3")];
    for (const id of ids) await storeAttempt(db, id);
    const requests = ids.map((id, index) => request(id, `${900 - index}`));
    const rows = await db.begin((tx) => insertRequests(tx, requests, NOON));
    for (const [index, id] of ids.entries()) {
      const { attempts } = await factsOf(db, id);
      expect(attempts[0]?.requests.at(-1)).toMatchObject({ id: rows[index], externalId: `${900 - index}` });
    }
    expect(await db.begin((tx) => insertRequests(tx, [], NOON))).toEqual([]);
  });

  test("keeps the answer it once had", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    const { requestId } = await storeAttempt(db, id);
    const save = (state: "answered" | "unsent", code: string) =>
      db.begin((tx) => saveRequests(tx, [{ id: requestId, externalId: "10000", state, code }]));
    await save("answered", "2005400");
    await save("unsent", "ECONNREFUSED");
    expect((await factsOf(db, id)).attempts[0]?.requests).toMatchObject([
      { state: "answered", code: "2005400" },
    ]);
  });

  test.each([
    ["written", null, false],
    ["unsent", "ECONNREFUSED", false],
    ["answered", "504", true],
    ["written", "5005401", true],
  ] as const)("%s with code %s is held to be answered: %s", async (state, code, answered) => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id);
    await db.query(
      `update requests set state = $1, code = $2, answered_at = case when $1 = 'answered' then now() end`,
      [state, code],
    );
    expect(await db.begin((tx) => findLastRequest(tx, id, 1))).toMatchObject({
      externalId: "10000",
      answered,
    });
  });

  test("that was last is the one to repeat; without any there is none", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id);
    await db.begin((tx) => insertRequests(tx, [{ ...request(id, "777"), body: '{"b":2}' }], NOON));
    expect(await db.begin((tx) => findLastRequest(tx, id, 1))).toMatchObject({
      externalId: "777",
      body: '{"b":2}',
    });
    expect(await db.begin((tx) => findLastRequest(tx, id, 2))).toBeNull();
  });

  test("tells its age in real time, in the order asked, whatever the turned clock says", async () => {
    const db = await emptyDatabase();
    const [old, young] = [await storeInvoice(db, "s-1"), await storeInvoice(db, "s-2")];
    for (const id of [old, young]) await storeAttempt(db, id);
    await db.query(
      `update requests set written_at = clock_timestamp() - interval '1 hour' where invoice_id = $1`,
      [old],
    );
    const asked = [young, old].map((invoiceId) => ({ invoiceId, attemptNumber: 1 }));
    const [youngMs = 0, oldMs = 0] = await db.begin((tx) => findRealAges(tx, asked));
    expect(youngMs).toBeLessThan(60_000);
    expect(oldMs).toBeGreaterThanOrEqual(3_600_000);
    expect(oldMs).toBeLessThan(3_660_000);
  });
});

describe("evidence", () => {
  test("comes from a known source", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id);
    await tell(db, news(id));
    await expectBroken(db, [["evidence_source_known", `update evidence set source = 'rumour'`]]);
  });

  test("of a notification that says the same again is kept once, also where it names no payment or amount", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id);
    const failure = news(id, { verdict: { kind: "refusal_notice", code: "06" } });
    await tell(db, news(id), failure);
    await tell(db, news(id), failure);
    expect(await heard(db)).toEqual(["notification 00", "notification 06"]);
    expect(await broken(db, COPY_EVIDENCE)).toBe("evidence_one_per_notice");
  });

  test("of a notification that says something else is kept beside the first", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id);
    await tell(
      db,
      news(id),
      paid(id, { amount: rupiah(1) }),
      paid(id, { gatewayReference: "G2" }),
      paid(id, { code: "04" }),
    );
    expect(await heard(db)).toHaveLength(4);
  });

  test.each(["answer", "inquiry", "settlement", "person"] as const)(
    "of an %s is always appended, however often it says the same",
    async (source) => {
      const db = await emptyDatabase();
      const id = await storeInvoice(db);
      await storeAttempt(db, id);
      await tell(db, news(id, { source }), news(id, { source }));
      await tell(db, news(id, { source }));
      expect(await heard(db)).toHaveLength(3);
    },
  );

  test("is not refused for what a hostile body holds: no NUL, no endless text", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await storeAttempt(db, id);
    const body = `a\u0000b${"x".repeat(20_000)}`;
    await tell(db, news(id, { raw: { httpStatus: 200, body } }));
    const [row] = await db.query<{ raw: string }>(`select raw from evidence`);
    expect(row?.raw).toHaveLength(4_000);
    expect(row?.raw.slice(0, 3)).toBe("a\uFFFDb");
  });
});

test("decisions of a set are answered for, and told, in the order given", async () => {
  const db = await emptyDatabase();
  const id = await storeInvoice(db);
  const rules = ["first", "second", "third"];
  const ids = await db.begin((tx) =>
    insertDecisions(
      tx,
      rules.map((rule) => ({ ...decision(id), rule, nextActionAt: NOON, facts: { rule } })),
      NOON,
    ),
  );
  const rows = await db.query(
    `select id::text as id, rule, facts, next_action_at from decisions order by id`,
  );
  expect(rows).toEqual(
    rules.map((rule, index) => ({ id: ids[index], rule, facts: { rule }, next_action_at: NOON.toJSDate() })),
  );
});

const COPY_EVIDENCE = `insert into evidence (invoice_id, attempt_number, reference, gateway_reference, source, status,
    verdict, amount, at)
  select invoice_id, attempt_number, reference, gateway_reference, source, status, verdict, amount, at from evidence
   where status = '06'`;

function request(invoiceId: InvoiceId, externalId: string) {
  return { invoiceId, attemptNumber: 1, externalId, leaseNo: 1, body: "{}" };
}

function news(invoiceId: InvoiceId, change: Partial<News> = {}): News {
  return {
    invoiceId,
    attemptNumber: 1,
    reference: attemptReference(invoiceId, 1),
    source: "notification",
    verdict: {
      kind: "paid",
      code: "00",
      gatewayReference: "G1",
      amount: rupiah(99_000),
      payee: null,
      mismatch: null,
    },
    raw: { httpStatus: null, body: "{}" },
    requestId: null,
    leaseNo: null,
    realMsSinceSent: 0,
    ...change,
  };
}

function paid(invoiceId: InvoiceId, change: Partial<Extract<News["verdict"], { kind: "paid" }>>): News {
  const plain = news(invoiceId);
  return { ...plain, verdict: { ...plain.verdict, ...change } as News["verdict"] };
}

async function tell(db: RoomsDatabase, ...told: News[]): Promise<void> {
  await db.begin((tx) => insertEvidence(tx, told, NOON));
}

async function heard(db: RoomsDatabase): Promise<string[]> {
  const rows = await db.query<{ source: string; status: string }>(
    `select source, status from evidence order by id`,
  );
  return rows.map(({ source, status }) => `${source} ${status}`);
}
