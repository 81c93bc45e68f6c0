import { expect, it } from "vitest";
import { declinedOnce, inDunning, onItsWay, order, view } from "../support/by-hand.ts";
import { buildHouse } from "../support/house.ts";
import { AMOUNT, dueInvoice, payments, stories, story, taken, tell } from "../support/stories.ts";

it("voiding never bills again by itself: the next invoice is the next period's", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  await order(home, invoice, "void");
  await home.live("2027-04-02T12:00:00+07:00");
  expect(await stories(home, invoice.subscription)).toMatchObject([{ state: "void" }, { state: "paid" }]);
  expect(
    await home.query(`select period_index, issue_number, state from invoices order by period_index`),
  ).toEqual([
    { period_index: 0, issue_number: 0, state: "void" },
    { period_index: 1, issue_number: 0, state: "paid" },
  ]);
  expect(taken(home, invoice)).toHaveLength(1);
});

it("a void invoice is issued again once, as an invoice of its own that is collected", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  await order(home, invoice, "void");
  const clerks = await Promise.all([order(home, invoice, "reissue"), order(home, invoice, "reissue")]);
  expect(clerks.map(({ status }) => status).sort()).toEqual([201, 409]);
  const again = clerks.find(({ status }) => status === 201)?.json as { id: string };
  expect(again).toMatchObject({
    state: "open",
    amount: AMOUNT,
    reissue_of: invoice.id,
    lines: [{ kind: "period" }],
  });
  await home.live({ hours: 1 });
  expect(await stories(home, invoice.subscription)).toMatchObject([{ state: "void" }, { state: "paid" }]);
  expect(taken(home, invoice)).toHaveLength(1);
  expect(await view(home, invoice)).toMatchObject({ state: "void", reissued_as: again.id });
  expect(await order(home, invoice, "reissue")).toMatchObject({
    status: 409,
    json: { detail: `it was issued again already, as ${again.id}` },
  });
});

it("what paid a void invoice after all has to go back before it is issued again", async () => {
  const home = await buildHouse();
  const invoice = await declinedOnce(home);
  await order(home, invoice, "void");
  await tell(home, invoice.reference);
  await home.handleInbox();
  expect(await order(home, invoice, "reissue")).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("give that money back first") },
  });
});

it("a write-off is undone: collecting goes back to the try that was planned, and not before it", async () => {
  const home = await buildHouse();
  const invoice = await declinedOnce(home);
  await order(home, invoice, "write-off");
  const { json } = await order(home, invoice, "reopen");
  expect(json).toMatchObject({ state: "open", closed_at: null, next_action_at: "2027-03-02T01:00:00.000Z" });
  await home.live("2027-03-02T07:00:00+07:00");
  expect(await story(home, invoice.subscription)).toMatchObject({ state: "open", subscription: "past_due" });
  expect(payments(home)).toHaveLength(1);
  await home.live("2027-03-02T09:00:00+07:00");
  expect(await story(home, invoice.subscription)).toMatchObject({ state: "paid", subscription: "active" });
  expect(taken(home, invoice)).toHaveLength(1);
});

it("what waited for a person waits for a person again", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  await home.query(`update invoices set waiting_for = 'person', next_action_at = null, retry_at = null`);
  await order(home, invoice, "write-off");
  await order(home, invoice, "mark-paid");
  expect(await order(home, invoice, "reopen")).toMatchObject({
    json: { state: "open", waiting_for: "person", next_action_at: null, paid_by_hand: false },
  });
  await home.live({ days: 3 });
  expect(payments(home)).toHaveLength(0);
});

it("a payment by hand is taken back: the row stays, the invoice is collected", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  await order(home, invoice, "mark-paid", { paid_on: "2027-02-27", amount: AMOUNT + 500 });
  await order(home, invoice, "reopen", { reason: "the transfer was for another shop" });
  await home.live("2027-03-02T09:00:00+07:00");
  expect(await view(home, invoice)).toMatchObject({
    state: "paid",
    paid_by_hand: false,
    manual_payments: [
      {
        amount: AMOUNT + 500,
        paid_on: "2027-02-27",
        reversed_by: "sari",
        reversal_reason: "the transfer was for another shop",
      },
    ],
  });
  const end = await story(home, invoice.subscription);
  expect(end.exceptions).toEqual(["surplus"]);
  expect(taken(home, invoice)).toHaveLength(1);
});

