import { pino } from "pino";
import { expect, it } from "vitest";
import { checkRules } from "../../src/invariants/check-rules.flow.ts";
import { ledgerAgrees } from "../../src/invariants/ledger-agrees.store.ts";
import { checkNightly } from "../../src/invariants/nightly-check.flow.ts";
import { RULES } from "../../src/invariants/rules.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { planFreely, type Tx } from "../../src/platform/database.ts";
import { declinedOnce, inDunning, onItsWay, order } from "../support/by-hand.ts";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { AMOUNT, addCustomer, dueInvoice, stories, story, subscribe } from "../support/stories.ts";

const HOUR_MS = 3_600_000;

/** A copy of an attempt under number 2, with everything that belongs to one. */
const SECOND_ATTEMPT = [
  `insert into decisions (invoice_id, at, rule, says, policy_version)
   select invoice_id, at, 'collect.due', 'once more', policy_version from decisions where invoice_id = $1
    order by id limit 1`,
  `insert into payment_attempts (invoice_id, number, reference, amount, state, decision_id, created_at, last_sent_at,
          closed_at)
   select invoice_id, 2, left(reference, 26) || '-2', amount, state,
          (select max(d.id) from decisions d where d.invoice_id = $1), created_at, last_sent_at, closed_at
     from payment_attempts where invoice_id = $1 and number = 1`,
  `insert into requests (invoice_id, attempt_number, external_id, lease_no, body, state, at, answered_at)
   select invoice_id, 2, '9' || substr(external_id, 2), lease_no, body, state, at, answered_at
     from requests where invoice_id = $1 and attempt_number = 1`,
  `insert into evidence (invoice_id, attempt_number, reference, gateway_reference, source, status, verdict, amount, at)
   select invoice_id, 2, left(reference, 26) || '-2', 'G-2', 'inquiry', status, verdict, amount, at
     from evidence where invoice_id = $1 and attempt_number = 1`,
];

type Who = "paid" | "refunded" | "byHand" | "dunning" | "declined" | "pending" | "skipped" | "weekly";

type Break = {
  /** Which invoice is `$1`; of `weekly` it is the second. */
  readonly of: Who;
  readonly sql: readonly string[];
  /** Rules that it cannot but break as well. */
  readonly also?: readonly string[];
};

