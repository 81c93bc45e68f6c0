import { describe, expect, it } from "vitest";
import { openDueInvoices } from "../../src/invoices/open-invoices.flow.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Subscription } from "../../src/subscriptions/subscription.ts";
import { call } from "../support/call-route.ts";
import { at, type RoomsDatabase, storeSubscription } from "../support/rooms.ts";
import { beatAt, type EventTools, eventRoutes, order, payAll } from "../support/subscription-events.ts";
import { activeSubscription, decideTools, storeAttempt, storeInvoice } from "./invoice-rows.ts";

/** A subscription from 10 March whose first invoice is open. */
async function billed(
  tools: EventTools,
  more: Parameters<typeof storeSubscription>[2] = {},
): Promise<Subscription> {
  const subscription = await activeSubscription(tools.db, "s-1", more);
  await openDueInvoices(tools, 10);
  return subscription;
}

const billsOn = async (db: RoomsDatabase) =>
  (await db.query<{ on: string }>(`select bills_on::text as on from invoices order by bills_on, id`)).map(
    ({ on }) => on,
  );
const changes = async (db: RoomsDatabase) =>
  db.query<{ kind: string; actor: string; reason: string | null; details: Record<string, unknown> }>(
    `select kind, actor, reason, details from subscription_changes order by id`,
  );
describe("every event", () => {
  it("is told in the timeline with who did it and why", async () => {
    const tools = await decideTools();
    await billed(tools);
    const events: [string, Record<string, unknown>][] = [
      ["hold", { owner: "finance" }],
      ["release", {}],
      ["pause", {}],
      ["resume", {}],
      ["skip", {}],
      ["zone", { zone: "Asia/Jayapura" }],
      ["re-anchor", { billing_day: 25 }],
      ["cancel", { at: "period_end" }],
      ["uncancel", {}],
      ["cancel", { at: "now" }],
    ];
    for (const [doing, body] of events) await order(tools, "s-1", doing, body);
    const by = { actor: "sari", reason: "as the customer asked" };
    expect(await changes(tools.db)).toMatchObject(
      [
        ["held", "released", "paused", "resumed", "skipped", "zone_changed", "anchor_moved"],
        ["cancel_planned", "cancel_taken_back", "canceled"],
      ]
        .flat()
        .map((kind) => ({ ...by, kind })),
    );
  });

  it("of a subscription that has ended is refused, with the cure", async () => {
    const tools = await decideTools();
    await billed(tools);
    await order(tools, "s-1", "cancel", { at: "now" });
    const events: [string, Record<string, unknown>][] = [
      ["cancel", { at: "now" }],
      ["cancel", { at: "period_end" }],
      ["uncancel", {}],
      ["pause", {}],
      ["resume", {}],
      ["hold", { owner: "finance" }],
      ["skip", {}],
      ["zone", { zone: "Asia/Jayapura" }],
      ["re-anchor", { billing_day: 25 }],
      ["change-plan", { plan: "plan-of-s-1", at: "now" }],
    ];
    for (const [doing, body] of events)
      await expect(order(tools, "s-1", doing, body), doing).rejects.toMatchObject({
        code: "conflict",
        message: expect.stringMatching(/canceled since 2027-03-10 and stays so: make a new one/),
      });
  });

  it.each([
    ["resume", {}, "s-1 is active, not paused"],
    ["release", {}, "nobody holds subscription s-1"],
    ["uncancel", {}, "s-1 is not canceled: there is nothing to take back"],
    ["zone", { zone: "Asia/Jakarta" }, "s-1 is in Asia/Jakarta already"],
    ["skip", { from: "2027-03-10" }, "begins on 2027-04-10, not on 2027-03-10"],
    ["re-anchor", { on: "2027-04-09" }, "days before 2027-04-10 are billed already"],
    ["pause", { resumes_on: "2027-03-10" }, "resumes_on: must be after 2027-03-10"],
    ["hold", { owner: "finance", ends_on: "2027-03-10" }, "ends_on: must be after 2027-03-10"],
    ["hold", {}, "owner: must say who answers for it"],
    ["pause", { reason: "" }, "reason: must say why, in at least 3 characters"],
    ["re-anchor", {}, "say on, billing_day or choice"],
    ["change-plan", { plan: "plan-of-s-1", at: "now" }, "on plan-of-s-1 at that price already"],
    ["change-plan", { plan: "nothing", at: "now" }, "there is no plan nothing"],
  ] as const)("that cannot be is refused in words: %s %o", async (doing, body, says) => {
    const tools = await decideTools();
    await billed(tools);
    await expect(order(tools, "s-1", doing, body)).rejects.toThrow(says);
    expect(await changes(tools.db)).toEqual([]);
  });

  it.each([
    ["incomplete", "pause"],
    ["unpaid", "pause"],
    ["incomplete", "skip"],
    ["unpaid", "skip"],
    ["paused", "skip"],
    ["paused", "pause"],
    ["unpaid", "change-plan"],
    ["paused", "change-plan"],
    ["incomplete", "re-anchor"],
  ] as const)("in the wrong state is refused: %s, %s", async (state, doing) => {
    const tools = await decideTools();
    await storeSubscription(tools.db, "s-1", { state });
    const body = { "change-plan": { plan: "plan-of-s-1", at: "now" }, "re-anchor": { billing_day: 3 } };
    await expect(order(tools, "s-1", doing, body[doing as keyof typeof body] ?? {})).rejects.toMatchObject({
      code: "conflict",
      message: expect.stringContaining(state),
    });
  });
});