it("a payment by hand that is taken back where the gateway took the money too leaves it paid, not charged again", async () => {
  const home = await buildHouse();
  const invoice = await onItsWay(home);
  await order(home, invoice, "mark-paid", { force: true });
  expect(await order(home, invoice, "reopen")).toMatchObject({ status: 409 });
  await home.live({ days: 1 });
  expect(await order(home, invoice, "reopen")).toMatchObject({
    status: 200,
    json: { state: "paid", paid_by_hand: false },
  });
  await home.live({ days: 3 });
  const end = await story(home, invoice.subscription);
  expect(end).toMatchObject({ state: "paid", nextActionAt: null });
  expect(end.says.at(-1)).toContain("it stays paid, by");
  expect(payments(home)).toHaveLength(1);
  expect(await order(home, invoice, "reopen")).toMatchObject({ status: 409 });
});

it("what was written off may still be paid: by a page, and another way", async () => {
  const home = await buildHouse();
  const [first, second] = [await inDunning(home), await inDunning(home)];
  await order(home, first, "write-off");
  await order(home, second, "write-off");
  const { status, json } = await order(home, first, "pay-link");
  expect(status).toBe(201);
  const body = new URLSearchParams({ action: "confirm", phone: "" });
  await fetch(String(json["redirect_url"]), { method: "POST", body, redirect: "manual" });
  await home.live({ days: 2 });
  expect(await story(home, first.subscription)).toMatchObject({
    state: "paid",
    nextActionAt: null,
    exceptions: ["paid_after_write_off"],
  });
  expect(await order(home, second, "mark-paid")).toMatchObject({ status: 200, json: { state: "paid" } });
});

it("a page for a written-off invoice that nobody pays leaves it written off", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  await order(home, invoice, "write-off");
  await order(home, invoice, "pay-link");
  expect(await order(home, invoice, "mark-paid")).toMatchObject({ status: 409 });
  await home.live({ days: 2 });
  expect(await story(home, invoice.subscription)).toMatchObject({
    state: "uncollectible",
    nextActionAt: null,
    attempts: [{ state: "failed" }],
  });
});

it.each([
  ["void", "active"],
  ["mark-paid", "active"],
  ["pay-link", "active"],
  ["write-off", "unpaid"],
] as const)("an unpaid subscription after a %s of its last unpaid invoice is %s", async (doing, state) => {
  const home = await buildHouse();
  const customer = await dueInvoice(home, { balance: 0 });
  await home.live({ days: 40 });
  const invoice = await story(home, customer.subscription);
  expect(invoice).toMatchObject({ waitingFor: "customer", subscription: "unpaid" });
  home.simulator.changeWallet(customer.phone, { balance: 9 * AMOUNT });
  const { json } = await order(home, invoice, doing);
  if (doing === "pay-link") {
    const body = new URLSearchParams({ action: "confirm", phone: "" });
    await fetch(String(json["redirect_url"]), { method: "POST", body, redirect: "manual" });
  }
  await home.settle();
  const after = await story(home, customer.subscription);
  expect(after.subscription).toBe(state);
  if (state === "unpaid") return;
  expect(after.says.join("\n")).toContain(
    "billing goes on with the period of 2027-04-01; 1 late period is left to the catch-up policy (of the house)",
  );
  await home.live({ days: 1 });
  expect(await stories(home, customer.subscription)).toMatchObject([{}, { state: "paid" }]);
});

it("credit that a void invoice had used goes back, and its reissue uses what there is", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  const give = (amount: number) =>
    home.query(
      `insert into subscription_changes (subscription_id, kind, at, actor, details)
       select id, 'credit_given', now(), 'sari', jsonb_build_object('amount', $1::int) from subscriptions`,
      [amount],
    );
  await give(20_000);
  await home.query(`insert into invoice_lines (invoice_id, number, kind, amount, note)
                    select id, 2, 'credit', -20000, 'credit used' from invoices`);
  await home.query(`update invoices set amount = amount - 20000`);
  const credit = async () =>
    (await home.query<{ credit: string }>(`select credit from subscriptions`))[0]?.credit;
  await order(home, invoice, "void");
  expect(await credit()).toBe("20000");
  expect((await story(home, invoice.subscription)).says.at(-1)).toContain("gave Rp 20.000 of credit back");
  // Somebody used some of it meanwhile.
  await give(-15_000);
  await home.query(`update subscriptions set credit = 5000`);
  expect(await order(home, invoice, "reissue")).toMatchObject({
    status: 201,
    json: {
      amount: AMOUNT - 5_000,
      lines: [
        { number: 1, kind: "period", amount: AMOUNT },
        { number: 2, kind: "credit", amount: -5_000 },
      ],
    },
  });
  expect(await credit()).toBe("0");
  await home.live({ hours: 1 });
  expect(home.simulator.ledger().map(({ amount }) => amount)).toEqual([-(AMOUNT - 5_000)]);
});

