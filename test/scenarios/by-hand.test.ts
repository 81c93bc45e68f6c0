import { expect, it } from "vitest";
import { byHandRoutes } from "../../src/invoices/by-hand.routes.ts";
import { declinedOnce, inDunning, onItsWay, order, view } from "../support/by-hand.ts";
import { buildHouse } from "../support/house.ts";
import { AMOUNT, dueInvoice, payments, stories, story, taken, tell } from "../support/stories.ts";

it.each([
  ["void", "void"],
  ["write-off", "uncollectible"],
  ["mark-paid", "paid"],
] as const)("a %s stops the ladder, and the subscription is not past due any more", async (doing, state) => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  const { status, json } = await order(home, invoice, doing);
  expect(status).toBe(200);
  expect(json).toMatchObject({ state, next_action_at: null, paid_by_hand: state === "paid" });
  await home.live({ days: 25 });
  const [end] = await stories(home, invoice.subscription);
  expect(end).toMatchObject({ state, subscription: "active", nextActionAt: null, waitingFor: null });
  expect(end?.says.at(-1)).toContain("sari");
  expect(end?.says.at(-1)).toContain("the planned try is off: as the customer asked");
  expect(payments(home)).toHaveLength(0);
});

it.each([
  ["void", "void"],
  ["write-off", "uncollectible"],
  ["mark-paid", "paid"],
] as const)("a %s that commits while the balance is read wins: nothing leaves", async (doing, state) => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.proxy({
    balance: async (token) => {
      home.proxy({});
      const answer = await home.house.collect.gateway.balance(token);
      expect(await order(home, await story(home, customer.subscription), doing)).toMatchObject({
        status: 200,
      });
      return answer;
    },
  });
  await home.live({ days: 2 });
  expect(payments(home)).toHaveLength(0);
  expect(await story(home, customer.subscription)).toMatchObject({
    state,
    nextActionAt: null,
    attempts: [],
    requests: [],
  });
});

it.each([["void"], ["write-off"], ["mark-paid"]] as const)(
  "a %s is refused while a payment is on the wire, and nothing changes",
  async (doing) => {
    const home = await buildHouse();
    const customer = await dueInvoice(home);
    home.proxy({
      pay: async (request) => {
        expect(await order(home, await story(home, customer.subscription), doing)).toMatchObject({
          status: 409,
          json: { detail: expect.stringContaining("is requested: wait until its fate is known") },
        });
        return home.house.collect.gateway.pay(request);
      },
    });
    await home.live({ hours: 1 });
    const end = await story(home, customer.subscription);
    expect(end).toMatchObject({ state: "paid", exceptions: [] });
    expect(end.rules).not.toContain(doing.replace("-", "_"));
    expect(taken(home, customer)).toHaveLength(1);
  },
);

it("with force an invoice is marked as paid although a payment is on the wire; what that takes is a surplus", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.proxy({
    pay: async (request) => {
      const now = await story(home, customer.subscription);
      expect(await order(home, now, "mark-paid", { force: true })).toMatchObject({ status: 200 });
      return home.house.collect.gateway.pay(request);
    },
  });
  await home.live({ days: 2 });
  const end = await story(home, customer.subscription);
  expect(end).toMatchObject({
    state: "paid",
    nextActionAt: null,
    attempts: [{ state: "succeeded" }],
    exceptions: ["surplus"],
  });
  expect(await view(home, end)).toMatchObject({
    paid_by_hand: true,
    manual_payments: [{ amount: AMOUNT, proof: "BCA 0001", forced: true, recorded_by: "sari" }],
  });
  expect(taken(home, customer)).toHaveLength(1);
});

it("a forced payment by hand is asked about until the attempt is settled", async () => {
  const home = await buildHouse();
  const invoice = await onItsWay(home);
  expect(await order(home, invoice, "mark-paid")).toMatchObject({ status: 409 });
  expect(await order(home, invoice, "mark-paid", { force: true })).toMatchObject({
    status: 200,
    json: { state: "paid", next_action_at: expect.any(String) },
  });
  await home.live({ days: 1 });
  expect(await story(home, invoice.subscription)).toMatchObject({
    state: "paid",
    nextActionAt: null,
    attempts: [{ state: "succeeded" }],
    exceptions: ["surplus"],
  });
});