/** What is done to the rows, by the rule that must see it, and no other may. */
const BREAKS: Readonly<Record<string, Readonly<Record<string, Break>>>> = {
  one_success_per_period: {
    "a second success": { of: "paid", sql: SECOND_ATTEMPT },
    "money for an invoice that is void": {
      of: "paid",
      sql: [`update invoices set state = 'void', paid_at = null, end_reason = 'asked' where id = $1`],
    },
  },
  one_payment_per_reference: {
    "a second gateway reference": {
      of: "paid",
      sql: [
        `insert into evidence (invoice_id, attempt_number, reference, gateway_reference, source, status, verdict, amount, at)
         select invoice_id, number, reference, 'G-other', 'inquiry', '00', 'paid', amount, now()
           from payment_attempts where invoice_id = $1`,
      ],
    },
  },
  one_live_attempt: {
    "a second live attempt": {
      of: "pending",
      sql: [`drop index payment_attempts_one_live`, ...SECOND_ATTEMPT],
      // Reports count an invoice once for each live attempt.
      also: ["sums_tie"],
    },
  },
  evidence_explains: {
    "a success that nobody told": {
      of: "paid",
      sql: [`update evidence set verdict = 'pending' where invoice_id = $1`],
    },
    "a failure that nobody told": {
      of: "declined",
      sql: [`update evidence set verdict = 'unknown' where invoice_id = $1`],
    },
    "a success that was not believed": {
      of: "pending",
      sql: [`update evidence set verdict = 'paid', gateway_reference = null where invoice_id = $1`],
    },
    "evidence of nobody": {
      of: "paid",
      sql: [
        `insert into evidence (invoice_id, attempt_number, reference, source, status, verdict, at)
         values ($1, 9, 'NOBODY-9', 'inquiry', '00', 'paid', now())`,
      ],
    },
  },
  paid_invoices_have_money: {
    "a payment by hand that was taken back": {
      of: "byHand",
      sql: [
        `update manual_payments set reversed_at = now(), reversed_by = 'x', reversal_reason = 'x' where invoice_id = $1`,
      ],
    },
    "money without effect": {
      of: "paid",
      sql: [
        `update invoices set state = 'open', paid_at = null, closed_at = null, waiting_for = 'person' where id = $1`,
      ],
    },
    "less money than was asked": {
      of: "paid",
      sql: [
        `update payment_attempts set amount = amount - 1 where invoice_id = $1`,
        `update evidence set amount = amount - 1 where invoice_id = $1`,
      ],
    },
  },
  refunds_within_payments: {
    "more back than came": {
      of: "refunded",
      sql: [`update refunds set amount = amount + 1 where invoice_id = $1`],
    },
  },
  amounts_are_sums: {
    "a line of another amount": {
      of: "paid",
      sql: [`update invoice_lines set amount = amount + 1 where invoice_id = $1`],
    },
    "no line": { of: "paid", sql: [`delete from invoice_lines where invoice_id = $1`] },
  },
  credit_is_conserved: {
    "credit of nobody": {
      of: "paid",
      sql: [
        `update subscriptions set credit = credit + 1 where id = (select subscription_id from invoices where id = $1)`,
      ],
    },
  },
  rollover_is_conserved: {
    "a rest that was lost": {
      of: "paid",
      sql: [
        `update subscriptions set rollover = rollover + 1 where id = (select subscription_id from invoices where id = $1)`,
      ],
    },
  },
  periods_tile: {
    "a period that nobody skipped": {
      of: "skipped",
      sql: [`delete from subscription_changes where kind = 'skipped'`],
    },
    "a day that is billed twice": {
      of: "weekly",
      sql: [
        `alter table invoices disable trigger user`,
        `update invoices set period_start = period_start - 1 where id = $1`,
      ],
    },
    "a period that is billed twice": {
      of: "weekly",
      sql: [
        `alter table invoices disable trigger user`,
        `drop index invoices_one_per_period`,
        `update invoices set period_index = period_index - 1 where id = $1`,
      ],
      // Both were paid.
      also: ["one_success_per_period"],
    },
  },
  schedules_keep_up: {
    "a period that is planned too late": {
      of: "paid",
      sql: [
        `update subscriptions set next_invoice_at = next_invoice_at + interval '1 day'
          where id = (select subscription_id from invoices where id = $1)`,
      ],
    },
    "a period that nobody opened": {
      of: "paid",
      sql: [
        `update subscriptions set next_invoice_at = (select at from clock) - interval '13 hours'
          where id = (select subscription_id from invoices where id = $1)`,
      ],
    },
    "a pause that was to end": {
      of: "paid",
      sql: [
        `update subscriptions set state = 'paused', next_invoice_at = null, paused_at = now(), resumes_on = '2027-03-01'
          where id = (select subscription_id from invoices where id = $1)`,
      ],
    },
  },
  open_invoices_are_attended: {
    "nobody's debt": {
      of: "dunning",
      sql: [
        `alter table invoices drop constraint invoices_open_is_attended`,
        `update invoices set next_action_at = null where id = $1`,
      ],
    },
    "a debt that nobody looked at": {
      of: "dunning",
      sql: [
        `update invoices set next_action_at = (select at from clock) - interval '13 hours' where id = $1`,
      ],
    },
    "a hold that is over": {
      of: "dunning",
      sql: [`update invoices set next_action_at = null, waiting_for = 'hold' where id = $1`],
    },
  },
  live_attempts_are_attended: {
    "an attempt that nobody asks about": {
      of: "pending",
      sql: [`update invoices set next_action_at = null, waiting_for = 'customer' where id = $1`],
    },
    "a review that nobody sees": {
      of: "pending",
      sql: [`update payment_attempts set state = 'review', review_reason = 'x' where invoice_id = $1`],
    },
  },
  rung_inquiries_are_made: {
    "an inquiry that was forgotten": {
      of: "paid",
      sql: [`update payment_attempts set inquire_at = now() where invoice_id = $1`],
    },
  },
  refunds_are_explained: {
    "a refund that nobody told": {
      of: "refunded",
      sql: [
        `update refund_evidence set verdict = 'unknown'
          where refund_id in (select id from refunds where invoice_id = $1)`,
      ],
    },
  },
  deliveries_have_evidence: {
    "a notice without effect": {
      of: "paid",
      sql: [
        `insert into inbox (kind, external_id, body, body_hash, reference, signature_form, state, at, handled_at)
         select 'payment', '1', '{}', 'x', 'other-' || left($1::text, 8), 'x', 'handled', now(), now()`,
      ],
    },
  },
  invoice_states_agree: {
    "paid at no time": {
      of: "paid",
      sql: [
        `alter table invoices drop constraint invoices_paid_says_when`,
        `update invoices set paid_at = null where id = $1`,
      ],
    },
    "of another customer": {
      of: "paid",
      sql: [`update invoices set customer_id = gen_random_uuid() where id = $1`],
    },
    "closed, and waiting": { of: "paid", sql: [`update invoices set waiting_for = 'method' where id = $1`] },
  },
  attempt_states_agree: {
    "sent without a request": { of: "paid", sql: [`delete from requests where invoice_id = $1`] },
    "sent under a lease that nobody gave": {
      of: "paid",
      sql: [`update requests set lease_no = 99 where invoice_id = $1`],
    },
    "sent without a decision": {
      of: "paid",
      sql: [
        `delete from decisions where id in (select decision_id from payment_attempts where invoice_id = $1)`,
      ],
    },
    "live, and closed": {
      of: "paid",
      sql: [
        `alter table payment_attempts drop constraint payment_attempts_closed_says_when`,
        `update payment_attempts set closed_at = null where invoice_id = $1`,
        // Nobody is asked about it: that is another rule's.
        `update invoices set leased_until = clock_timestamp() + interval '1 hour' where id = $1`,
      ],
    },
  },
  subscription_states_agree: {
    "active in dunning": {
      of: "dunning",
      sql: [
        `update subscriptions set state = 'active' where id = (select subscription_id from invoices where id = $1)`,
      ],
    },
    "past due without a debt": {
      of: "paid",
      sql: [
        `update subscriptions set state = 'past_due' where id = (select subscription_id from invoices where id = $1)`,
      ],
    },
    "paused at no time": {
      of: "paid",
      sql: [
        `alter table subscriptions drop constraint subscriptions_paused_says_when`,
        `update subscriptions set paused_at = now() where id = (select subscription_id from invoices where id = $1)`,
      ],
    },
  },
  sums_tie: {
    "an invoice that no report counts": {
      of: "paid",
      sql: [`update invoices set plan_version_id = gen_random_uuid() where id = $1`],
    },
  },
};

