import { expect, it } from "vitest";
import { simulateOn } from "../../src/app/simulate-command.ts";
import { isWhole, type LifeOrder, type SimulationOutcome } from "../../src/simulation/outcome.ts";
import { renderLife } from "../../src/simulation/render-life.ts";
import { dropDatabase, newDatabaseUrl } from "../support/db.ts";

/** One life on an empty database: its tables must be made while the server's clock is the turned one. */
async function live(order: Partial<LifeOrder>): Promise<SimulationOutcome> {
  const url = await newDatabaseUrl();
  const plain = {
    seed: 7,
    subscriptions: 20,
    months: 2,
    faults: "ordinary",
    workers: 2,
    lenient: false,
  } as const;
  try {
    return await simulateOn(url, { ...plain, ...order });
  } finally {
    await dropDatabase(url);
  }
}

it("the same seed lives the same life, however many workers there are; another seed another one", async () => {
  const life = await live({});
  expect(isWhole(life)).toBe(true);
  expect(life).toMatchObject({ double_charges: 0, lost: 0, deadlocks: 0, surprises: {}, days: 59 });
  expect(life.invoices).toBeGreaterThan(30);
  expect(life.recovered).toBeGreaterThan(0);
  expect((await live({ workers: 4 })).digest).toBe(life.digest);
  expect((await live({ seed: 8 })).digest).not.toBe(life.digest);
}, 120_000);

it("a life in which processes die and connections break is lived again step by step", async () => {
  const order = { faults: "hostile", subscriptions: 12, months: 1, workers: 3, seed: 4 } as const;
  const life = await live(order);
  expect(isWhole(life)).toBe(true);
  expect(life.deaths + life.sleeps).toBeGreaterThan(0);
  const { digest, steps, deaths, sleeps } = life;
  expect(await live(order)).toMatchObject({ digest, steps, deaths, sleeps });
}, 120_000);

it("a life is told in a table and a picture of its months", async () => {
  const life = await live({ faults: "none", subscriptions: 5, months: 1 });
  expect(life).toMatchObject({ paid: life.invoices, paid_first_try: life.invoices });
  expect(renderLife(life)).toContain(`2027-01 ${"█".repeat(64)}`);
  expect(renderLife(life)).toContain("charged twice: 0   lost: 0");
}, 60_000);
