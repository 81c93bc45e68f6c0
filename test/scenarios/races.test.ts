import { expect, it } from "vitest";
import { collector } from "../../src/invoices/collect.flow.ts";
import { buildHouse, type TestHouse } from "../support/house.ts";
import {
  AMOUNT,
  type Due,
  dueInvoice,
  dueInvoices,
  payments,
  stories,
  story,
  taken,
  tell,
} from "../support/stories.ts";

/** Lets `happen` commit while the balance is being read, once. */
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

/** Something that one worker waits for and another one does. */
function promise() {
  let resolve = () => {};
  const happened = new Promise<void>((done) => {
    resolve = done;
  });
  return { happened, resolve };
}

/** Without a wallet dunning begins at once, and is over three weeks later. */
const LADDER_ENDS = new Date("2027-03-22T01:00:00Z");

const SQL = {
  cancel: `update subscriptions set state = 'canceled', next_invoice_at = null, ended_at = now(), end_reason = 'asked'`,
  pause: `update subscriptions set state = 'paused', paused_at = now(), next_invoice_at = null`,
  hold: `update subscriptions set collection_hold = true, hold_owner = 'finance', hold_reason = 'asked'`,
  void: `update invoices set state = 'void', closed_at = now(), next_action_at = null, end_reason = 'asked'`,
  writeOff: `update invoices set state = 'uncollectible', closed_at = now(), next_action_at = null, end_reason = 'asked'`,
  unlink: `update bindings set state = 'revoked', ended_at = now(), reason = 'asked'`,
} as const;

it.each([
  ["cancel", "person", "open"],
  ["pause", "hold", "open"],
  ["hold", "hold", "open"],
  ["unlink", "method", "open"],
  ["void", null, "void"],
  ["writeOff", null, "uncollectible"],
] as const)(
  "a %s that commits while the balance is read wins: nothing leaves",
  async (what, waitingFor, state) => {
    const home = await buildHouse();
    const customer = await dueInvoice(home);
    duringBalance(home, () => home.query(SQL[what]));
    await home.live({ days: 2 });
    expect(payments(home)).toHaveLength(0);
    expect(await story(home, customer.subscription)).toMatchObject({
      state,
      waitingFor,
      nextActionAt: waitingFor === "method" ? LADDER_ENDS : null,
      attempts: [],
      requests: [],
    });
  },
);

it("a stop that is set while the balance is read wins; once it is lifted the invoice is paid", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  duringBalance(home, () =>
    home.api("POST", "/stops", { scope: "customer", target: customer.reference, reason: "a complaint" }),
  );
  await home.live({ hours: 2 });
  expect(payments(home)).toHaveLength(0);
  const { data } = await home.api("GET", "/stops");
  await home.api("DELETE", `/stops/${(data as { id: string }[])[0]?.id}`);
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid" });
});

it("a cancel after the request was written down lets that one request go, and records what came of it", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.proxy({
    pay: async (request) => {
      await home.query(SQL.cancel);
      return home.house.collect.gateway.pay(request);
    },
  });
  await home.live({ days: 40 });
  expect(await stories(home, customer.subscription)).toMatchObject([
    { state: "paid", subscription: "canceled", attempts: [{ state: "succeeded" }] },
  ]);
  expect(taken(home, customer)).toHaveLength(1);
});

it.each([
  ["void", "void", "surplus"],
  ["writeOff", "paid", "paid_after_write_off"],
] as const)(
  "a success after a %s with a live attempt is money that a person sees",
  async (what, state, exception) => {
    const home = await buildHouse();
    const customer = await dueInvoice(home);
    home.simulator.script({ match: {}, outcome: "notify-never" });
    await home.settle();
    // As the API will do it: what is closed keeps its time while an attempt is live.
    await home.query(SQL[what].replace(", next_action_at = null", ""));
    await home.live({ days: 1 });
    expect(await story(home, customer.subscription)).toMatchObject({
      state,
      nextActionAt: null,
      attempts: [{ number: 1, state: "succeeded" }],
      exceptions: [exception],
    });
    expect(taken(home, customer)).toHaveLength(1);
  },
);

/** An invoice whose first attempt the gateway declined; the next try is planned for tomorrow. */
async function declinedOnce(home: TestHouse): Promise<Due & { readonly reference: string }> {
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "4035414" });
  await home.settle();
  const [attempt] = (await story(home, customer.subscription)).attempts;
  return { ...customer, reference: attempt?.reference ?? "" };
}

it("a success that comes after a refusal pays, cancels the planned retry and calls a person", async () => {
  const home = await buildHouse();
  const { subscription, reference } = await declinedOnce(home);
  await tell(home, reference);
  await home.live({ days: 3 });
  expect(await story(home, subscription)).toMatchObject({
    state: "paid",
    subscription: "active",
    nextActionAt: null,
    attempts: [{ number: 1, state: "succeeded", class: null }],
    exceptions: ["late_success"],
  });
  expect(payments(home)).toHaveLength(1);
});

it("a late success while the next attempt is on the wire: the second is a surplus that a person sees", async () => {
  const home = await buildHouse();
  const customer = await declinedOnce(home);
  home.proxy({
    pay: async (request) => {
      const answer = await home.house.collect.gateway.pay(request);
      await tell(home, customer.reference);
      await home.handleInbox();
      return answer;
    },
  });
  await home.live({ days: 2 });
  const end = await story(home, customer.subscription);
  expect(end).toMatchObject({
    state: "paid",
    attempts: [
      { number: 1, state: "succeeded" },
      { number: 2, state: "succeeded" },
    ],
  });
  expect([...end.exceptions].sort()).toEqual(["late_success", "surplus"]);
});

