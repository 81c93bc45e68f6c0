import { expect, it } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { addCustomer } from "../support/stories.ts";

/** Begins a subscription of a new customer, to the plan `gold` unless told. */
async function subscribe(home: TestHouse, reference: string, more: object = {}): Promise<void> {
  const customer = await addCustomer(home, { balance: 5_000_000, tier: "premier" });
  await home.api("POST", "/subscriptions", {
    reference,
    customer: customer.reference,
    plan: "gold",
    ...more,
  });
}

/** The periods that were billed, with amounts. */
async function billed(home: TestHouse, reference: string): Promise<string[]> {
  const rows = await home.query<{ says: string }>(
    `select i.bills_on::text || ' ' || i.amount || ' ' || i.state as says
       from invoices i join subscriptions s on s.id = i.subscription_id
      where s.reference = $1
      order by i.period_index, i.id`,
    [reference],
  );
  return rows.map(({ says }) => says);
}

const GOLD = { code: "gold", name: "Emas", amount: 99_000, interval: "month", tax_percent: 11 };
const price = (home: TestHouse, amount: number, more: object = {}) =>
  home.api("POST", "/plans/gold/versions", { amount, ...more });
const migrate = (home: TestHouse, body: object, query = "") =>
  home.api("POST", `/plans/gold/migrations${query}`, body);

it("a new price changes no running subscription, and is what new ones are agreed at from its day on", async () => {
  const home = await buildHouse();
  await home.api("POST", "/plans", GOLD);
  await subscribe(home, "old");
  await home.live({ hours: 1 });
  await price(home, 120_000, { effective_on: "2027-03-15" });
  await subscribe(home, "before");
  await home.live("2027-03-15T03:00:00Z");
  await subscribe(home, "after");
  await home.live("2027-05-02T03:00:00Z");
  expect(await billed(home, "old")).toEqual([
    "2027-03-01 99000 paid",
    "2027-04-01 99000 paid",
    "2027-05-01 99000 paid",
  ]);
  expect(await billed(home, "before")).toEqual(await billed(home, "old"));
  expect(await billed(home, "after")).toEqual(["2027-03-15 120000 paid", "2027-04-15 120000 paid"]);
  expect(await home.api("GET", "/subscriptions/old")).toMatchObject({ amount: 99_000, next_amount: 99_000 });
});

it("a dated migration changes exactly those of its preview, from their first period on or after the day", async () => {
  const home = await buildHouse();
  await home.api("POST", "/plans", GOLD);
  await subscribe(home, "first-of-month");
  await subscribe(home, "fifteenth", { billing_day: 15 });
  await subscribe(home, "thirtieth", { billing_day: 30 });
  await subscribe(home, "ends", { ends_on: "2027-04-10" });
  await home.live({ hours: 1 });
  await price(home, 120_000);
  await subscribe(home, "new-price");
  const body = { to_version: 2, effective_on: "2027-04-10", reason: "costs" };
  const preview = await migrate(home, body, "?dry_run=true");
  expect(preview).toMatchObject({
    dry_run: true,
    id: null,
    subscriptions: 3,
    by_version: [{ version: 1, amount: 99_000, subscriptions: 3 }],
    amount_before: 297_000,
    amount_after: 360_000,
    left_out: { has_it: 1, over: 1 },
  });
  const shown = preview["first"] as { subscription: string; first_changed_on: string }[];
  const changed = Object.fromEntries(shown.map((row) => [row.subscription, row.first_changed_on]));
  expect(changed).toEqual({
    "first-of-month": "2027-05-01",
    fifteenth: "2027-04-15",
    thirtieth: "2027-04-30",
  });

  const made = await migrate(home, { ...body, preview: preview["preview"] });
  expect(made).toMatchObject({ subscriptions: 3, first: shown });
  await subscribe(home, "came-later");
  expect(await home.api("GET", "/subscriptions/fifteenth")).toMatchObject({
    next_amount: 99_000,
    price_changes: [{ effective_on: "2027-04-10", amount: 120_000 }],
  });
  await home.live("2027-06-16T03:00:00Z");
  expect(await billed(home, "first-of-month")).toEqual([
    "2027-03-01 99000 paid",
    "2027-04-01 99000 paid",
    "2027-05-01 120000 paid",
    "2027-06-01 120000 paid",
  ]);
  expect((await billed(home, "fifteenth")).slice(1)).toEqual([
    "2027-03-15 99000 paid",
    "2027-04-15 120000 paid",
    "2027-05-15 120000 paid",
    "2027-06-15 120000 paid",
  ]);
  expect((await billed(home, "thirtieth")).slice(1)).toEqual([
    "2027-03-30 99000 paid",
    "2027-04-30 120000 paid",
    "2027-05-30 120000 paid",
  ]);
  expect(await billed(home, "ends")).toEqual(["2027-03-01 99000 paid", "2027-04-01 29700 paid"]);
  expect(new Set((await billed(home, "new-price")).map((says) => says.split(" ")[1]))).toEqual(
    new Set(["120000"]),
  );
  // Whoever was billed otherwise than agreed was in the preview, and nobody else.
  const otherwise = await home.query<{ reference: string }>(
    `select distinct s.reference
       from invoices i join subscriptions s on s.id = i.subscription_id
      where i.plan_version_id <> s.plan_version_id
      order by s.reference`,
  );
  expect(otherwise.map(({ reference }) => reference)).toEqual(Object.keys(changed).sort());
});

