import { describe, expect, it, test } from "vitest";
import { customerByReference, eraseCustomerRow } from "../../src/customers/customer.store.ts";
import type { CustomerId, PlanVersionId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { insertPlanVersion } from "../../src/plans/plan.store.ts";
import { setTurnedClock, turnedClock } from "../../src/platform/clock.ts";
import type { Database } from "../../src/platform/database.ts";
import { randomUuid } from "../../src/platform/random.ts";
import { activateSubscriptionsOf } from "../../src/subscriptions/activate-subscriptions.flow.ts";
import { createSubscription } from "../../src/subscriptions/create-subscription.flow.ts";
import { importSubscriptions } from "../../src/subscriptions/import.flow.ts";
import { importText, importTools } from "../support/importing.ts";
import { at, NOON, roomsDatabase, storeBinding, storeCustomer, storePlan } from "../support/rooms.ts";

const HEADER = "reference,customer,customer_name,phone,plan,start_on";
const PEOPLE = "Budi,081234567890";

/** An office on 10 March 2027 that sells `pro` for Rp 99.000 a month. */
async function office(plan: Parameters<typeof storePlan>[1] = {}) {
  const db = await roomsDatabase();
  await db.begin((tx) => setTurnedClock(tx, NOON));
  await storePlan(db, plan);
  const tools = importTools(db);
  const load = (...lines: string[]) => importText(tools, lines.join("\n"));
  const rows = <Row>(columns: string) =>
    db.query<Row>(`select ${columns} from subscriptions s order by s.reference limit 100`);
  return { db, tools, load, rows };
}

async function count(db: Database, table: string): Promise<number> {
  const [row] = await db.query<{ count: number }>(`select count(*)::int as count from ${table}`);
  return row?.count ?? 0;
}

describe("an import", () => {
  it("stores running subscriptions with their anchors, and the customers they need", async () => {
    const { db, load, rows, tools } = await office();
    const { counts } = await load(
      HEADER,
      `s-1,budi,${PEOPLE},pro,2024-01-31`,
      "s-2,budi2,Sari,+62 811-2233-445,pro,2026-12-15",
    );
    expect(counts).toEqual({ imported: 2, importable: 0, unchanged: 0, refused: 0 });
    expect(await rows("reference, state, start_on::text, next_index, next_invoice_at")).toEqual([
      {
        reference: "s-1",
        state: "incomplete",
        start_on: "2024-01-31",
        next_index: 38,
        next_invoice_at: null,
      },
      { reference: "s-2", state: "incomplete", start_on: "2026-12-15", next_index: 3, next_invoice_at: null },
    ]);
    const [budi] = await db.query<{ id: CustomerId; phone: string }>(
      `select id, phone from customers where reference = 'budi'`,
    );
    expect(tools.sealer.open(budi?.phone ?? "", `customers.phone:${budi?.id}`)).toBe("6281234567890");
    expect(
      await db.query(`select kind, actor, details from subscription_changes order by id limit 1`),
    ).toMatchObject([
      { kind: "imported", actor: "sari", details: { line: 2, agreed: { next_bill_on: "2027-03-31" } } },
    ]);
  });

  it("says of each line what became of it", async () => {
    const { load } = await office();
    const { outcomes } = await load(
      HEADER,
      `s-1,budi,${PEOPLE},pro,2024-01-31`,
      `s-2,sari,Sari,12345,pro,2024-01-31`,
      `s-3,agus,${PEOPLE},gold,2024-01-31`,
      `s-4,agus,,,pro,2024-01-31`,
      `,agus,${PEOPLE},pro,tomorrow`,
      `s-1,eka,${PEOPLE},pro,2024-01-31`,
      `s-7,"eka,${PEOPLE},pro,2024-01-31`,
      `s-8,eka,${PEOPLE},pro,2024-01-31`,
    );
    const refused = (line: number, reference: string, column: string, message: RegExp) => ({
      line,
      reference,
      result: "refused",
      column,
      message: expect.stringMatching(message),
    });
    const good = (line: number, reference: string) => ({
      line,
      reference,
      result: "imported",
      column: "",
      message: "bills from 2027-03-31, once the wallet is linked",
    });
    expect(outcomes).toEqual([
      good(2, "s-1"),
      refused(3, "s-2", "phone", /^give the OVO wallet's mobile number/),
      refused(4, "s-3", "plan", /^there is no plan gold$/),
      refused(5, "s-4", "customer_name", /^there is no customer agus yet, and a new one needs/),
      refused(6, "", "reference, start_on", /^reference: is required; start_on: must be a date/),
      refused(7, "s-1", "reference", /^line 2 has s-1 already/),
      refused(8, "", "", /^the quote of cell 2 is not closed/),
      good(9, "s-8"),
    ]);
  });

  it("of the same file again changes nothing, and says so, whatever happened since", async () => {
    const { db, load } = await office();
    const file = [
      `${HEADER},zone,next_bill_on`,
      `s-1,budi,${PEOPLE},pro,2024-01-31,,`,
      `s-2,sari,Sari,08122222222,pro,2026-12-15,Asia/Tokyo,2027-04-15`,
      `s-3,sari,Sari,08122222222,gold,2026-12-15,,`,
    ];
    expect((await load(...file)).counts).toMatchObject({ imported: 2, refused: 1 });
    const before = await snapshot(db);
    await db.begin((tx) => setTurnedClock(tx, at("2027-08-20T05:00:00Z")));
    const again = await load(...file);
    expect(again.counts).toEqual({ imported: 0, importable: 0, unchanged: 2, refused: 1 });
    expect(await snapshot(db)).toEqual(before);
    await db.query(`update subscriptions set state = 'canceled', ended_at = now(), end_reason = 'by hand'`);
    expect((await load(...file)).counts).toMatchObject({ unchanged: 2, refused: 1 });
  });

  test.each<[string, string, string, RegExp]>([
    ["start", "s-1,budi,Budi,081234567890,pro,2024-01-30", "start_on", /^s-1 was imported with 2024-01-31/],
    ["customer", "s-1,sari,Budi,081234567890,pro,2024-01-31", "customer", /was imported with budi/],
    ["plan", "s-1,budi,Budi,081234567890,basic,2024-01-31", "plan", /was imported with pro/],
    ["phone", "s-1,budi,Budi,081234567891,pro,2024-01-31", "phone", /has another number/],
    ["name", "s-1,budi,Budiman,081234567890,pro,2024-01-31", "customer_name", /has another name/],
  ])("of a line with another %s is refused by that column", async (_name, line, column, says) => {
    const { db, load } = await office();
    await storePlan(db, { code: "basic" });
    await storeCustomer(db, "sari");
    await load(HEADER, `s-1,budi,${PEOPLE},pro,2024-01-31`);
    const before = await snapshot(db);
    const { outcomes } = await load(HEADER, line);
    expect(outcomes).toMatchObject([{ result: "refused", column, message: expect.stringMatching(says) }]);
    expect(await snapshot(db)).toEqual(before);
  });

  test.each<[string, string, string]>([
    ["next_bill_on", "2027-04-30", "2027-05-31"],
    ["billing_day", "25", "26"],
    ["ends_on", "2028-01-31", ""],
    ["cycles", "60", "61"],
    ["zone", "Asia/Makassar", "Asia/Tokyo"],
    ["trial_ends_on", "2027-03-31", "2027-04-01"],
    ["alignment", "calendar", ""],
  ])("of a line with another %s is refused by that column as well", async (column, then, now) => {
    const { load } = await office();
    const file = (cell: string) => [`${HEADER},${column}`, `s-1,budi,${PEOPLE},pro,2024-01-31,${cell}`];
    expect((await load(...file(then))).counts).toMatchObject({ imported: 1 });
    expect((await load(...file(now))).outcomes).toMatchObject([{ result: "refused", column }]);
  });

  it("takes a customer who is there as he is", async () => {
    const { db, load } = await office();
    const customer = await storeCustomer(db, "budi");
    expect((await load("reference,customer,plan,start_on", "s-1,budi,pro,2024-01-31")).counts).toMatchObject({
      imported: 1,
    });
    expect(await db.query("select id from customers limit 2")).toEqual([{ id: customer.id }]);
  });

  it("refuses a second one to the same plan that nobody asked for", async () => {
    const { load } = await office();
    const { outcomes } = await load(
      `${HEADER},allow_second`,
      `s-1,budi,${PEOPLE},pro,2024-01-31,`,
      `s-2,budi,,,pro,2025-01-31,`,
      `s-3,budi,,,pro,2025-01-31,true`,
    );
    expect(outcomes.map(({ result, column }) => [result, column])).toEqual([
      ["imported", ""],
      ["refused", "plan"],
      ["imported", ""],
    ]);
  });

  it("brings nothing of a customer back who was erased", async () => {
    const { db, load } = await office();
    const line = `s-1,budi,${PEOPLE},pro,2024-01-31`;
    await load(HEADER, line);
    const erased = { at: NOON, by: "sari", reason: "asked" };
    await db.begin(async (tx) => eraseCustomerRow(tx, (await customerByReference(tx, "budi")).id, erased));
    const before = await snapshot(db);
    const { outcomes } = await load(HEADER, line, `s-2,budi,${PEOPLE},pro,2024-02-01`);
    expect(outcomes).toMatchObject([
      { result: "unchanged" },
      { result: "refused", column: "customer", message: "budi was erased; leave the line out" },
    ]);
    expect(await snapshot(db)).toEqual(before);
  });

  it("refuses a reference that did not come from an import", async () => {
    const { db, tools, load } = await office();
    await storeCustomer(db, "budi");
    await createByHand(tools);
    const { outcomes } = await load("reference,customer,plan,start_on", "s-1,budi,pro,2027-03-10");
    expect(outcomes).toMatchObject([
      {
        result: "refused",
        column: "reference",
        message: expect.stringMatching(/did not come from an import/),
      },
    ]);
  });

  it("takes the price of the amount that is named", async () => {
    const { db, load, rows } = await office();
    const [plan] = await db.query<{ id: string }>("select id from plans");
    const next = { planId: plan?.id, amount: rupiah(129_000), effectiveOn: "2027-02-01", createdAt: NOON };
    await db.begin((tx) =>
      insertPlanVersion(tx, { id: randomUuid() as PlanVersionId, taxBasisPoints: null, ...next } as never),
    );
    await load(
      `${HEADER},amount`,
      `s-1,budi,${PEOPLE},pro,2024-01-31,`,
      `s-2,sari,Sari,08122222222,pro,2024-01-31,129000`,
    );
    expect(
      await rows("(select amount::int from plan_versions v where v.id = s.plan_version_id) as amount"),
    ).toEqual([{ amount: 99_000 }, { amount: 129_000 }]);
  });

  it("of an empty file, or one whose first line is wrong, stores nothing", async () => {
    const { db, load } = await office();
    await expect(load("")).rejects.toThrow(/the file is empty/);
    await expect(load("referense,customer,plan,start_on", "s-1,budi,pro,2024-01-31")).rejects.toThrow(
      /is it reference\?/,
    );
    expect(await count(db, "customers")).toBe(0);
  });

  it("that is rehearsed shows all of it, across batches, and stores nothing", async () => {
    const { db, tools } = await office();
    const lines = Array.from(
      { length: 600 },
      (_, index) => `s-${index},budi-${index},${PEOPLE},pro,2024-01-31`,
    );
    // Of a customer whom a batch before would have made.
    const text = [HEADER, ...lines, "s-600,budi-1,,,pro,2024-01-31", "s-1,eka,,,pro,2024-01-31"].join("\n");
    const { counts, outcomes } = await importText(tools, text, { dryRun: true });
    expect(counts).toEqual({ imported: 0, importable: 600, unchanged: 0, refused: 2 });
    expect(outcomes.slice(-2).map(({ message }) => message)).toEqual([
      expect.stringMatching(/already has the subscription s-1 to pro/),
      "line 3 has s-1 already: each reference stands for one subscription",
    ]);
    expect([await count(db, "customers"), await count(db, "subscriptions")]).toEqual([0, 0]);
  });
});

describe("a line that PostgreSQL refuses", () => {
  it("does not keep out the others of its batch", async () => {
    const { db, load } = await office();
    await db.query(
      `alter table subscriptions add constraint subscriptions_planted check (reference <> 's-2') not valid`,
    );
    const { outcomes } = await load(
      HEADER,
      `s-1,budi,${PEOPLE},pro,2024-01-31`,
      `s-2,sari,Sari,08122222222,pro,2024-01-31`,
      `s-3,agus,Agus,08122222223,pro,2024-01-31`,
    );
    expect(outcomes.map(({ result, message }) => [result, message])).toEqual([
      ["imported", expect.anything()],
      ["refused", "could not be stored: subscriptions_planted"],
      ["imported", expect.anything()],
    ]);
    expect(await db.query("select reference from customers order by reference limit 9")).toEqual([
      { reference: "agus" },
      { reference: "budi" },
    ]);
  });
});

test("two imports of one file at the same time make one of each", async () => {
  const { db, tools } = await office();
  const lines = Array.from(
    { length: 700 },
    (_, index) => `s-${index},c-${index % 350},Budi,08123456${1000 + (index % 350)},pro,2024-01-31,true`,
  );
  const text = [`${HEADER},allow_second`, ...lines].join("\n");
  const [one, other] = await Promise.all([importText(tools, text), importText(tools, text)]);
  expect(one.counts.imported + other.counts.imported).toBe(700);
  expect(one.counts.unchanged + other.counts.unchanged).toBe(700);
  expect([await count(db, "customers"), await count(db, "subscriptions")]).toEqual([350, 700]);
  expect(await count(db, "subscription_changes")).toBe(700);
});

test("an import that breaks off keeps what was reported, and the same file goes on from there", async () => {
  const { db, tools } = await office();
  const lines = Array.from({ length: 1_300 }, (_, index) => `s-${index},c-${index},${PEOPLE},pro,2024-01-31`);
  const text = [HEADER, ...lines].join("\n");
  async function* broken() {
    yield Buffer.from(text.slice(0, text.indexOf("s-1200,")));
    throw new Error("the disk is gone");
  }
  let reported = 0;
  const report = async (outcomes: readonly unknown[]) => {
    reported += outcomes.length;
  };
  const halfway = importSubscriptions(tools, broken(), { actor: "sari", dryRun: false, report });
  await expect(halfway).rejects.toThrow(/the disk is gone/);
  expect([reported, await count(db, "subscriptions")]).toEqual([1_000, 1_000]);
  expect((await importText(tools, text)).counts).toMatchObject({
    imported: 300,
    unchanged: 1_000,
    refused: 0,
  });
});

test("5,000 lines, one in a hundred of them bad: the good ones are in, and the second time nothing changes", async () => {
  const { db, tools } = await office();
  const bad = (index: number) => index % 100 === 50;
  const lines = Array.from(
    { length: 5_000 },
    (_, index) =>
      `s-${index},c-${index},Budi ${index},0812${String(index).padStart(8, "0")},pro,${bad(index) ? "31/01/2024" : "2024-01-31"}`,
  );
  const text = [HEADER, ...lines].join("\r\n");
  const first = await importText(tools, text);
  expect(first.counts).toEqual({ imported: 4_950, importable: 0, unchanged: 0, refused: 50 });
  expect(first.outcomes.map(({ line }) => line)).toEqual(lines.map((_, index) => index + 2));
  expect(first.outcomes.filter(({ column }) => column === "start_on").map(({ line }) => line)).toEqual(
    lines.flatMap((_, index) => (bad(index) ? [index + 2] : [])),
  );
  const before = await snapshot(db);
  const second = await importText(tools, text);
  expect(second.counts).toEqual({ imported: 0, importable: 0, unchanged: 4_950, refused: 50 });
  expect(await snapshot(db)).toEqual(before);
});

describe("an imported subscription whose customer's wallet is linked", () => {
  /** What it becomes when the wallet is linked at noon in Jakarta of this day. */
  async function linkedOn(day: string, cells = "2024-01-31,") {
    const { db, load, rows } = await office();
    const customer = await storeCustomer(db, "budi");
    await load("reference,customer,plan,start_on,next_bill_on", `s-1,budi,pro,${cells}`);
    const now = at(`${day}T05:00:00Z`);
    await db.begin((tx) => setTurnedClock(tx, now));
    await storeBinding(db, { customerId: customer.id });
    await db.begin((tx) => activateSubscriptionsOf(tx, [customer.id], now, "08:00"));
    const [row] = await rows<{ next_invoice_at: Date | null }>(
      "state, start_on::text, next_index, next_invoice_at",
    );
    return { ...row, next_invoice_at: row?.next_invoice_at?.toISOString() ?? null };
  }
  const active = { state: "active", start_on: "2024-01-31" };

  test.each<[string, string, string, object]>([
    [
      "before it is to be billed waits for that day",
      "2027-03-12",
      "2024-01-31,",
      { ...active, next_index: 38, next_invoice_at: "2027-03-31T01:00:00.000Z" },
    ],
    [
      "on that day is billed then",
      "2027-03-31",
      "2024-01-31,",
      { ...active, next_index: 38, next_invoice_at: "2027-03-31T01:00:00.000Z" },
    ],
    [
      "in that period is billed for it",
      "2027-04-12",
      "2024-01-31,",
      { ...active, next_index: 38, next_invoice_at: "2027-03-31T01:00:00.000Z" },
    ],
    [
      "later is billed for the period that runs, and for none of the past",
      "2027-07-12",
      "2024-01-31,",
      { ...active, next_index: 41, next_invoice_at: "2027-06-30T01:00:00.000Z" },
    ],
    [
      "long before a named day waits for it",
      "2027-03-12",
      "2024-01-31,2027-06-30",
      { ...active, next_index: 41, next_invoice_at: "2027-06-30T01:00:00.000Z" },
    ],
  ])("%s", async (_name, day, cells, expected) => {
    expect(await linkedOn(day, cells)).toEqual(expected);
  });

  it("already runs at once", async () => {
    const { db, load, rows } = await office();
    const customer = await storeCustomer(db, "budi");
    await storeBinding(db, { customerId: customer.id });
    const { outcomes } = await load("reference,customer,plan,start_on", "s-1,budi,pro,2024-01-31");
    expect(outcomes).toMatchObject([{ result: "imported", message: "bills from 2027-03-31" }]);
    expect(await rows("state, next_index, next_invoice_at")).toEqual([
      { state: "active", next_index: 38, next_invoice_at: new Date("2027-03-31T01:00:00Z") },
    ]);
  });
});

/** Everything that an import writes, but for the sealed phones. */
async function snapshot(db: Database) {
  return db.query(
    `select (select md5(string_agg(c::text, '|' order by c.id)) from customers c) as customers,
            (select md5(string_agg(s::text, '|' order by s.id)) from subscriptions s) as subscriptions,
            (select md5(string_agg(h::text, '|' order by h.id)) from subscription_changes h) as changes`,
  );
}

function createByHand(tools: ReturnType<typeof importTools>) {
  const nothing = {
    startOn: null,
    alignment: null,
    billingDay: null,
    billingMonth: null,
    trialDays: null,
    trialEndsOn: null,
    zone: null,
    endsOn: null,
    cycles: null,
    catchUpPolicy: null,
    discount: null,
    allowSecond: false,
  };
  const asked = { ...nothing, reference: "s-1", customerReference: "budi", planCode: "pro" };
  return createSubscription({ ...tools, clock: turnedClock }, asked, { name: "sari", role: "admin" });
}