it("two successes for two references of one invoice are one payment and one surplus", async () => {
  const home = await buildHouse();
  const customer = await declinedOnce(home);
  await home.live("2027-03-02T09:00:00+07:00");
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid", exceptions: [] });
  await tell(home, customer.reference);
  await home.live({ days: 1 });
  const end = await story(home, customer.subscription);
  expect(end).toMatchObject({ state: "paid", nextActionAt: null });
  expect([...end.exceptions].sort()).toEqual(["late_success", "surplus"]);
});

it("the same reference paid under two gateway references calls a person", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  await home.live({ hours: 1 });
  const [attempt] = (await story(home, customer.subscription)).attempts;
  await tell(home, attempt?.reference ?? "", { gatewayReference: "ANOTHER" });
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    exceptions: ["second_gateway_reference"],
  });
});

it("twenty workers on one bell are one collection", async () => {
  const home = await buildHouse();
  const customers = await dueInvoices(home, 3);
  const ids = await home.beat();
  expect(ids).toHaveLength(3);
  const workers = Array.from({ length: 20 }, () => collector(home.collect));
  await Promise.all(workers.map((worker) => worker.collect(ids)));
  const balances = home.simulator.requests().filter(({ path }) => path.endsWith("/balance-inquiry"));
  expect(balances).toHaveLength(3);
  await home.live({ hours: 1 });
  expect(payments(home)).toHaveLength(3);
  for (const customer of customers) expect(taken(home, customer)).toHaveLength(1);
});

it("one poisoned row in a page of twenty is put before a person; its neighbours are paid", async () => {
  const home = await buildHouse();
  const customers = await dueInvoices(home, 20);
  const [poison] = await home.beat();
  await home.query(
    `create function refuse_poison() returns trigger language plpgsql as $$
     begin raise exception 'poisoned'; end $$`,
  );
  await home.query(
    `create trigger poisoned before insert on payment_attempts for each row
     when (new.invoice_id = '${poison}') execute function refuse_poison()`,
  );
  await home.live({ hours: 1 });
  const all = await Promise.all(customers.map(({ subscription }) => story(home, subscription)));
  const parked = all.filter(({ id }) => id === poison);
  expect(parked).toMatchObject([
    { state: "open", waitingFor: "person", attempts: [], exceptions: ["parked"] },
  ]);
  expect(all.filter(({ state }) => state === "paid")).toHaveLength(19);
  expect(payments(home)).toHaveLength(19);
});

it("with the lease almost over before the bytes leave, nothing leaves, and the reference goes later", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  const ids = await home.beat();
  await collector({ ...home.collect, leaseMs: home.collect.gatewayTimeoutMs }).collect(ids);
  expect(payments(home)).toHaveLength(0);
  expect(await story(home, customer.subscription)).toMatchObject({
    attempts: [{ number: 1, state: "unsent" }],
    requests: [{ state: "unsent", code: "the lease was almost over" }],
  });
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ number: 1 }],
  });
  expect(taken(home, customer)).toHaveLength(1);
});

it("a worker that slept through its lease still brings its answer: it is kept, and changes nothing", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-never" });
  const ids = await home.beat();
  const other = collector({ ...home.collect, gateway: home.house.collect.gateway });
  home.proxy({
    pay: async (request) => {
      const answer = await home.house.collect.gateway.pay(request);
      await home.query(`update invoices set leased_until = clock_timestamp()`);
      await other.collect(ids);
      await home.jump({ minutes: 2 });
      await other.collect(ids);
      return answer;
    },
  });
  await collector(home.collect).collect(ids);
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    nextActionAt: null,
    attempts: [{ number: 1, state: "succeeded" }],
    requests: [{ state: "answered" }],
    evidence: ["inquiry paid", "answer accepted"],
  });
});

it("a worker whose lease was taken over before it wrote its intent leaves the charge to the other", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  const ids = await home.beat();
  const { gateway } = home.house.collect;
  const otherHasLease = promise();
  const sleeperIsDone = promise();
  const balance = async (token: string) => {
    otherHasLease.resolve();
    await sleeperIsDone.happened;
    return gateway.balance(token);
  };
  const other = collector({ ...home.collect, gateway: { ...gateway, balance } });
  let ended: Promise<void> = Promise.resolve();
  duringBalance(home, async () => {
    await home.query(`update invoices set leased_until = clock_timestamp()`);
    ended = other.collect(ids);
    await otherHasLease.happened;
  });
  await collector(home.collect).collect(ids);
  expect(payments(home)).toHaveLength(0);
  sleeperIsDone.resolve();
  await ended;
  await home.live({ hours: 1 });
  expect(await home.query(`select lease_no from requests`)).toEqual([{ lease_no: 2 }]);
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ number: 1 }],
  });
});

it("a worker that died after writing its intent is healed by an inquiry, not by a second charge", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "notify-never" });
  const ids = await home.beat();
  const sent = promise();
  home.proxy({
    pay: async (request) => {
      await home.house.collect.gateway.pay(request);
      sent.resolve();
      return new Promise(() => {});
    },
  });
  void collector(home.collect).collect(ids);
  await sent.happened;
  home.proxy({});
  await home.query(`update invoices set leased_until = clock_timestamp()`);
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ number: 1, state: "succeeded" }],
    evidence: ["inquiry paid"],
  });
  expect(taken(home, customer)).toHaveLength(1);
});

it("an amount that changed while the balance was read is the amount that is charged", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  duringBalance(home, async () => {
    await home.query(`update invoice_lines set amount = $1`, [AMOUNT - 9_000]);
    await home.query(`update invoices set amount = $1`, [AMOUNT - 9_000]);
  });
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid" });
  expect(home.simulator.ledger().map(({ amount }) => amount)).toEqual([-(AMOUNT - 9_000)]);
});