it.each([
  ["void", "void", ["late_success", "surplus"]],
  ["write-off", "paid", ["late_success", "paid_after_write_off"]],
  ["mark-paid", "paid", ["late_success", "surplus"]],
] as const)(
  "a success that arrives after a %s is money that a person sees",
  async (doing, state, exceptions) => {
    const home = await buildHouse();
    const invoice = await declinedOnce(home);
    expect(await order(home, invoice, doing)).toMatchObject({ status: 200 });
    await tell(home, invoice.reference);
    await home.live({ days: 3 });
    const end = await story(home, invoice.subscription);
    expect(end).toMatchObject({ state, nextActionAt: null, attempts: [{ number: 1, state: "succeeded" }] });
    expect([...end.exceptions].sort()).toEqual(exceptions);
    expect(payments(home)).toHaveLength(1);
  },
);

it.each([
  ["void", ["void", "write-off", "mark-paid"], "void"],
  ["write-off", ["void", "write-off"], "uncollectible"],
  ["mark-paid", ["void", "write-off", "mark-paid"], "paid"],
] as const)("after a %s the closings that make no sense are refused", async (doing, refused, state) => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  await order(home, invoice, doing);
  for (const each of refused) expect(await order(home, invoice, each)).toMatchObject({ status: 409 });
  expect(await view(home, invoice)).toMatchObject({ state });
});

it("of two clerks at once one is told that the other was first", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  const answers = await Promise.all(
    (["mark-paid", "mark-paid", "void", "write-off", "mark-paid", "void"] as const).map((doing) =>
      order(home, invoice, doing),
    ),
  );
  const done = answers.filter(({ status }) => status === 200);
  // A payment by hand also settles what was written off a moment before.
  const { rules } = await story(home, invoice.subscription);
  const closings = rules.filter((rule) => ["void", "write_off", "mark_paid"].includes(rule));
  expect(closings).toHaveLength(done.length);
  expect([["void"], ["mark_paid"], ["write_off", "mark_paid"]]).toContainEqual(closings);
  const kept = await home.query(`select id from manual_payments where reversed_at is null`);
  expect(kept).toHaveLength(closings.includes("mark_paid") ? 1 : 0);
  await home.live({ days: 2 });
  expect(payments(home)).toHaveLength(0);
});

it("the same key again gets the same answer, and there is one payment by hand", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  const first = await order(home, invoice, "mark-paid", {}, "transfer-1");
  const again = await order(home, invoice, "mark-paid", {}, "transfer-1");
  expect(again).toEqual(first);
  expect(await home.query(`select id from manual_payments`)).toHaveLength(1);
  expect(await order(home, invoice, "mark-paid", { reason: "another one" }, "transfer-1")).toMatchObject({
    status: 409,
  });
  expect((await home.request("POST", `/invoices/${invoice.id}/void`, { reason: "no key" })).status).toBe(422);
});

it("a charge that never left gives way to a closing, once the gateway confirms it", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  const raw = { httpStatus: null, body: null };
  home.proxy({ pay: async () => ({ verdict: { kind: "not_sent", cause: "ECONNREFUSED" }, raw }) });
  await home.settle();
  const invoice = await story(home, customer.subscription);
  expect(invoice.attempts).toMatchObject([{ state: "unsent" }]);
  expect(await order(home, invoice, "void")).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("ask again then") },
  });
  await home.jump({ minutes: 2 });
  expect(await order(home, invoice, "void")).toMatchObject({ status: 200, json: { state: "void" } });
  home.proxy({});
  await home.live({ days: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "void",
    nextActionAt: null,
    attempts: [{ state: "failed", message: "never left" }],
    evidence: ["answer not_sent", "inquiry not_found"],
  });
  expect(payments(home)).toHaveLength(0);
});

it("what did arrive although we believed it never left is paid, and the closing refused", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  const raw = { httpStatus: null, body: null };
  home.simulator.script({ match: {}, outcome: "notify-never" });
  home.proxy({
    pay: async (request) => {
      await home.house.collect.gateway.pay(request);
      return { verdict: { kind: "not_sent", cause: "a lie" }, raw };
    },
  });
  await home.settle();
  await home.jump({ minutes: 2 });
  const invoice = await story(home, customer.subscription);
  expect(await order(home, invoice, "write-off")).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("the invoice is paid") },
  });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid", exceptions: [] });
});

