import { expect, it } from "vitest";
import { buildHouse } from "../support/house.ts";
import { dueInvoice, payments, stories, story } from "../support/stories.ts";

/** Stores the next version of the policy of all plans that name none. */
const policy = (change: object) => ({ code: "ovo-default", policy: change });

it.each([
  ["unpaid", "open", "customer", "unpaid"],
  ["carry_on", "open", "customer", "past_due"],
  ["write_off", "uncollectible", null, "active"],
  ["cancel", "open", "person", "canceled"],
  ["pause", "open", "hold", "paused"],
])("at the end of the ladder the policy says %s", async (action, state, waitingFor, subscription) => {
  const home = await buildHouse();
  await home.api(
    "POST",
    "/dunning-policies",
    policy({ ladder: { funds: [1, 3] }, end: { after_days: 5, action } }),
  );
  const customer = await dueInvoice(home, { balance: 0 });
  await home.live({ days: 8 });
  const [first] = await stories(home, customer.subscription);
  expect(first).toMatchObject({ state, waitingFor, nextActionAt: null, subscription, attempts: [] });
  expect(payments(home)).toEqual([]);
});

it("an invoice keeps the version that it began with", async () => {
  const home = await buildHouse();
  const customer = await dueInvoice(home, { balance: 0 });
  await home.settle();
  await home.api(
    "POST",
    "/dunning-policies",
    policy({ ladder: { funds: [1], limit: [1], risk: [1] }, end: { after_days: 2, action: "cancel" } }),
  );
  await home.live({ days: 10 });
  expect(await story(home, customer.subscription)).toMatchObject({ state: "open", subscription: "past_due" });
});