describe("a cancel", () => {
  it("leaves what is owed with a person, and says so in a decision", async () => {
    const tools = await decideTools();
    await billed(tools);
    const answer = await order(tools, "s-1", "cancel", { at: "now" });
    expect(answer).toMatchObject({
      state: "canceled",
      invoices: [{ outcome: "waits_for_person", amount: 99_000 }],
    });
    expect(await tools.db.query(`select state, waiting_for, next_action_at from invoices`)).toEqual([
      { state: "open", waiting_for: "person", next_action_at: null },
    ]);
    expect(await tools.db.query(`select says from decisions where rule = 'subscription.canceled'`)).toEqual([
      { says: expect.stringMatching(/^sari canceled the subscription: Rp 99.000 stays owed/) },
    ]);
  });

  it("with void_open withdraws it, gives its credit back and tells a person about the credit", async () => {
    const tools = await decideTools();
    await billed(tools, { credit: rupiah(30_000) });
    const answer = await order(tools, "s-1", "cancel", { at: "now", void_open: true });
    expect(answer).toMatchObject({ credit: 30_000, invoices: [{ outcome: "voided", amount: 69_000 }] });
    expect(await tools.db.query(`select state from invoices`)).toEqual([{ state: "void" }]);
    expect(await tools.db.query(`select kind, says from exceptions`)).toEqual([
      { kind: "left_over", says: expect.stringContaining("Rp 30.000 of credit") },
    ]);
  });

  it("does not touch an attempt that may still take money", async () => {
    const tools = await decideTools();
    const of = await activeSubscription(tools.db, "s-1");
    const id = await storeInvoice(tools.db, "s-1", { of });
    await storeAttempt(tools.db, id, { state: "pending" });
    const before = await tools.db.query(`select state, next_action_at, waiting_for from invoices`);
    const answer = await order(tools, "s-1", "cancel", { at: "now", void_open: true });
    expect(answer).toMatchObject({ invoices: [{ id, outcome: "on_its_way" }] });
    expect(await tools.db.query(`select state, next_action_at, waiting_for from invoices`)).toEqual(before);
  });

  it("names what is never billed by it, and frees the hold and the pause", async () => {
    const tools = await decideTools();
    await billed(tools);
    await payAll(tools);
    await order(tools, "s-1", "hold", { owner: "finance", ends_on: "2027-06-01" });
    // Two periods go by without a beat.
    await tools.db.query(`update clock set at = '2027-05-20T05:00:00Z'`);
    await order(tools, "s-1", "cancel", { at: "now" });
    const [last] = (await changes(tools.db)).slice(-1);
    expect(last).toMatchObject({
      kind: "canceled",
      details: {
        never_billed: [
          { from: "2027-04-10", to: "2027-05-10" },
          { from: "2027-05-10", to: "2027-06-10" },
        ],
      },
    });
    await beatAt(tools, "2027-08-01T05:00:00Z");
    expect(await billsOn(tools.db)).toEqual(["2027-03-10"]);
  });

  it("at the period's end is refused while late periods would be lost by it", async () => {
    const tools = await decideTools();
    await billed(tools);
    await beatAt(tools, "2027-05-20T05:00:00Z");
    const asked = order(tools, "s-1", "cancel", { at: "period_end" });
    await expect(asked).rejects.toThrow("the period from 2027-05-10 is late and not invoiced yet");
  });

  it("by two clerks at once is done once, and the second is told", async () => {
    const tools = await decideTools();
    await billed(tools);
    const both = await Promise.allSettled([
      order(tools, "s-1", "cancel", { at: "now", void_open: true }),
      order(tools, "s-1", "cancel", { at: "now", void_open: true }),
    ]);
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    expect((await changes(tools.db)).map(({ kind }) => kind)).toEqual(["canceled"]);
    expect(await tools.db.query(`select rule from decisions where rule = 'void'`)).toHaveLength(1);
  });
});

