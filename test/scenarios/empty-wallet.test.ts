import { expect, it } from "vitest";
import { buildHouse } from "../support/house.ts";
import { AMOUNT, dueInvoice, payments, story, taken } from "../support/stories.ts";

it("a wallet with money pays on the day, once", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home);
  await home.live({ hours: 1 });
  expect(await story(home, customer.subscription)).toMatchObject({
    state: "paid",
    subscription: "active",
    nextActionAt: null,
    attempts: [{ number: 1, state: "succeeded" }],
    evidence: ["answer accepted", "notification paid"],
    exceptions: [],
  });
  expect(taken(home, customer)).toHaveLength(1);
});

it("an empty wallet is not asked, is looked at in the evening, and pays as soon as there is money", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home, { balance: 12_000 });
  await home.settle();
  const first = await story(home, customer.subscription);
  expect(first).toMatchObject({ state: "open", subscription: "past_due", attempts: [], requestsUsed: 0 });
  expect(first.says.at(-1)).toMatch(
    /^not asked: balance Rp.?12\.000 of Rp.?99\.000; next look today 18:30, next try tomorrow 08:00 \(payday\)$/,
  );
  home.simulator.changeWallet(customer.phone, { add: AMOUNT });
  await home.live("2027-03-01T18:29:00+07:00");
  expect(payments(home)).toHaveLength(0);
  await home.live("2027-03-01T18:30:00+07:00");
  expect(await story(home, customer.subscription)).toMatchObject({ state: "paid", subscription: "active" });
  expect(taken(home, customer)).toHaveLength(1);
});