/** A house in which nearly everything has happened; answers the invoice of each story. */
async function livedIn(home: TestHouse): Promise<Readonly<Record<Who, string>>> {
  const reason = "as the customer asked";
  const weekly = await weekOf(home);
  const skipper = await weekOf(home);
  const changer = await dueInvoice(home);
  await home.settle();
  await home.api("POST", `/subscriptions/${skipper}/skip`, { reason });
  await home.api("POST", "/plans", { code: "small", name: "Kecil", amount: 20_000, interval: "month" });
  await home.api("POST", `/subscriptions/${changer.subscription}/change-plan`, {
    reason,
    plan: "small",
    at: "now",
  });
  await withdrawnChange(home);
  await home.live({ days: 15 });
  const paid = await dueInvoice(home);
  const refunded = await dueInvoice(home);
  await home.live({ hours: 1 });
  const given = await story(home, refunded.subscription);
  await home.api("POST", `/invoices/${given.id}/refunds`, { reason }, { "idempotency-key": "back" });
  await home.live({ hours: 1 });
  const byHand = await inDunning(home);
  await order(home, byHand, "mark-paid");
  await order(home, await inDunning(home), "void");
  const [, second] = await stories(home, weekly);
  return {
    weekly: second?.id ?? "",
    skipped: (await story(home, skipper)).id,
    paid: (await story(home, paid.subscription)).id,
    refunded: given.id,
    byHand: byHand.id,
    dunning: (await inDunning(home)).id,
    declined: (await declinedOnce(home)).id,
    pending: (await onItsWay(home)).id,
  };
}

