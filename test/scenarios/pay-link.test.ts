import { expect, it } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { addCustomer, type Due, dueInvoice, payments, story, subscribe, taken } from "../support/stories.ts";

let keys = 0;

/** Asks for a page as the merchant's back office does; answers the status too. */
function askForPage(home: TestHouse, invoice: string) {
  keys += 1;
  return home.request("POST", `/invoices/${invoice}/pay-link`, undefined, {
    "idempotency-key": `page-${keys}`,
  });
}

/** A person on the gateway's page. */
async function onPage(url: unknown, action: "confirm" | "cancel" | "expire", phone = ""): Promise<void> {
  const body = new URLSearchParams({ action, phone });
  const { status } = await fetch(String(url), { method: "POST", body, redirect: "manual" });
  expect(status).toBeLessThan(400);
}

/** An open invoice that the machine tries again in the morning: its wallet was empty, and is not any more. */
async function openInvoice(home: TestHouse): Promise<Due & { readonly id: string }> {
  const customer = await dueInvoice(home, { balance: 0 });
  await home.settle();
  const { id, state } = await story(home, customer.subscription);
  expect(state).toBe("open");
  home.simulator.changeWallet(customer.phone, { balance: 1_000_000 });
  return { ...customer, id };
}

const sales = (home: TestHouse) => payments(home).filter(({ body }) => String(body).includes('"SALE"'));

it("a customer who confirms on the page pays the invoice, and nothing else is tried", async () => {
  const home = await buildHouse();
  const customer = await openInvoice(home);
  const { status, json } = await askForPage(home, customer.id);
  expect(status).toBe(201);
  expect(json).toMatchObject({
    redirect_url: expect.stringMatching(/\/pay\/\d+$/),
    expires_at: expect.any(String),
  });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    attempts: [{ state: "pending" }],
  });
  await onPage(json["redirect_url"], "confirm");
  await home.live({ days: 3 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    subscription: "active",
    nextActionAt: null,
    attempts: [{ state: "succeeded" }],
    evidence: ["answer accepted", "notification paid"],
    exceptions: [],
  });
  expect(taken(home, customer)).toEqual([json["reference"]]);
  expect(payments(home)).toHaveLength(1);
});

it("it needs no wallet linked: the page asks whose wallet pays", async () => {
  const home = await buildHouse();
  const customer = await openInvoice(home);
  await home.query(`update bindings set state = 'revoked', reason = 'gone', ended_at = now()`);
  await home.live("2027-03-02T08:00:00+07:00");
  expect(await story(home, customer.subscription)).toMatchObject({ waitingFor: "method" });
  const { json } = await askForPage(home, customer.id);
  await onPage(json["redirect_url"], "confirm", customer.phone);
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    waitingFor: null,
    exceptions: [],
  });
  expect(taken(home, customer)).toHaveLength(1);
});

it("asking again while the page is open gives the same page; the gateway is asked once", async () => {
  const home = await buildHouse();
  const customer = await openInvoice(home);
  const first = await askForPage(home, customer.id);
  await home.live({ minutes: 29 });
  const second = await askForPage(home, customer.id);
  expect(second.json).toEqual(first.json);
  expect(sales(home)).toHaveLength(1);
});

it("twenty clicks at once are one page", async () => {
  const home = await buildHouse();
  const customer = await openInvoice(home);
  const answers = await Promise.all(Array.from({ length: 20 }, () => askForPage(home, customer.id)));
  expect(answers.filter(({ status }) => status === 201).length).toBeGreaterThanOrEqual(1);
  expect(answers.every(({ status }) => status === 201 || status === 409)).toBe(true);
  expect(sales(home)).toHaveLength(1);
});

it("confirmed at the same second as a tick that is due, it is one payment", async () => {
  const home = await buildHouse();
  const customer = await openInvoice(home);
  await home.jump({ hours: 22, minutes: -1 });
  const { json } = await askForPage(home, customer.id);
  // 08:00: the planned try is due now, and the customer confirms now.
  await home.jump({ minutes: 1 });
  await Promise.all([onPage(json["redirect_url"], "confirm"), home.settle()]);
  await home.settle();
  await home.live({ days: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ number: 1, state: "succeeded" }],
    exceptions: [],
  });
  expect(taken(home, customer)).toEqual([json["reference"]]);
});