describe("a pause", () => {
  it("resumed before the days that are billed are over changes no date", async () => {
    const tools = await decideTools();
    await billed(tools);
    for (const anchor of ["keep", "move"]) {
      await order(tools, "s-1", "pause");
      await tools.db.query(`update clock set at = at + interval '3 days'`);
      const answer = await order(tools, "s-1", "resume", { anchor });
      expect(answer).toMatchObject({ state: "active", next_invoice_on: "2027-04-10", counted_from: null });
    }
  });

  it.each([
    ["keep", ["2027-03-10", "2027-06-10"]],
    ["move", ["2027-03-10", "2027-05-20", "2027-06-20"]],
  ] as const)("over two boundaries is not billed; the anchor is asked to %s", async (anchor, dates) => {
    const tools = await decideTools();
    await billed(tools);
    await payAll(tools);
    await order(tools, "s-1", "pause");
    await beatAt(tools, "2027-05-20T05:00:00Z");
    await order(tools, "s-1", "resume", { anchor });
    await beatAt(tools, "2027-05-20T05:00:00Z");
    await payAll(tools);
    await beatAt(tools, "2027-06-25T05:00:00Z");
    expect(await billsOn(tools.db)).toEqual(dates);
  });

  it("of a day is over on that day in its own zone, also when the house was away then", async () => {
    const tools = await decideTools();
    await billed(tools);
    await payAll(tools);
    await order(tools, "s-1", "pause", { resumes_on: "2027-05-10" });
    // 10 May begins in Jakarta at 17:00 UTC of the 9th.
    await beatAt(tools, "2027-05-09T16:59:00Z");
    expect(await tools.db.query(`select state from subscriptions`)).toEqual([{ state: "paused" }]);
    // Three days away: the period of 10 May is late, and not lost.
    await beatAt(tools, "2027-05-13T05:00:00Z");
    expect(await billsOn(tools.db)).toEqual(["2027-03-10", "2027-05-10"]);
    expect(await tools.db.query(`select state, paused_at, resumes_on from subscriptions`)).toEqual([
      { state: "active", paused_at: null, resumes_on: null },
    ]);
    expect((await changes(tools.db)).at(-1)).toMatchObject({
      kind: "resumed",
      actor: "house",
      details: { not_billed: { from: "2027-04-10", to: "2027-05-10" } },
    });
  });

  it("of a trial goes back to the trial, and after it begins with the first period", async () => {
    const tools = await decideTools();
    const more = {
      state: "trialing",
      nextInvoiceAt: at("2027-04-09T17:00:00Z"),
      terms: { trialEndsOn: "2027-04-10" },
    };
    await activeSubscription(tools.db, "s-1", more as never);
    await order(tools, "s-1", "pause");
    await beatAt(tools, "2027-03-20T05:00:00Z");
    expect(await order(tools, "s-1", "resume")).toMatchObject({
      state: "trialing",
      next_invoice_on: "2027-04-10",
    });
    await order(tools, "s-1", "pause");
    await beatAt(tools, "2027-04-25T05:00:00Z");
    expect(await order(tools, "s-1", "resume", { anchor: "move" })).toMatchObject({
      state: "active",
      next_invoice_on: "2027-04-25",
    });
  });

  it("is refused while late periods would be lost by it, unless that is meant", async () => {
    const tools = await decideTools();
    await billed(tools);
    await tools.db.query(`update clock set at = '2027-04-12T05:00:00Z'`);
    await expect(order(tools, "s-1", "pause")).rejects.toThrow(
      /the period from 2027-04-10 should have been invoiced/,
    );
    await order(tools, "s-1", "pause", { pass_over: true });
    expect((await changes(tools.db)).at(-1)).toMatchObject({
      details: { passed_over: [{ from: "2027-04-10", to: "2027-05-10" }] },
    });
  });

  it("keeps a debt in dunning in arrears when it is resumed, and completes what nothing is left of", async () => {
    const tools = await decideTools();
    await billed(tools, { terms: { endsOn: "2027-05-10" } });
    await tools.db.query(`update invoices set first_failed_at = now()`);
    await order(tools, "s-1", "pause");
    await order(tools, "s-1", "resume");
    expect(await tools.db.query(`select state from subscriptions`)).toEqual([{ state: "past_due" }]);
    await payAll(tools);
    await order(tools, "s-1", "pause");
    await beatAt(tools, "2027-06-01T05:00:00Z");
    expect(await order(tools, "s-1", "resume")).toMatchObject({ state: "completed", next_invoice_on: null });
  });

  it("that cannot be ended by itself is left to a person, and stops no other", async () => {
    const tools = await decideTools();
    const { db } = tools;
    for (const name of ["s-1", "s-2"]) {
      await activeSubscription(db, name);
      await order(tools, name, "pause", { resumes_on: "2027-03-20" });
    }
    await db.query(`update subscriptions set interval_unit = 'week', billing_month = 2, start_on = '0001-01-01',
                           counted_from_on = '2027-03-10', counted_from_index = 0 where reference = 's-1'`);
    await db.query(
      `alter table subscriptions add constraint poison check (reference <> 's-1' or state = 'paused')`,
    );
    try {
      await beatAt(tools, "2027-03-21T05:00:00Z");
    } finally {
      await db.query(`alter table subscriptions drop constraint poison`);
    }
    expect(await db.query(`select reference, state, resumes_on from subscriptions order by 1`)).toEqual([
      { reference: "s-1", state: "paused", resumes_on: null },
      { reference: "s-2", state: "active", resumes_on: null },
    ]);
    expect(await db.query(`select kind, says from exceptions`)).toEqual([
      { kind: "parked", says: expect.stringMatching(/^s-1: its pause cannot be ended/) },
    ]);
  });
});

