import { DateTime } from "luxon";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { Instant } from "../../src/kernel/time.ts";
import type { Tx } from "../../src/platform/database.ts";
import type { Sum } from "../../src/reports/report.ts";
import { ties } from "../../src/reports/report.ts";
import { reportRoutes } from "../../src/reports/reports.routes.ts";
import { type AskedReport, type ReportTools, runReport } from "../../src/reports/run-report.flow.ts";
import { freshDatabase, type TestDatabase } from "../support/db.ts";

const NOON = DateTime.fromISO("2027-01-31T05:00:00Z", { zone: "utc" }) as Instant;
const JANUARY = { from: "2027-01-01", to: "2027-01-31" };

let db: TestDatabase;
beforeEach(async () => {
  db = await freshDatabase();
  await makePlan("monthly", 99_000);
  await makePlan("daily", 12_000);
});
afterEach(() => db.close());

function tools(at: Instant = NOON): ReportTools {
  return { db, clock: { now: async () => at }, zone: "Asia/Jakarta" };
}

function report(name: string, asked: AskedReport = JANUARY) {
  return runReport(tools(), name, asked);
}

let serial = 0;
/** A UUID that no other row has. */
function id(): string {
  serial += 1;
  return `00000000-0000-4000-8000-${serial.toString().padStart(12, "0")}`;
}

async function makePlan(code: string, amount: number): Promise<void> {
  const plan = id();
  await db.query(
    `insert into plans (id, code, name, interval_unit, interval_count, created_at) values ($1, $2, $2, 'month', 1, now())`,
    [plan, code],
  );
  await db.query(
    `insert into plan_versions (id, plan_id, number, amount, effective_on, created_at) values ($1, $2, 1, $3, '2020-01-01', now())`,
    [id(), plan, amount],
  );
}

type Row = {
  readonly plan?: string;
  readonly billsOn?: string;
  readonly amount?: number;
  readonly state?: "open" | "paid" | "void" | "uncollectible";
  readonly waitingFor?: "method" | "person" | "hold" | "customer";
  readonly failed?: boolean;
  /** In the order in which they were made. */
  readonly tries?: readonly Try[];
};
type Try =
  | { readonly attempt: string; readonly class?: string; readonly code?: string; readonly message?: string }
  | { readonly short: number }
  | { readonly refusedCheck: string; readonly class: string };

/** One invoice of a subscription and a customer of its own, with its tries. */
async function makeInvoice(row: Row): Promise<void> {
  const [customer, subscription, invoice] = [id(), id(), id()];
  const billsOn = row.billsOn ?? "2027-01-05";
  const state = row.state ?? "open";
  await db.query(
    `insert into customers (id, reference, name, phone, phone_index, created_at) values ($1::uuid, $1::uuid::text, 'Budi', 'x', $1::uuid::text, now())`,
    [customer],
  );
  await db.query(
    `insert into subscriptions (id, reference, customer_id, plan_id, plan_version_id, state, zone, start_on,
                                interval_unit, interval_count, created_at)
     select $1::uuid, $1::uuid::text, $2, plans.id, plan_versions.id, 'incomplete', 'Asia/Jakarta', $3, 'month', 1, now()
       from plans join plan_versions on plan_id = plans.id where code = $4`,
    [subscription, customer, billsOn, row.plan ?? "monthly"],
  );
  await db.query(
    `insert into invoices (id, subscription_id, customer_id, plan_version_id, period_index, period_start, period_end,
                           bills_on, amount, state, waiting_for, next_action_at, first_failed_at, created_at, paid_at, closed_at)
     select $1, $2, $3, plan_version_id, 0, $4::date, $4::date + 30, $4, $5, $6, $7, $8, $9, now(), $10, $11
       from subscriptions where id = $2`,
    [
      ...[invoice, subscription, customer, billsOn, row.amount ?? 99_000, state, row.waitingFor ?? null],
      state === "open" && row.waitingFor === undefined ? NOON.toJSDate() : null,
      row.failed === true ? NOON.toJSDate() : null,
      state === "paid" ? NOON.toJSDate() : null,
      state === "open" ? null : NOON.toJSDate(),
    ],
  );
  for (const [index, each] of (row.tries ?? []).entries()) await makeTry(invoice, index + 1, each);
}