it("a page that is asked for while a charge is on its way is refused, and the other way round", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "timeout-before-commit" });
  await home.settle();
  const { id, attempts } = await story(home, customer.subscription);
  expect(await askForPage(home, id)).toMatchObject({
    status: 409,
    json: { detail: `attempt ${attempts[0]?.reference} is unknown: wait until its fate is known` },
  });
  expect(sales(home)).toEqual([]);
  const other = await openInvoice(home);
  await askForPage(home, other.id);
  const collect = await home.request("POST", `/invoices/${other.id}/collect`, undefined, {
    "idempotency-key": "now",
  });
  expect(collect).toMatchObject({ status: 409, json: { detail: expect.stringContaining("is pending") } });
});

it("a page that opens while the balance is being read wins: the charge does not leave", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  let page: unknown;
  home.proxy({
    balance: async (token) => {
      const answer = await home.house.collect.gateway.balance(token);
      const { id } = await story(home, customer.subscription);
      page ??= (await askForPage(home, id)).json["redirect_url"];
      return answer;
    },
  });
  await home.settle();
  expect(payments(home)).toHaveLength(1);
  await onPage(page, "confirm");
  await home.live({ days: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid", exceptions: [] });
  expect(taken(home, customer)).toHaveLength(1);
});

it.each([
  ["canceled by the customer", "cancel"],
  ["run out", "expire"],
] as const)(
  "a page that was %s frees the invoice, and collecting goes on by its plan",
  async (_how, action) => {
    const home = await buildHouse();
    const customer = await openInvoice(home);
    const { json } = await askForPage(home, customer.id);
    await onPage(json["redirect_url"], action);
    await home.live({ hours: 1 });
    expect(await story(home, customer.subscription)).toMatchObject({
      state: "open",
      waitingFor: null,
      requestsUsed: 0,
      attempts: [{ state: "failed" }],
      exceptions: [],
    });
    expect(taken(home, customer)).toEqual([]);
    await home.live("2027-03-02T08:00:00+07:00");
    const end = await story(home, customer.subscription);
    expect(end).toMatchObject({
      state: "paid",
      attempts: [{ state: "failed" }, { number: 2, state: "succeeded" }],
    });
    expect(taken(home, customer)).toEqual([end.attempts[1]?.reference]);
  },
);

it("a page that nobody touches runs out after half an hour; then another may be asked for", async () => {
  const home = await buildHouse();
  const customer = await openInvoice(home);
  const first = await askForPage(home, customer.id);
  await home.live({ minutes: 30, seconds: 30 });
  expect(await askForPage(home, customer.id)).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("we ask how it ended") },
  });
  await home.live({ minutes: 2 });
  const second = await askForPage(home, customer.id);
  expect(second.status).toBe(201);
  expect(second.json["reference"]).not.toBe(first.json["reference"]);
  await onPage(second.json["redirect_url"], "confirm");
  await home.settle();
  expect(taken(home, customer)).toEqual([second.json["reference"]]);
});

