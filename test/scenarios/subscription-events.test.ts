import { expect, it } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import {
  AMOUNT,
  addCustomer,
  type Due,
  dueInvoice,
  payments,
  stories,
  story,
  subscribe,
  taken,
} from "../support/stories.ts";

const reason = "as the customer asked";

/** What a clerk does to a subscription; throws unless it succeeds. */
const does = (
  home: TestHouse,
  { subscription }: Pick<Due, "subscription">,
  what: string,
  body: object = {},
) => home.api("POST", `/subscriptions/${subscription}/${what}`, { reason, ...body });
/** As `does`, but answers the status too, whatever it is. */
const tries = (
  home: TestHouse,
  { subscription }: Pick<Due, "subscription">,
  what: string,
  body: object = {},
) => home.request("POST", `/subscriptions/${subscription}/${what}`, { reason, ...body });
const shows = (home: TestHouse, { subscription }: Pick<Due, "subscription">) =>
  home.api("GET", `/subscriptions/${subscription}`);

/** Lets `happen` be answered while the balance is being read, once. */
function duringBalance(home: TestHouse, happen: () => Promise<unknown>): void {
  home.proxy({
    balance: async (token) => {
      home.proxy({});
      const answer = await home.house.collect.gateway.balance(token);
      await happen();
      return answer;
    },
  });
}

it.each([
  ["cancel", { at: "now" }, "open", "person"],
  ["cancel", { at: "now", void_open: true }, "void", null],
  ["pause", {}, "open", "hold"],
  ["hold", { owner: "finance" }, "open", "hold"],
] as const)(
  "a %s that is ordered while the balance is read wins: nothing leaves (%o)",
  async (what, body, state, waitingFor) => {
    const home = await buildHouse();
    const customer = await dueInvoice(home);
    duringBalance(home, () => does(home, customer, what, body));
    await home.live({ days: 40 });
    expect(payments(home)).toHaveLength(0);
    const [first] = await stories(home, customer.subscription);
    expect(first).toMatchObject({ state, waitingFor, attempts: [], requests: [] });
  },
);

it("a cancel that comes after the intent says what is on its way, and what it takes is recorded", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  const answered: Promise<unknown>[] = [];
  home.proxy({
    pay: async (request) => {
      answered.push(tries(home, customer, "cancel", { at: "now", void_open: true }));
      await Promise.all(answered);
      return home.house.collect.gateway.pay(request);
    },
  });
  await home.live({ days: 40 });
  const [{ reference } = { reference: "" }] = (await story(home, customer.subscription)).attempts;
  expect(await answered[0]).toMatchObject({
    status: 200,
    json: { state: "canceled", invoices: [{ outcome: "on_its_way", amount: AMOUNT }] },
  });
  expect(taken(home, customer)).toEqual([reference]);
  expect(await stories(home, customer.subscription)).toMatchObject([
    { state: "paid", subscription: "canceled", attempts: [{ state: "succeeded" }] },
  ]);
});

it("after a cancel nothing is invoiced any more, and what is owed stays in a person's hands", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home, { balance: 0 });
  await home.settle();
  await does(home, customer, "cancel", { at: "now" });
  home.simulator.changeWallet(customer.phone, { balance: 10 * AMOUNT });
  await home.live({ days: 70 });
  expect(payments(home)).toHaveLength(0);
  expect(await stories(home, customer.subscription)).toMatchObject([
    { state: "open", waitingFor: "person", subscription: "canceled", nextActionAt: null },
  ]);
});

it("a cancel at the period's end lets the period run, and can be taken back until then", async () => {
  const home = await buildHouse();
  const [stays, goes] = [await dueInvoice(home), await dueInvoice(home)];
  await home.settle();
  const { next_invoice_on: end } = await shows(home, goes);
  expect(await does(home, stays, "cancel", { at: "period_end" })).toMatchObject({ cancels_on: end });
  await does(home, goes, "cancel", { at: "period_end" });
  expect(await shows(home, goes)).toMatchObject({
    state: "active",
    cancel_at_period_end: true,
    cancels_on: end,
    next_invoice_on: null,
  });
  expect(await tries(home, goes, "cancel", { at: "period_end" })).toMatchObject({ status: 409 });
  expect(await does(home, stays, "uncancel")).toMatchObject({ cancels_on: null, next_invoice_on: end });
  await home.live({ days: 40 });
  expect(await shows(home, goes)).toMatchObject({ state: "canceled", next_invoice_on: null });
  expect(await stories(home, goes.subscription)).toHaveLength(1);
  expect(await stories(home, stays.subscription)).toHaveLength(2);
  expect(await tries(home, goes, "uncancel")).toMatchObject({ status: 409 });
});

it("a pause stops invoices and collecting; resumed on its day, it goes on with the old dates", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home, { balance: 0 });
  await home.settle();
  home.simulator.changeWallet(customer.phone, { balance: 10 * AMOUNT });
  await does(home, customer, "pause", { resumes_on: "2027-05-20" });
  await home.live("2027-05-19T16:00:00Z");
  expect(payments(home)).toHaveLength(0);
  expect(await stories(home, customer.subscription)).toMatchObject([{ state: "open", waitingFor: "hold" }]);
  await home.live("2027-06-02T00:00:00+07:00");
  const dates = await home.query(`select bills_on::text, state from invoices order by bills_on`);
  expect(dates).toEqual([
    { bills_on: "2027-03-01", state: "paid" },
    { bills_on: "2027-06-01", state: "paid" },
  ]);
  expect(await shows(home, customer)).toMatchObject({ state: "active", paused_at: null, resumes_on: null });
});