async function makeTry(invoice: string, number: number, made: Try): Promise<void> {
  const rule = "attempt" in made ? "charge" : "short" in made ? "balance.short" : "balance.refused";
  const facts =
    "short" in made
      ? { available: made.short }
      : "refusedCheck" in made
        ? { code: made.refusedCheck, declineClass: made.class }
        : {};
  const [decision] = await db.query<{ id: string }>(
    `insert into decisions (invoice_id, at, rule, says, facts, policy_version) values ($1, now(), $2, '', $3, 1) returning id`,
    [invoice, rule, JSON.stringify(facts)],
  );
  if (!("attempt" in made)) return;
  await db.query(
    `insert into payment_attempts (invoice_id, number, reference, amount, state, decline_class, code, message,
                                   review_reason, decision_id, created_at, last_sent_at, closed_at)
     select id, $2, 'R-' || $3::bigint, amount, $4, $5, $6, $7, $8, $3::bigint, now(), now(), $9
       from invoices where id = $1`,
    [
      ...[
        invoice,
        number,
        decision?.id,
        made.attempt,
        made.class ?? null,
        made.code ?? null,
        made.message ?? null,
      ],
      made.attempt === "review" ? "unclear" : null,
      made.attempt === "failed" || made.attempt === "succeeded" ? NOON.toJSDate() : null,
    ],
  );
}

const REFUSED: Try = { attempt: "failed", class: "funds", code: "4035414" };
const LIVE = ["requested", "pending", "unknown", "unsent"] as const;

/** Every way an invoice can stand, and the one term in which it counts. */
const STANDINGS: readonly (readonly [string, string, Row])[] = [
  ["paid at once", "paid", { state: "paid", tries: [{ attempt: "succeeded" }] }],
  [
    "paid after a decline",
    "paid",
    { state: "paid", failed: true, tries: [REFUSED, { attempt: "succeeded" }] },
  ],
  ["of nothing", "paid", { state: "paid", amount: 0 }],
  ["paid while another attempt is live", "paid", { state: "paid", tries: [{ attempt: "unknown" }] }],
  ["written off", "uncollectible", { state: "uncollectible", failed: true, tries: [REFUSED] }],
  ["voided", "void", { state: "void" }],
  ["voided with a live attempt", "void", { state: "void", tries: [{ attempt: "pending" }] }],
  ["without a binding", "waiting_method", { waitingFor: "method" }],
  [
    "without a binding after declines",
    "waiting_method",
    { waitingFor: "method", failed: true, tries: [REFUSED] },
  ],
  [
    "without a binding, attempt in review",
    "waiting_method",
    { waitingFor: "method", tries: [{ attempt: "review" }] },
  ],
  ["left to a person", "waiting_person", { waitingFor: "person" }],
  ["in review", "waiting_person", { tries: [{ attempt: "review" }] }],
  ["in review after a decline", "waiting_person", { failed: true, tries: [REFUSED, { attempt: "review" }] }],
  ["in review and on hold", "waiting_person", { waitingFor: "hold", tries: [{ attempt: "review" }] }],
  ["on hold", "waiting_hold", { waitingFor: "hold" }],
  ["on hold with a live attempt", "waiting_hold", { waitingFor: "hold", tries: [{ attempt: "pending" }] }],
  [
    "at the end of its ladder",
    "waiting_customer",
    { waitingFor: "customer", failed: true, tries: [REFUSED, REFUSED] },
  ],
  ...LIVE.map(
    (state) => [`with an attempt ${state}`, "pending_or_unknown", { tries: [{ attempt: state }] }] as const,
  ),
  [
    "in doubt after a decline",
    "pending_or_unknown",
    { failed: true, tries: [REFUSED, REFUSED, { attempt: "unknown" }] },
  ],
  ["declined", "in_dunning", { failed: true, tries: [REFUSED, REFUSED, REFUSED] }],
  ["short of balance", "in_dunning", { failed: true, tries: [{ short: 10 }] }],
  ["just opened", "not_yet_tried", {}],
  [
    "refused by our mistake",
    "not_yet_tried",
    { tries: [{ attempt: "failed", class: "config", code: "4035419" }] },
  ],
];

type Total = Readonly<Record<string, Sum>>;

function totalOf(made: { readonly facts: Readonly<Record<string, unknown>> }): Total {
  return made.facts["total"] as Total;
}