it("what the invoice waited for before the page it waits for again", async () => {
  const home = await buildHouse();
  const customer = await openInvoice(home);
  await home.query(`update invoices set waiting_for = 'person', next_action_at = null`);
  const { json } = await askForPage(home, customer.id);
  await onPage(json["redirect_url"], "cancel");
  await home.live({ days: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({
    waitingFor: "person",
    nextActionAt: null,
  });
  expect(payments(home)).toHaveLength(1);
});

it("an answer that is lost leaves a page that nobody can reach: it is asked about until it has run out", async () => {
  const home = await buildHouse({ timeoutMs: 700 });
  const customer = await openInvoice(home);
  home.simulator.script({ match: { path: "payment-host-to-host" }, outcome: "timeout-after-commit" });
  const lost = await askForPage(home, customer.id);
  expect(lost).toMatchObject({
    status: 503,
    json: { detail: expect.stringContaining("did not give a page") },
  });
  expect(await askForPage(home, customer.id)).toMatchObject({ status: 409 });
  await home.live("2027-03-02T08:00:00+07:00");
  expect(sales(home)).toHaveLength(1);
  const end = await story(home, customer.subscription);
  expect(end).toMatchObject({ state: "paid", attempts: [{ state: "failed" }, { state: "succeeded" }] });
  expect(taken(home, customer)).toHaveLength(1);
});

it("a page whose order is never found is for a person: no other charge while it might be paid", async () => {
  const home = await buildHouse({ timeoutMs: 700, window: "always" });
  const customer = await openInvoice(home);
  home.simulator.script({ match: { path: "payment-host-to-host" }, outcome: "timeout-before-commit" });
  await askForPage(home, customer.id);
  await home.live({ days: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({ attempts: [{ state: "unknown" }] });
  await home.live({ days: 5 });
  expect(await story(home, customer.subscription)).toMatchObject({
    waitingFor: "person",
    attempts: [{ state: "review" }],
    exceptions: ["review"],
  });
  expect(await home.query(`select review_reason from payment_attempts`)).toEqual([
    { review_reason: "abandoned page" },
  ]);
  expect(payments(home)).toHaveLength(1);
});

it("a page that could not be asked for is given up, and collecting goes on by its plan", async () => {
  const home = await buildHouse();
  const customer = await openInvoice(home);
  await home.simulator.stopListening();
  expect(await askForPage(home, customer.id)).toMatchObject({
    status: 503,
    json: { detail: expect.stringContaining("nothing was sent") },
  });
  await home.simulator.listenAgain();
  await home.live({ minutes: 5 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    attempts: [{ state: "failed" }],
  });
  expect((await askForPage(home, customer.id)).status).toBe(201);
});

it("a charge that never left gives way to a page, once the gateway confirms it", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  const raw = { httpStatus: null, body: null };
  home.proxy({ pay: async () => ({ verdict: { kind: "not_sent", cause: "ECONNREFUSED" }, raw }) });
  await home.settle();
  const { id, attempts } = await story(home, customer.subscription);
  expect(attempts).toMatchObject([{ state: "unsent" }]);
  expect(await askForPage(home, id)).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("ask again then") },
  });
  await home.jump({ minutes: 2 });
  const { status, json } = await askForPage(home, id);
  expect(status).toBe(201);
  await onPage(json["redirect_url"], "confirm");
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [
      { number: 1, state: "failed", message: "never left" },
      { number: 2, state: "succeeded" },
    ],
  });
  expect(taken(home, customer)).toEqual([json["reference"]]);
});

it("a refused page and a paid invoice are told in words", async () => {
  const home = await buildHouse();
  const customer = await openInvoice(home);
  home.simulator.script({ match: { path: "payment-host-to-host" }, outcome: "4035405" });
  expect(await askForPage(home, customer.id)).toMatchObject({
    status: 409,
    json: { detail: expect.stringContaining("opens no page") },
  });
  await home.live("2027-03-02T08:00:00+07:00");
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid" });
  expect(await askForPage(home, customer.id)).toMatchObject({
    status: 409,
    json: { detail: "the invoice is paid, not open" },
  });
});

it("a stop binds pages too, and a key is needed", async () => {
  const home = await buildHouse();
  const customer = await addCustomer(home);
  const subscription = await subscribe(home, customer);
  await home.api("POST", "/stops", { scope: "all", reason: "nothing leaves", minutes: 60 });
  await home.settle();
  const { id } = await story(home, subscription);
  expect(await askForPage(home, id)).toMatchObject({
    status: 409,
    json: { detail: "nothing may be sent: nothing leaves" },
  });
  expect((await home.request("POST", `/invoices/${id}/pay-link`)).status).toBe(422);
});
