import { expect, it } from "vitest";
import { buildHouse } from "../support/house.ts";
import { AMOUNT, dueInvoice, payments, stories, story, taken } from "../support/stories.ts";

// Classes come from gateway/snap/codes.ts, their ladders from the default policy. Business time begins on Monday 2027-03-01, 10:00 in Jakarta.
it.each([
  ["4035414", "funds", "2027-03-02T01:00:00.000Z", "past_due", 1],
  ["4035402", "limit", "2027-03-02T01:00:00.000Z", "past_due", 1],
  ["4035405", "risk", "2027-03-04T01:00:00.000Z", "past_due", 1],
  ["4035406", "window", "2027-03-01T05:00:00.000Z", "active", 0],
])("a decline %s is of class %s and is tried again at %s", async (code, declineClass, at, state, used) => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: code });
  await home.settle();
  const declined = await story(home, customer.subscription);
  expect(declined).toMatchObject({
    state: "open",
    waitingFor: null,
    subscription: state,
    requestsUsed: used,
    attempts: [{ number: 1, state: "failed", class: declineClass }],
  });
  expect(declined.nextActionAt?.toISOString()).toBe(at);
  await home.live(at);
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid", subscription: "active" });
  expect(taken(home, customer)).toHaveLength(1);
});

it.each([
  ["4035418", "binding", "method", 0, "2027-03-22T01:00:00.000Z"],
  ["4035403", "account", "person", 1, null],
])(
  "a decline %s is of class %s and waits for %s without asking again",
  async (code, declineClass, whom, used, endsAt) => {
    const home = await buildHouse();
    const customer = await dueInvoice(home);
    home.simulator.script({ match: {}, outcome: code });
    await home.live({ days: 20 });
    const waiting = await story(home, customer.subscription);
    expect(waiting.nextActionAt?.toISOString() ?? null).toBe(endsAt);
    expect(waiting).toMatchObject({
      state: "open",
      waitingFor: whom,
      subscription: "past_due",
      requestsUsed: used,
      attempts: [{ number: 1, state: "failed", class: declineClass }],
    });
    expect(payments(home)).toHaveLength(1);
  },
);

it("a failure whose code nobody knows is treated with the care of a risk", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "reset-before-commit" });
  home.simulator.script({ match: {}, outcome: "latestTransactionStatus:06:4039977" });
  await home.live({ minutes: 2 });
  const declined = await story(home, customer.subscription);
  expect(declined.attempts).toMatchObject([{ state: "failed", class: "unclassified" }]);
  expect(declined.nextActionAt?.toISOString()).toBe("2027-03-04T01:00:00.000Z");
});

it("a customer token that the payment refuses is exchanged once more, and the next reference pays at once", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "4015402" });
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    requestsUsed: 0,
    attempts: [
      { number: 1, state: "failed", class: "binding" },
      { number: 2, state: "succeeded" },
    ],
  });
});

it("an amount that a Club wallet can never hold is not asked for", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home, { tier: "club", balance: 1_900_000, amount: 2_500_000 });
  await home.live({ days: 22 });
  expect(payments(home)).toHaveLength(0);
  expect(await story(home, customer.subscription)).toMatchObject({
    waitingFor: "customer",
    subscription: "unpaid",
  });
});

it("a wallet that stays empty is looked at twice a day for three weeks and never asked; then it is the customer's turn", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home, { balance: 0 });
  await home.live({ days: 40 });
  const spent = await story(home, customer.subscription);
  expect(spent).toMatchObject({
    state: "open",
    waitingFor: "customer",
    nextActionAt: null,
    subscription: "unpaid",
    attempts: [],
  });
  const looks = spent.rules.filter((rule) => rule === "balance.short").length;
  expect(looks).toBeGreaterThanOrEqual(2 * 20);
  expect(looks).toBeLessThanOrEqual(2 * 21 + 8);
  expect(await stories(home, customer.subscription)).toHaveLength(1);
  home.simulator.changeWallet(customer.phone, { add: AMOUNT });
  await home.live({ days: 5 });
  expect(payments(home)).toHaveLength(0);
  await home.api("POST", `/invoices/${spent.id}/collect`, undefined, { "idempotency-key": "again-1" });
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ number: 1 }],
  });
  expect(taken(home, customer)).toHaveLength(1);
});

it("a tick outside the charge window asks nothing and waits for the morning", async () => {
  const home = await buildHouse({ start: "2027-03-01T20:00:00+07:00" });
  const customer = await dueInvoice(home);
  await home.live("2027-03-02T07:59:59+07:00");
  expect(await stories(home, customer.subscription)).toMatchObject([{ state: "open", attempts: [] }]);
  await home.live({ minutes: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid" });
});