it("resumed by hand with a moved anchor, the next period begins on the day of return", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  await home.settle();
  await does(home, customer, "pause");
  await home.live("2027-04-20T10:00:00+07:00");
  await does(home, customer, "resume", { anchor: "move" });
  await home.settle();
  expect(await stories(home, customer.subscription)).toHaveLength(2);
  expect(await shows(home, customer)).toMatchObject({ state: "active", next_invoice_on: "2027-05-20" });
});

it("a hold makes invoices and charges nothing; when it ends what is open is charged", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  await does(home, customer, "hold", { owner: "finance", ends_on: "2027-04-10" });
  await home.live("2027-04-09T23:00:00+07:00");
  expect(payments(home)).toHaveLength(0);
  expect(await stories(home, customer.subscription)).toMatchObject([
    { state: "open", waitingFor: "hold" },
    { state: "open", waitingFor: "hold" },
  ]);
  await home.live("2027-04-12T12:00:00+07:00");
  expect(await stories(home, customer.subscription)).toMatchObject([{ state: "paid" }, { state: "paid" }]);
  expect(await shows(home, customer)).toMatchObject({ collection_hold: false, hold: null });
});

it("a release charges at once, within the window", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  await does(home, customer, "hold", { owner: "finance" });
  await home.settle();
  const answer = await does(home, customer, "release");
  expect(answer).toMatchObject({ collection_hold: false, due_again: [expect.any(String)] });
  await home.settle();
  expect(taken(home, customer)).toHaveLength(1);
});

it("a dry run of every event shows what the event would show, and keeps nothing", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  await home.api("POST", "/plans", { code: "gold", name: "Gold", amount: 199_000, interval: "month" });
  await home.settle();
  const before = await home.api("GET", `/subscriptions/${customer.subscription}/timeline`);
  const events: [string, object][] = [
    ["cancel", { at: "now" }],
    ["cancel", { at: "period_end" }],
    ["pause", { resumes_on: "2027-08-01" }],
    ["hold", { owner: "finance" }],
    ["skip", {}],
    ["zone", { zone: "Asia/Jayapura" }],
    ["re-anchor", { billing_day: 25 }],
    ["change-plan", { plan: "gold", at: "now" }],
    ["discounts", { percent: 10 }],
  ];
  for (const [what, body] of events) {
    const dry = await does(home, customer, `${what}?dry_run=true`, body);
    expect(dry).toMatchObject({ dry_run: true });
  }
  expect(await home.api("GET", `/subscriptions/${customer.subscription}/timeline`)).toEqual(before);
  const dry = await does(home, customer, "change-plan?dry_run=true", { plan: "gold", at: "now" });
  const done = await does(home, customer, "change-plan", { plan: "gold", at: "now" });
  expect(done).toEqual({ ...done, ...dry, dry_run: undefined, change: dry["change"] });
});

it("an upgrade is charged at once, and the next invoice is the new price", async () => {
  const home = await buildHouse({ start: "2027-06-01T10:00:00+07:00" });
  const customer = await addCustomer(home);
  const subscription = await subscribe(home, customer, { amount: 90_000 });
  await home.api("POST", "/plans", { code: "gold", name: "Gold", amount: 150_000, interval: "month" });
  await home.live("2027-06-16T10:00:00+07:00");
  const answer = await does(home, { subscription }, "change-plan", { plan: "gold", at: "now" });
  expect(answer).toMatchObject({ plan: "gold", change: { charge: 30_000, invoice_amount: 30_000 } });
  await home.live("2027-07-01T12:00:00+07:00");
  const rows = await home.query(
    `select kind, bills_on::text, amount::int, state from invoices order by bills_on`,
  );
  expect(rows).toEqual([
    { kind: "period", bills_on: "2027-06-01", amount: 90_000, state: "paid" },
    { kind: "change", bills_on: "2027-06-16", amount: 30_000, state: "paid" },
    { kind: "period", bills_on: "2027-07-01", amount: 150_000, state: "paid" },
  ]);
});

it("the timeline tells everything in one order, cause before effect, page by page", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  await home.settle();
  await does(home, customer, "hold", { owner: "finance" });
  await does(home, customer, "release");
  const path = `/subscriptions/${customer.subscription}/timeline`;
  type Row = { readonly at: string; readonly event: string };
  const all = (await home.api("GET", `${path}?limit=200`))["data"] as Row[];
  // All of it at one moment, for the clock stands still: the order is that of the writing.
  expect(new Set(all.map(({ at }) => at)).size).toBe(1);
  const paid = ["created", "opened", "collect.due", "charge", "verdict.paid", "paid"];
  expect(all.map(({ event }) => event)).toEqual([...paid, "held", "released"].reverse());
  const paged: Row[] = [];
  for (let cursor = ""; ; ) {
    const page = await home.api("GET", `${path}?limit=2${cursor}`);
    paged.push(...(page["data"] as Row[]));
    if (page["next_cursor"] === null) break;
    cursor = `&cursor=${page["next_cursor"]}`;
  }
  expect(paged).toEqual(all);
  const forged = Buffer.from("2027-01-01 00:00:00+00/2027-01-01 00:00:00+00/9/x").toString("base64url");
  expect(await home.request("GET", `${path}?cursor=${forged}`)).toMatchObject({ status: 400 });
});
