import { expect, it } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { AMOUNT, type Due, dueInvoice, payments, story, taken } from "../support/stories.ts";

/** An invoice that waits for tomorrow, and whose wallet has money by now. */
async function toppedUp(home: TestHouse): Promise<Due & { readonly id: string }> {
  const customer = await dueInvoice(home, { balance: 0 });
  await home.settle();
  home.simulator.changeWallet(customer.phone, { add: 3 * AMOUNT });
  return { ...customer, id: (await story(home, customer.subscription)).id };
}

const click = (home: TestHouse, id: string, key: string) =>
  home.request("POST", `/invoices/${id}/collect`, undefined, { "idempotency-key": key });

it("a person brings the next try forward; it still asks the balance first", async () => {
  const home = await buildHouse();
  const { id, ...customer } = await toppedUp(home);
  expect(await click(home, id, "click-1")).toMatchObject({ status: 202 });
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid", subscription: "active" });
});

it("a person's try on a wallet that is still empty moves the plan to its next day and no further", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home, { balance: 0 });
  await home.settle();
  const { id, nextActionAt } = await story(home, customer.subscription);
  await click(home, id, "click-1");
  await home.settle();
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    nextActionAt,
    attempts: [],
  });
  expect(payments(home)).toHaveLength(0);
});

it("two clicks at once are one attempt", async () => {
  const home = await buildHouse();
  const { id, ...customer } = await toppedUp(home);
  const answers = await Promise.all([click(home, id, "click-1"), click(home, id, "click-2")]);
  expect(answers.map(({ status }) => status)).toEqual([202, 202]);
  await home.live({ days: 3 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    attempts: [{ number: 1 }],
  });
  expect(taken(home, customer)).toHaveLength(1);
});

it("the same Idempotency-Key again is answered from the first time, also after the invoice is paid", async () => {
  const home = await buildHouse();
  const { id } = await toppedUp(home);
  const first = await click(home, id, "click-1");
  await home.settle();
  expect(await click(home, id, "click-1")).toEqual(first);
  expect(await click(home, id, "click-2")).toMatchObject({ status: 409 });
});

it("a click needs an Idempotency-Key", async () => {
  const home = await buildHouse();
  const { id } = await toppedUp(home);
  expect(await home.request("POST", `/invoices/${id}/collect`)).toMatchObject({ status: 422 });
});

it("while an attempt is live a click is refused with its reference and state", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.script({ match: {}, outcome: "reset-before-commit" });
  await home.settle();
  const { id, attempts } = await story(home, customer.subscription);
  const answer = await click(home, id, "click-1");
  expect(answer.status).toBe(409);
  expect(String(answer.json["detail"])).toContain(`${attempts[0]?.reference} is unknown`);
});

it("a click at night is tried in the morning", async () => {
  const home = await buildHouse();
  const { id, ...customer } = await toppedUp(home);
  home.simulator.changeWallet(customer.phone, { balance: 0 });
  await home.live("2027-03-02T22:00:00+07:00");
  home.simulator.changeWallet(customer.phone, { balance: AMOUNT });
  expect(await click(home, id, "click-1")).toMatchObject({ status: 202 });
  await home.live("2027-03-03T07:59:00+07:00");
  expect(payments(home)).toHaveLength(0);
  await home.live({ minutes: 2 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid" });
});

it("under a hold, a cancel or without a wallet a click says what stands in the way", async () => {
  const home = await buildHouse();
  const { id } = await toppedUp(home);
  await home.query(
    `update subscriptions set collection_hold = true, hold_owner = 'finance', hold_reason = 'asked'`,
  );
  expect(await click(home, id, "click-1")).toMatchObject({ status: 409 });
  await home.query(
    `update subscriptions set collection_hold = false, hold_owner = null, hold_reason = null, state = 'canceled',
            next_invoice_at = null, ended_at = now()`,
  );
  expect(await click(home, id, "click-2")).toMatchObject({ status: 409 });
  await home.query(`update bindings set state = 'revoked', reason = 'asked', ended_at = now()`);
  expect(await click(home, id, "click-3")).toMatchObject({ status: 409 });
  await home.settle();
  expect(payments(home)).toHaveLength(0);
});