/** A change to a dearer plan whose invoice was withdrawn, which made credit of the days it gave back, and issued again. */
async function withdrawnChange(home: TestHouse): Promise<void> {
  const { subscription } = await dueInvoice(home);
  await home.live({ days: 3 });
  await home.api("POST", "/plans", { code: "large", name: "Besar", amount: 200_000, interval: "month" });
  const asked = { reason: "as the customer asked", plan: "large", at: "now" };
  await home.api("POST", `/subscriptions/${subscription}/change-plan`, asked);
  const [change] = await home.query<{ id: string }>(
    `select id from invoices where kind = 'change' and state = 'open'`,
  );
  await order(home, change ?? { id: "" }, "void");
  const credit = await home.query(`select credit from subscriptions where reference = $1`, [subscription]);
  expect(credit).not.toEqual([{ credit: "0" }]);
  expect(await checkRules(home.house.db, RULES, { now: await home.now() })).toEqual([]);
  expect(await order(home, change ?? { id: "" }, "reissue")).toMatchObject({ status: 201 });
}

async function weekOf(home: TestHouse): Promise<string> {
  return subscribe(home, await addCustomer(home), { interval: "week", amount: AMOUNT });
}

/** Thrown to undo a break, which may have changed the schema. */
const UNDO = new Error("as it was");

/** Which rules find something after `sql`, which is then undone. */
async function brokenBy(home: TestHouse, sql: readonly string[], id: string): Promise<string[]> {
  const found: string[] = [];
  const undone = home.house.db.begin(async (tx: Tx) => {
    for (const statement of sql) await tx.query(statement, statement.includes("$1") ? [id] : []);
    await planFreely(tx);
    const now = await home.house.clock.now(tx);
    for (const { name, find } of RULES)
      if ((await find(tx, { now, patienceMs: 12 * HOUR_MS }, 10)).length > 0) found.push(name);
    throw UNDO;
  });
  await expect(undone).rejects.toBe(UNDO);
  return found;
}

it("each rule finds its own break, and no other rule does; of an honest house none finds anything", async () => {
  const home = await buildHouse();
  const invoices = await livedIn(home);
  const now = await home.now();
  expect(await checkRules(home.house.db, RULES, { now })).toEqual([]);
  expect(Object.keys(BREAKS).sort()).toEqual(RULES.map(({ name }) => name).sort());
  const seen: Record<string, string[]> = {};
  const expected: Record<string, string[]> = {};
  for (const [rule, breaks] of Object.entries(BREAKS))
    for (const [what, { of, sql, also = [] }] of Object.entries(breaks)) {
      seen[`${rule}: ${what}`] = (await brokenBy(home, sql, invoices[of])).sort();
      expected[`${rule}: ${what}`] = [rule, ...also].sort();
    }
  expect(seen).toEqual(expected);
  expect(await checkRules(home.house.db, RULES, { now })).toEqual([]);
});

