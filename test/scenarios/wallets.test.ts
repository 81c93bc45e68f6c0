import { expect, it } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { addCustomer, bind, dueInvoice, payments, story, subscribe, taken } from "../support/stories.ts";

const bindingStates = async (home: TestHouse) =>
  (await home.query<{ state: string }>(`select state from bindings order by created_at, id`)).map(
    (row) => row.state,
  );

it("a wallet unlinked in the app is suspended, given up after five minutes, and charged again once it is linked", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  home.simulator.unlink(customer.phone);
  await home.settle();
  expect(await bindingStates(home)).toEqual(["suspended"]);
  await home.live({ minutes: 4 });
  expect(await bindingStates(home)).toEqual(["suspended"]);
  await home.live({ minutes: 2 });
  expect(await bindingStates(home)).toEqual(["revoked"]);
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "open",
    waitingFor: "method",
    nextActionAt: new Date("2027-03-22T01:00:00Z"),
    subscription: "past_due",
    attempts: [],
  });
  await home.live({ days: 30 });
  expect(payments(home)).toHaveLength(0);
  await bind(home, customer);
  await home.live({ hours: 1 });
  expect(await bindingStates(home)).toEqual(["revoked", "active"]);
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid" });
  expect(taken(home, customer)[0]).toBe((await story(home, customer.subscription)).attempts[0]?.reference);
});

it("one refused exchange of a wallet that is still linked costs nothing but time", async () => {
  const home = await buildHouse();
  const customer = await addCustomer(home);
  await home.live({ hours: 25 });
  const subscription = await subscribe(home, customer);
  home.simulator.script({ match: { path: "/access-token/b2b2c" }, outcome: "4017400", times: 4 });
  await home.settle();
  expect(await bindingStates(home)).toEqual(["suspended"]);
  await home.live({ minutes: 6 });
  expect(await bindingStates(home)).toEqual(["active"]);
  expect(await story(home, subscription)).toMatchObject({ state: "paid" });
});

it("when our own keys are wrong no wallet is touched and everything stops", async () => {
  const home = await buildHouse();
  const [first, second] = [await addCustomer(home), await addCustomer(home)];
  await home.live({ hours: 25 });
  const subscriptions = [await subscribe(home, first), await subscribe(home, second)];
  home.simulator.script({ match: { path: "/access-token/b2b2c" }, outcome: "4017400", times: 4 });
  home.simulator.script({ match: { path: "/access-token/b2b" }, outcome: "4017300", times: 4 });
  await home.live({ minutes: 50 });
  expect(await bindingStates(home)).toEqual(["active", "active"]);
  expect(await home.api("GET", "/stops")).toMatchObject({ data: [{ scope: "all" }] });
  for (const subscription of subscriptions)
    expect(await story(home, subscription)).toMatchObject({ state: "open", waitingFor: null, attempts: [] });
  await home.live({ hours: 4 });
  expect(await bindingStates(home)).toEqual(["active", "active"]);
  for (const subscription of subscriptions)
    expect(await story(home, subscription)).toMatchObject({ state: "paid" });
});

it("a subscription that began without a wallet is billed when the wallet is linked", async () => {
  const home = await buildHouse();
  const customer = { reference: "cust-late", phone: "6281299990000" };
  home.simulator.addWallet({ phone: customer.phone, balance: 500_000 });
  await home.api("POST", "/customers", { ...customer, name: "Sari" });
  const subscription = await subscribe(home, customer);
  await home.live({ days: 3 });
  expect(await home.query(`select id from invoices`)).toEqual([]);
  await bind(home, customer);
  await home.live({ hours: 1 });
  expect(await story(home, subscription)).toMatchObject({ state: "paid", subscription: "active" });
});