it("a late period from before the day keeps the old price, however late it is billed", async () => {
  const home = await buildHouse();
  await home.api("POST", "/plans", GOLD);
  await subscribe(home, "s");
  await home.live({ hours: 1 });
  await price(home, 120_000);
  await migrate(home, { to_version: 2, effective_on: "2027-05-01" });
  await home.jump({ days: 95 });
  await home.live({ days: 4 });
  expect(await billed(home, "s")).toEqual([
    "2027-03-01 99000 paid",
    "2027-04-01 99000 paid",
    "2027-05-01 120000 paid",
    "2027-06-01 120000 paid",
  ]);
});

it("a migration that is taken back holds for those who were billed at its price, and for nobody else", async () => {
  const home = await buildHouse();
  await home.api("POST", "/plans", GOLD);
  await subscribe(home, "first-of-month");
  await subscribe(home, "fifteenth", { billing_day: 15 });
  await home.live({ hours: 1 });
  await price(home, 120_000);
  const { id } = await migrate(home, { to_version: 2, effective_on: "2027-04-01" });
  await home.live("2027-04-02T03:00:00Z");
  const canceled = await home.api("POST", `/plans/gold/migrations/${id}/cancel`, { reason: "a mistake" });
  expect(canceled).toMatchObject({ subscriptions: 2, canceled: { withdrawn: 1, reason: "a mistake" } });
  const { data } = await home.api("GET", `/plans/gold/migrations/${id}/subscriptions`);
  expect(data).toEqual([{ subscription: "first-of-month", effective_on: "2027-04-01" }]);
  await home.live("2027-05-16T03:00:00Z");
  expect((await billed(home, "first-of-month")).slice(1)).toEqual([
    "2027-04-01 120000 paid",
    "2027-05-01 120000 paid",
  ]);
  expect((await billed(home, "fifteenth")).slice(2)).toEqual([
    "2027-04-15 99000 paid",
    "2027-05-15 99000 paid",
  ]);

  // And back for the others too, by a migration the other way.
  await migrate(home, { to_version: 1, effective_on: "2027-06-01" });
  await home.live("2027-06-02T03:00:00Z");
  expect((await billed(home, "first-of-month")).at(-1)).toBe("2027-06-01 99000 paid");
});

it("an invoice shows the tax in it, at the rate of the price it was billed at", async () => {
  const home = await buildHouse();
  await home.api("POST", "/plans", GOLD);
  await subscribe(home, "s");
  await home.live({ hours: 1 });
  await price(home, 112_000, { tax_percent: 12 });
  await migrate(home, { to_version: 2, effective_on: "2027-04-01" });
  await home.live("2027-04-02T03:00:00Z");
  const { data } = await home.api("GET", "/subscriptions/s/invoices");
  expect(data).toMatchObject([
    { bills_on: "2027-04-01", amount: 112_000, tax: { percent: 12, amount: 12_000 } },
    { bills_on: "2027-03-01", amount: 99_000, tax: { percent: 11, amount: 9_811 } },
  ]);
  const [first] = data as { id: string }[];
  expect(await home.api("GET", `/invoices/${first?.id}`)).toMatchObject({ tax: { amount: 12_000 } });
});

it("a plan that most wallets cannot pay warns, and archived it takes nobody new", async () => {
  const home = await buildHouse();
  const made = await home.api("POST", "/plans", { ...GOLD, amount: 2_500_000 });
  expect(made["warnings"]).toEqual([expect.stringContaining("only customers with OVO Premier can pay it")]);
  expect(await home.api("GET", "/plans/gold/feasibility?amount=25000000")).toMatchObject({
    warnings: [expect.stringContaining("no wallet can pay it")],
  });
  await subscribe(home, "s");
  await home.api("PATCH", "/plans/gold", { archived: true });
  await expect(subscribe(home, "t")).rejects.toThrow("takes no new subscriptions");
  await home.live("2027-04-02T03:00:00Z");
  expect(await billed(home, "s")).toEqual(["2027-03-01 2500000 paid", "2027-04-01 2500000 paid"]);
});