const TERMS = [
  ...[
    "paid",
    "uncollectible",
    "void",
    "waiting_method",
    "waiting_person",
    "waiting_hold",
    "waiting_customer",
  ],
  ...["pending_or_unknown", "in_dunning", "not_yet_tried"],
];

describe("collection", () => {
  it.each(STANDINGS)("counts an invoice %s once, as %s", async (_, term, row) => {
    await makeInvoice(row);
    const made = await report("collection");
    const counted = TERMS.filter((each) => totalOf(made)[each]?.n !== 0);
    expect(counted).toEqual([term]);
    expect(totalOf(made)[term]).toEqual({ n: 1, amount: row.amount ?? 99_000 });
    expect(ties(made)).toBe(true);
  });

  it("adds up when every standing occurs, by count and by money", async () => {
    for (const [index, [, , row]] of STANDINGS.entries())
      await makeInvoice({ ...row, amount: row.amount ?? 10_000 + index });
    const made = await report("collection");
    const total = totalOf(made);
    const [invoiced] = await db.query<{ n: number; amount: string }>(
      `select count(*)::int as n, sum(amount)::text as amount from invoices`,
    );
    expect(total["invoiced"]).toEqual({ n: invoiced?.n, amount: Number(invoiced?.amount) });
    expect(TERMS.reduce((sum, term) => sum + (total[term]?.n ?? 0), 0)).toBe(STANDINGS.length);
    expect(TERMS.reduce((sum, term) => sum + (total[term]?.amount ?? 0), 0)).toBe(Number(invoiced?.amount));
    expect(ties(made)).toBe(true);
  });

  it("tells what was paid at the first planned try from what was recovered", async () => {
    await makeInvoice({ state: "paid", amount: 60_000 });
    await makeInvoice({ state: "paid", amount: 30_000, failed: true, tries: [REFUSED] });
    await makeInvoice({ amount: 10_000, failed: true, tries: [{ short: 1 }] });
    const { facts } = await report("collection");
    expect(facts["total"]).toMatchObject({
      paid_first_try: { n: 1, amount: 60_000 },
      paid_by_retry: { n: 1, amount: 30_000 },
      ever_failed: { n: 2, amount: 40_000 },
    });
    expect(facts["first_try_success"]).toEqual({ by_count: 0.3333, by_money: 0.6 });
    expect(facts["recovery_rate"]).toEqual({ by_count: 0.5, by_money: 0.75 });
  });

  it("takes the first and the last day, and no other", async () => {
    for (const billsOn of ["2026-12-31", "2027-01-01", "2027-01-31", "2027-02-01"])
      await makeInvoice({ billsOn });
    expect(totalOf(await report("collection"))["invoiced"]?.n).toBe(2);
  });

  it.each([
    ["day", ["2027-01-03", "2027-01-04", "2027-02-01"]],
    ["week", ["2026-12-28", "2027-01-04", "2027-02-01"]],
    ["month", ["2027-01-01", "2027-02-01"]],
  ] as const)("groups bill dates by %s; weeks begin on Monday", async (group, periods) => {
    for (const billsOn of ["2027-01-03", "2027-01-04", "2027-02-01"]) await makeInvoice({ billsOn });
    const made = await report("collection", { from: "2027-01-01", to: "2027-02-28", group });
    expect((made.facts["periods"] as { period: string }[]).map((each) => each.period)).toEqual(periods);
  });

  it("keeps to one plan when asked, and refuses a plan that is not there", async () => {
    await makeInvoice({ plan: "daily", amount: 12_000 });
    await makeInvoice({});
    const made = await report("collection", { ...JANUARY, plan: "daily" });
    expect(totalOf(made)["invoiced"]).toEqual({ n: 1, amount: 12_000 });
    expect(ties(made)).toBe(true);
    await expect(report("collection", { plan: "weekly" })).rejects.toThrow("there is no plan weekly");
  });

  it("ends today in the billing zone by the business clock", async () => {
    const evening = DateTime.fromISO("2027-01-31T18:00:00Z", { zone: "utc" }) as Instant;
    const { heading } = await runReport(tools(evening), "collection", {});
    expect([heading.from, heading.to]).toEqual(["2027-01-02", "2027-02-01"]);
  });

  it("ties while invoices are being opened, because it reads one snapshot", async () => {
    await makeInvoice({});
    const busy: ReportTools["db"] = {
      ...db,
      begin: (work) => db.begin((tx) => work({ ...tx, query: interrupted(tx) })),
    };
    const made = await runReport({ ...tools(), db: busy }, "collection", JANUARY);
    expect(totalOf(made)["invoiced"]?.n).toBe(1);
    expect(ties(made)).toBe(true);
    expect(await db.query(`select id from invoices`)).toHaveLength(2);
  });
});