it("the gateway's ledger is compared in both directions", async () => {
  const home = await buildHouse();
  const { paid } = await livedIn(home);
  const now = await home.now();
  const payments = home.simulator
    .ledger()
    .filter(({ kind }) => kind === "payment")
    .map(({ reference, amount }) => ({ reference, amount: -amount }));
  const broken = async (ledger: typeof payments) =>
    (await checkRules(home.house.db, [ledgerAgrees(ledger)], { now })).map(({ says }) => says);
  expect(await broken(payments)).toEqual([]);
  const [attempt] = await home.query<{ reference: string }>(
    `select reference from payment_attempts where invoice_id = $1`,
    [paid],
  );
  const { reference = "" } = attempt ?? {};
  expect(await broken(payments.filter((each) => each.reference !== reference))).toEqual([
    "succeeded, and the gateway took nothing",
  ]);
  expect(await broken([...payments, { reference, amount: AMOUNT }])).toEqual(["the gateway took it 2 times"]);
  expect(await broken([...payments, { reference: "nobody", amount: 1 }])).toEqual([
    "the gateway took 1 under a reference that is none of ours",
  ]);
});

it("once a business day, by one process, what is broken becomes an exception and an alarm", async () => {
  const home = await buildHouse({ lawful: false });
  const due = await dueInvoice(home);
  await home.live({ hours: 1 });
  const { db, clock } = home.house;
  const tools = { db, clock, log: pino({ level: "silent" }), zone: "Asia/Jakarta", rules: RULES };
  const ready = async () => (await fetch(`${home.doors.url}/readyz`)).json();
  const checks = await Promise.all([1, 2, 3].map(() => checkNightly(tools)));
  expect(checks.filter((each) => each !== null)).toEqual([[]]);
  expect(await ready()).toEqual({ status: "ready" });
  await home.query(`update subscriptions set credit = 1`);
  expect(await checkNightly(tools)).toBeNull();
  await home.jump({ days: 1 });
  expect(await checkNightly(tools)).toMatchObject([{ rule: "credit_is_conserved" }]);
  expect(await ready()).toEqual({
    status: "ready",
    alarms: ["credit_is_conserved is broken (1, checked for 2027-03-02)"],
  });
  const { id } = await story(home, due.subscription);
  expect(
    await home.query(`select kind, subject, says from exceptions where invoice_id is distinct from $1`, [id]),
  ).toEqual([
    {
      kind: "broken_rule",
      subject: expect.stringMatching(/^credit_is_conserved\//),
      says: expect.stringContaining("credit_is_conserved: sub-of-"),
    },
  ]);
  await home.query(`update subscriptions set credit = 0`);
  await home.jump({ days: 1 });
  expect(await checkNightly(tools)).toEqual([]);
  expect(await ready()).toEqual({ status: "ready" });
  // What was found stays before a person until somebody resolves it.
  expect(await home.query(`select kind from exceptions where closed_at is null`)).toEqual([
    { kind: "broken_rule" },
  ]);
});

it("a check that its process did not end is made by another one, hours later", async () => {
  const home = await buildHouse();
  const { db, clock } = home.house;
  const tools = { db, clock, log: pino({ level: "silent" }), zone: "Asia/Jakarta", rules: RULES };
  await home.query(`insert into rule_checks (day) values ('2027-03-01')`);
  expect(await checkNightly(tools)).toBeNull();
  await home.query(`update rule_checks set started_at = started_at - interval '3 hours'`);
  expect(await checkNightly(tools)).toEqual([]);
});

it("nothing is read between two rules that was not there before them, and nothing can be written", async () => {
  const home = await buildHouse();
  await dueInvoice(home);
  const now = (await home.now()) as Instant;
  const seen: number[] = [];
  const rule = {
    name: "counts",
    says: "",
    find: async (tx: Tx) => {
      const [row] = await tx.query<{ n: number }>(`select count(*)::int as n from invoices`);
      seen.push(row?.n ?? -1);
      await home.settle();
      return [];
    },
  };
  await checkRules(home.house.db, [rule, rule], { now });
  expect(seen[0]).toBe(seen[1]);
  const writes = {
    ...rule,
    find: async (tx: Tx) => {
      await tx.query(`update subscriptions set credit = 1`);
      return [];
    },
  };
  await expect(checkRules(home.house.db, [writes], { now })).rejects.toThrow("read-only");
});
