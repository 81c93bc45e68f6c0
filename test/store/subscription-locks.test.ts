import { describe, expect, it } from "vitest";
import { loadFacts, lockInvoices } from "../../src/invoices/facts.store.ts";
import { openDueInvoices } from "../../src/invoices/open-invoices.flow.ts";
import { until } from "../../src/platform/timer.ts";
import { markActive, markPastDue } from "../../src/subscriptions/subscription.store.ts";
import { at, NOON, type RoomsDatabase, storeSubscription } from "../support/rooms.ts";
import { type EventTools, order } from "../support/subscription-events.ts";
import { activeSubscription, decideTools, storeInvoice } from "./invoice-rows.ts";

const billsOn = (db: RoomsDatabase) =>
  db.query(`select i.bills_on from invoices i order by i.bills_on, i.id`);

const waiters = async (db: RoomsDatabase) =>
  (
    await db.query<{ waiting: number }>(
      `select count(*)::int as waiting from pg_stat_activity
        where datname = current_database() and wait_event_type = 'Lock'`,
    )
  )[0]?.waiting ?? 0;

describe("an order that stops sending", () => {
  it.each([
    ["cancel", { at: "now", void_open: true }],
    ["pause", {}],
    ["hold", { owner: "finance" }],
  ] as const)("waits for an intent that is being written: %s", async (doing, body) => {
    const tools = await decideTools();
    const { db } = tools;
    const of = await activeSubscription(db, "s-1", {
      nextIndex: 1,
      nextInvoiceAt: at("2027-04-09T17:00:00Z"),
    });
    const id = await storeInvoice(db, "s-1", { of });
    let ordered: Promise<Record<string, unknown>> = Promise.resolve({});
    await db.begin(async (tx) => {
      // As writeIntents does it: what is read here is what is sent.
      const [facts] = await loadFacts(tx, await lockInvoices(tx, [id]), NOON);
      expect(facts?.subscription).toMatchObject({ state: "active", collectionHold: false });
      ordered = order(tools, "s-1", doing, body);
      await until("the order waits", 10_000, async () => (await waiters(db)) === 1);
      await tx.query(
        `with d as (insert into decisions (invoice_id, at, rule, says, policy_version)
                    values ($1, now(), 'charge', 'for a test', 1) returning id)
         insert into payment_attempts (invoice_id, number, reference, amount, decision_id, created_at, last_sent_at)
         select $1, 1, 'R-1', 99000, d.id, now(), now() from d`,
        [id],
      );
    });
    const answer = await ordered;
    expect(JSON.stringify(answer)).toContain(doing === "cancel" ? "on_its_way" : "R-1");
  });

  it("and the opening of the same subscription's invoice go one after the other, whoever is first", async () => {
    for (const doing of ["pause", "cancel", "hold", "skip", "change-plan"] as const) {
      const tools = await decideTools();
      const { db } = tools;
      await activeSubscription(db, "s-1");
      const body = {
        cancel: { at: "now" },
        hold: { owner: "finance" },
        "change-plan": { plan: "gold", at: "now" },
      };
      await storeSubscription(db, "other");
      await db.query(`update plans set code = 'gold' where code = 'plan-of-other'`);
      const [ordered] = await Promise.allSettled([
        order(tools, "s-1", doing, body[doing as keyof typeof body] ?? {}),
        openDueInvoices(tools, 10),
        openDueInvoices(tools, 10),
      ]);
      await openDueInvoices(tools, 10);
      const opened = await billsOn(db);
      const [now] = await db.query<{ state: string; index: number }>(
        `select state, next_index as index from subscriptions where reference = 's-1'`,
      );
      expect(await db.query(`select id from exceptions`), doing).toEqual([]);
      // Change-plan is refused while the period in hand is not paid; else one order and at most one invoice.
      expect(opened.length, doing).toBeLessThanOrEqual(1);
      if (doing === "pause" || doing === "cancel")
        expect({ opened: opened.length, index: now?.index, ordered: ordered.status }).toMatchObject({
          opened: now?.index,
          ordered: "fulfilled",
        });
      else expect(opened.length, doing).toBe(doing === "skip" ? (now?.index ?? 0) : 1);
    }
  });
});

describe("locks", () => {
  it("an order and the record of a payment take the same rows in the same order: neither is done twice", async () => {
    const plain = await decideTools();
    let runs = 0;
    const begin: EventTools["db"]["begin"] = (work) =>
      plain.db.begin((tx) => {
        runs += 1;
        return work(tx);
      });
    const tools = { ...plain, db: { ...plain.db, begin } };
    const of = await activeSubscription(plain.db, "s-1", {
      nextIndex: 1,
      nextInvoiceAt: at("2027-04-09T17:00:00Z"),
    });
    const id = await storeInvoice(plain.db, "s-1", { of });
    const record = (mark: typeof markActive) =>
      begin(async (tx) => {
        await lockInvoices(tx, [id]);
        await mark(tx, [of.id]);
      });
    for (let round = 0; round < 10; round += 1) {
      await Promise.all([
        order(tools, "s-1", "hold", { owner: "finance" }),
        record(markPastDue),
        record(markActive),
      ]);
      await Promise.all([record(markPastDue), order(tools, "s-1", "release"), record(markActive)]);
    }
    // An order is one transaction, and another one shows what came of it.
    expect(runs).toBe(10 * (2 + 2 + 2 + 2));
  });
});