/** Opens another invoice right after the terms were summed. */
function interrupted(tx: Tx): Tx["query"] {
  return async <Result>(sql: string, parameters?: readonly unknown[]) => {
    const rows = await tx.query<Result>(sql, parameters);
    if (sql.includes("termed")) await makeInvoice({});
    return rows;
  };
}

type Reason = { readonly class: string; readonly code: string; readonly place: string; readonly n: number };

async function reasons(asked: AskedReport = JANUARY): Promise<string[]> {
  const made = await report("failures", asked);
  expect(ties(made)).toBe(true);
  return (made.facts["rows"] as Reason[])
    .map((row) => `${row.n} ${row.class} ${row.code} ${row.place}`)
    .sort();
}

describe("failures", () => {
  it("tells the first try from the last, counting balance checks as tries", async () => {
    await makeInvoice({
      tries: [{ short: 500 }, REFUSED, { attempt: "failed", class: "limit", code: "4035402" }],
    });
    expect(await reasons()).toEqual([
      "1 funds 4035414 between",
      "1 funds balance short first",
      "1 limit 4035402 last",
    ]);
  });

  it("does not call a failure the last try when another attempt followed", async () => {
    await makeInvoice({ state: "paid", failed: true, tries: [REFUSED, { attempt: "succeeded" }] });
    await makeInvoice({ failed: true, tries: [REFUSED, { attempt: "unknown" }] });
    await makeInvoice({ failed: true, tries: [REFUSED] });
    expect(await reasons()).toEqual(["1 funds 4035414 only", "2 funds 4035414 first"]);
  });

  it("counts refused wallets as not asked, and an attempt that never left under no class", async () => {
    await makeInvoice({ tries: [{ refusedCheck: "4031118", class: "binding" }] });
    await makeInvoice({ tries: [{ attempt: "failed", message: "never left" }] });
    expect(await reasons()).toEqual(["1 binding 4031118 only", "1 none never left only"]);
  });

  it("ties with the attempts table whatever the invoices came to", async () => {
    for (const [, , row] of STANDINGS) await makeInvoice(row);
    const made = await report("failures");
    const [failed] = await db.query<{ n: number; amount: string }>(
      `select count(*)::int as n, sum(amount)::text as amount from payment_attempts where state = 'failed'`,
    );
    expect(made.facts["total"]).toMatchObject({
      refused: { n: failed?.n, amount: Number(failed?.amount) },
      not_asked: { n: 1 },
    });
    expect(ties(made)).toBe(true);
  });

  it("keeps to the plan and the bill dates that were asked", async () => {
    await makeInvoice({ plan: "daily", tries: [REFUSED] });
    await makeInvoice({ tries: [REFUSED, REFUSED] });
    await makeInvoice({ billsOn: "2027-02-01", tries: [REFUSED] });
    expect(await reasons({ ...JANUARY, plan: "monthly" })).toEqual([
      "1 funds 4035414 first",
      "1 funds 4035414 last",
    ]);
  });
});

describe("the door", () => {
  const ask = (name: string, query: object) => {
    const [route] = reportRoutes(tools());
    const parsed = route?.query?.parse(query);
    return route?.run({ params: { name }, query: parsed } as never);
  };

  it("answers an empty period with sums of nothing", async () => {
    expect(await ask("collection", {})).toMatchObject({
      report: "collection",
      ties: true,
      total: { paid: { n: 0 } },
    });
    expect(await ask("failures", {})).toMatchObject({ report: "failures", ties: true, rows: [] });
  });

  it("hands out CSV as a file with a name", async () => {
    await makeInvoice({});
    expect(await ask("collection", { ...JANUARY, format: "csv" })).toMatchObject({
      fileName: "collection-2027-01-01-to-2027-01-31.csv",
      content: expect.stringContaining("total,not_yet_tried,1,99000,"),
    });
  });

  it("names the reports there are when asked for another", async () => {
    await expect(ask("profit", {})).rejects.toThrow(
      "there is no report profit; there are collection, failures",
    );
    await expect(ask("constructor", {})).rejects.toThrow("there is no report constructor");
  });
});