describe("a hold", () => {
  it("has one owner at a time: the second clerk is told who", async () => {
    const tools = await decideTools();
    await billed(tools);
    await order(tools, "s-1", "hold", { owner: "finance", reason: "a dispute" });
    await expect(order(tools, "s-1", "hold", { owner: "legal" })).rejects.toThrow(
      "finance holds subscription s-1 already (a dispute): release it first",
    );
    await order(tools, "s-1", "release");
    expect(await order(tools, "s-1", "hold", { owner: "legal" })).toMatchObject({ hold: { owner: "legal" } });
  });

  it("that ends makes what waited for it due, with one try in spite of the plan", async () => {
    const tools = await decideTools();
    await billed(tools);
    await tools.db.query(`update invoices set waiting_for = 'hold', next_action_at = null`);
    await order(tools, "s-1", "hold", { owner: "finance", ends_on: "2027-03-12" });
    await beatAt(tools, "2027-03-11T17:00:00Z");
    expect(await tools.db.query(`select waiting_for, next_action_at, asked_at from invoices`)).toEqual([
      {
        waiting_for: null,
        next_action_at: at("2027-03-11T17:00:00Z").toJSDate(),
        asked_at: at("2027-03-11T17:00:00Z").toJSDate(),
      },
    ]);
  });
});

