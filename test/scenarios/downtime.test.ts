import { expect, it } from "vitest";
import { buildHouse, type TestHouse } from "../support/house.ts";
import { addCustomer, payments, stories, subscribe, taken } from "../support/stories.ts";

/** `bills_on` and the local date on which each invoice was opened. */
async function openings(home: TestHouse): Promise<string[]> {
  const rows = await home.query<{ says: string }>(
    `select bills_on::text || ' on ' || to_char(created_at at time zone 'Asia/Jakarta', 'YYYY-MM-DD') as says
       from invoices order by period_index`,
  );
  return rows.map((row) => row.says);
}

it("after three weeks of downtime a weekly plan is billed oldest first, one period a local day", async () => {
  const home = await buildHouse();
  const customer = await addCustomer(home);
  const subscription = await subscribe(home, customer, { interval: "week" });
  await home.live({ hours: 1 });
  await home.jump({ days: 22 });
  await home.live({ days: 4 });
  expect(await openings(home)).toEqual([
    "2027-03-01 on 2027-03-01",
    "2027-03-08 on 2027-03-23",
    "2027-03-15 on 2027-03-24",
    "2027-03-22 on 2027-03-25",
  ]);
  expect((await stories(home, subscription)).every(({ state }) => state === "paid")).toBe(true);
  expect(taken(home, customer)).toHaveLength(4);
});

it("after three days of downtime a daily plan opens two a day until it is level", async () => {
  const home = await buildHouse();
  const customer = await addCustomer(home);
  await subscribe(home, customer, { interval: "day" });
  await home.live({ hours: 1 });
  await home.jump({ days: 3 });
  await home.live({ days: 3 });
  expect(await openings(home)).toEqual([
    "2027-03-01 on 2027-03-01",
    "2027-03-02 on 2027-03-04",
    "2027-03-03 on 2027-03-04",
    "2027-03-04 on 2027-03-05",
    "2027-03-05 on 2027-03-05",
    "2027-03-06 on 2027-03-06",
    "2027-03-07 on 2027-03-07",
  ]);
  expect(payments(home)).toHaveLength(7);
});

it("an attempt in doubt when the house went down is settled first when it comes back", async () => {
  const home = await buildHouse();
  const customer = await addCustomer(home);
  const subscription = await subscribe(home, customer);
  home.simulator.script({ match: {}, outcome: "reset-after-commit+notify-never" });
  await home.settle();
  await home.jump({ days: 3 });
  await home.settle();
  expect(await stories(home, subscription)).toMatchObject([
    { state: "paid", attempts: [{ state: "succeeded" }] },
  ]);
  expect(taken(home, customer)).toHaveLength(1);
});

it("a monthly plan from the 31st never drifts", async () => {
  const home = await buildHouse({ start: "2027-01-31T10:00:00+07:00" });
  const customer = await addCustomer(home);
  await subscribe(home, customer);
  await home.live({ days: 100 });
  expect(await openings(home)).toEqual([
    "2027-01-31 on 2027-01-31",
    "2027-02-28 on 2027-02-28",
    "2027-03-31 on 2027-03-31",
    "2027-04-30 on 2027-04-30",
  ]);
  expect(taken(home, customer)).toHaveLength(4);
});