it("the reissue of a reissue has a name of its own, and only the last one is owed", async () => {
  const home = await buildHouse();
  const first = await inDunning(home);
  await order(home, first, "void");
  const second = (await order(home, first, "reissue")).json as { id: string };
  expect(await order(home, first, "reissue")).toMatchObject({ status: 409 });
  expect(await order(home, second, "reissue")).toMatchObject({ status: 409 });
  await order(home, second, "void");
  const third = (await order(home, second, "reissue")).json as { id: string };
  expect(await home.query(`select id, issue_number, state from invoices order by issue_number`)).toEqual([
    { id: first.id, issue_number: 0, state: "void" },
    { id: second.id, issue_number: 1, state: "void" },
    { id: third.id, issue_number: 2, state: "open" },
  ]);
  await home.live({ hours: 1 });
  expect(taken(home, first)).toHaveLength(1);
});

it("a dry run of a way back shows it and keeps nothing", async () => {
  const home = await buildHouse();
  const [given, withdrawn] = [await inDunning(home), await inDunning(home)];
  await order(home, given, "write-off");
  await order(home, withdrawn, "void");
  const before = await home.query(`select * from invoices order by id`);
  const body = { reason: "only looking" };
  expect(await home.request("POST", `/invoices/${given.id}/reopen?dry_run=true`, body)).toMatchObject({
    json: { state: "open" },
  });
  expect(await home.request("POST", `/invoices/${withdrawn.id}/reissue?dry_run=true`, body)).toMatchObject({
    json: { state: "open", reissue_of: withdrawn.id },
  });
  expect(await home.query(`select * from invoices order by id`)).toEqual(before);
});

it("with another unpaid invoice left the subscription stays unpaid", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home, { balance: 0 });
  await home.live({ days: 40 });
  const invoice = await story(home, customer.subscription);
  await home.query(
    `insert into invoices (id, subscription_id, customer_id, plan_version_id, kind, period_index, period_start,
            period_end, bills_on, amount, waiting_for, first_failed_at, dunning_step, created_at)
     select gen_random_uuid(), subscription_id, customer_id, plan_version_id, 'change', period_index + 1, period_start,
            period_end, bills_on, amount, 'customer', first_failed_at, dunning_step, created_at
       from invoices where id = $1`,
    [invoice.id],
  );
  await home.query(
    `insert into invoice_lines (invoice_id, number, kind, amount) select id, 1, 'period', amount from invoices where kind = 'change'`,
  );
  await order(home, invoice, "mark-paid");
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid", subscription: "unpaid" });
});

it("a refund that is only asked for does not let the money be charged again; one that arrived does", async () => {
  const home = await buildHouse();
  const invoice = await onItsWay(home);
  await order(home, invoice, "mark-paid", { force: true });
  await home.live({ days: 1 });
  home.simulator.script({ match: { path: "refund" }, outcome: "timeout-before-commit" });
  await home.request(
    "POST",
    `/invoices/${invoice.id}/refunds`,
    { reason: "paid by transfer" },
    {
      "idempotency-key": "back-1",
    },
  );
  expect(await order(home, invoice, "reopen")).toMatchObject({
    status: 409,
    json: { detail: expect.stringMatching(/refund \S+-R1 is on its way/) },
  });
  await home.live({ days: 3 });
  expect(await home.query(`select state from refunds`)).toEqual([{ state: "refunded" }]);
  expect(await order(home, invoice, "reopen")).toMatchObject({ status: 200, json: { state: "open" } });
  await home.live({ days: 1 });
  expect(await story(home, invoice.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ state: "succeeded" }, { state: "succeeded" }],
  });
});

it("money for an earlier void invoice of the period keeps the next one from being issued again", async () => {
  const home = await buildHouse();
  const first = await declinedOnce(home);
  await order(home, first, "void");
  const second = (await order(home, first, "reissue")).json as { id: string };
  await order(home, second, "void");
  await tell(home, first.reference);
  await home.handleInbox();
  expect(await order(home, second, "reissue")).toMatchObject({
    status: 409,
    json: { detail: `${first.reference} paid it after all: give that money back first` },
  });
});