it("a dry run shows what would be, keeps nothing and asks the gateway nothing", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  const before = await home.query(`select * from invoices`);
  const decisions = invoice.rules.length;
  for (const [doing, state] of [
    ["void", "void"],
    ["write-off", "uncollectible"],
    ["mark-paid", "paid"],
  ] as const) {
    const proof = doing === "mark-paid" ? { proof: "BCA 1" } : {};
    const body = { reason: "only looking", ...proof };
    const shown = await home.request("POST", `/invoices/${invoice.id}/${doing}?dry_run=true`, body);
    expect(shown).toMatchObject({ status: 200, json: { state } });
  }
  expect(await home.query(`select * from invoices`)).toEqual(before);
  expect((await story(home, invoice.subscription)).rules).toHaveLength(decisions);
  expect(await home.query(`select id from manual_payments`)).toEqual([]);
});

it("wrong fields are named", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  const wrong = async (body: object) => {
    const { status, json } = await order(home, invoice, "mark-paid", body);
    expect(status).toBe(422);
    return (json["errors"] as { field: string }[]).map(({ field }) => field);
  };
  expect(await wrong({ reason: "", proof: undefined })).toEqual(["reason", "proof"]);
  expect(await wrong({ amount: AMOUNT - 1 })).toEqual(["amount"]);
  expect(await wrong({ paid_on: "2027-03-02" })).toEqual(["paid_on"]);
  expect(await wrong({ sum: 1 })).toEqual(["sum"]);
  expect(await order(home, { id: "no-such" }, "void")).toMatchObject({ status: 404 });
  expect(await order(home, { id: "00000000-0000-4000-8000-000000000000" }, "void")).toMatchObject({
    status: 404,
  });
  expect(await view(home, invoice)).toMatchObject({ state: "open", manual_payments: [] });
});

it("force is for an operator: anybody else is refused before anything is looked at", async () => {
  const home = await buildHouse();
  const invoice = await onItsWay(home);
  const route = byHandRoutes({ collect: home.collect, ring: async () => {} }).find(({ path }) =>
    path.endsWith("/mark-paid"),
  );
  const ask = (role: "billing" | "finance" | "operator") =>
    route?.run({
      params: { id: invoice.id },
      body: { reason: "seen in the bank", proof: "BCA 0001", force: true } as never,
      query: undefined as never,
      actor: { name: "dewi", role },
      dryRun: false,
    });
  await expect(ask("billing")).rejects.toMatchObject({ code: "forbidden" });
  await expect(ask("finance")).rejects.toMatchObject({ code: "forbidden" });
  expect(await view(home, invoice)).toMatchObject({ state: "open" });
  await ask("operator");
  expect(await view(home, invoice)).toMatchObject({ state: "paid" });
});

it("an inquiry that was rung about an earlier attempt is still made after the closing", async () => {
  const home = await buildHouse();
  const invoice = await declinedOnce(home);
  await home.query(`update payment_attempts set inquire_at = $1`, [
    (await home.now()).plus({ hours: 2 }).toJSDate(),
  ]);
  expect(await order(home, invoice, "write-off")).toMatchObject({
    json: { state: "uncollectible", next_action_at: "2027-03-01T05:00:00.000Z" },
  });
  await home.live({ hours: 3 });
  const end = await story(home, invoice.subscription);
  expect(end.rules).toContain("inquire.rung");
  expect(end).toMatchObject({ state: "uncollectible", nextActionAt: null });
});

it("more than the invoice asks is a surplus that a person sees", async () => {
  const home = await buildHouse();
  const invoice = await inDunning(home);
  expect(await order(home, invoice, "mark-paid", { amount: AMOUNT + 123 })).toMatchObject({ status: 200 });
  expect(await home.query(`select kind, amount, says from exceptions`)).toEqual([
    { kind: "surplus", amount: "123", says: "BCA 0001 paid Rp 123 more than the invoice asks: give it back" },
  ]);
});

it("paid by hand is told apart in the collection report, and the sums tie", async () => {
  const home = await buildHouse();
  const [first, second] = [await inDunning(home), await inDunning(home)];
  await order(home, first, "mark-paid");
  await order(home, second, "mark-paid");
  const period = "from=2027-03-01&to=2027-03-31&format=json";
  const read = () => home.api("GET", `/reports/collection?${period}`);
  expect(await read()).toMatchObject({
    ties: true,
    total: {
      paid: { n: 2, amount: 2 * AMOUNT },
      paid_by_hand: { n: 2, amount: 2 * AMOUNT },
      paid_by_retry: { n: 0, amount: 0 },
      paid_first_try: { n: 0, amount: 0 },
    },
  });
  await order(home, second, "reopen");
  await home.live("2027-03-02T09:00:00+07:00");
  expect(await read()).toMatchObject({
    ties: true,
    total: { paid_by_hand: { n: 1, amount: AMOUNT }, paid_by_retry: { n: 1, amount: AMOUNT } },
  });
});