describe("the calendar", () => {
  it("skips one period, and the others stay where they are", async () => {
    const tools = await decideTools();
    await billed(tools, { terms: { cycles: 3, startOn: "2027-01-31" }, nextIndex: 1 });
    // Clerks who both mean 31 March skip one period, not two.
    const both = await Promise.allSettled(
      [1, 2].map(() => order(tools, "s-1", "skip", { from: "2027-03-31" })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
    await beatAt(tools, "2027-04-30T05:00:00Z");
    expect(await billsOn(tools.db)).toEqual(["2027-02-28", "2027-04-30"]);
  });

  it("moves to another zone from the next period on", async () => {
    const tools = await decideTools();
    await billed(tools);
    const answer = await order(tools, "s-1", "zone", { zone: "America/New_York" });
    expect(answer).toMatchObject({ next_invoice_on: "2027-04-10", zone: "America/New_York" });
    await beatAt(tools, "2027-04-10T03:59:00Z");
    expect(await billsOn(tools.db)).toHaveLength(1);
    await beatAt(tools, "2027-04-10T04:00:00Z");
    expect(await billsOn(tools.db)).toHaveLength(2);
  });

  it.each([
    [{ billing_day: 25 }, ["2027-04-10", "2027-04-25", "2027-05-25"]],
    [{ on: "2027-04-20" }, ["2027-04-20", "2027-05-20"]],
    [{ on: "2027-04-20", choice: "keep" }, ["2027-04-20", "2027-05-10"]],
  ] as const)("is re-anchored by choice: %o", async (body, dates) => {
    const tools = await decideTools();
    await billed(tools);
    await order(tools, "s-1", "re-anchor", body);
    for (const day of ["2027-04-11", "2027-04-26", "2027-05-26"]) await beatAt(tools, `${day}T05:00:00Z`);
    expect((await billsOn(tools.db)).slice(1)).toEqual(dates);
  });

  it("refuses a billing day where periods are counted in days", async () => {
    const tools = await decideTools();
    await billed(tools, { terms: { interval: { unit: "week", count: 1 } } });
    await expect(order(tools, "s-1", "re-anchor", { billing_day: 3 })).rejects.toThrow("counted in days");
  });
});

describe("a discount", () => {
  it("is given from the next period on, and ended", async () => {
    const tools = await decideTools();
    await billed(tools);
    const given = await order(tools, "s-1", "discounts", { percent: 10, periods: 2 });
    expect(given).toMatchObject({ percent: 10, from_index: 1, periods: 2, created_by: "sari" });
    await beatAt(tools, "2027-04-10T05:00:00Z");
    await payAll(tools);
    expect(await tools.db.query(`select amount::int from invoices order by bills_on`)).toEqual([
      { amount: 99_000 },
      { amount: 89_100 },
    ]);
    const path = "/subscriptions/:reference/discounts/:id";
    const params = { reference: "s-1", id: String(given["id"]) };
    const ends = () => call(eventRoutes(tools), "DELETE", path, { params });
    await ends();
    await expect(ends()).rejects.toMatchObject({ code: "not_found" });
    await beatAt(tools, "2027-05-10T05:00:00Z");
    expect(await tools.db.query(`select amount::int from invoices order by bills_on desc limit 1`)).toEqual([
      { amount: 99_000 },
    ]);
  });
});
