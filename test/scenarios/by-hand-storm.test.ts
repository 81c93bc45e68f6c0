import { expect, it } from "vitest";
import { collector } from "../../src/invoices/collect.flow.ts";
import { order } from "../support/by-hand.ts";
import { buildHouse } from "../support/house.ts";
import { dueInvoices, stories, taken } from "../support/stories.ts";

const CUSTOMERS = 24;
const CLERKS = 4;
const CLOSINGS = ["void", "write-off", "mark-paid"] as const;

it("clerks who close what workers are collecting: no wallet pays twice, and no rupiah goes unseen", async () => {
  const home = await buildHouse();
  const customers = await dueInvoices(home, CUSTOMERS);
  const ids = await home.beat();
  expect(ids).toHaveLength(CUSTOMERS);
  const workers = [collector(home.collect), collector(home.collect)];
  const clerk = async (from: number) => {
    let closed = 0;
    for (let n = from; n < CUSTOMERS; n += CLERKS) {
      const [id = "", doing = "void"] = [ids[n], CLOSINGS[n % CLOSINGS.length]];
      const { status } = await order(home, { id }, doing, n % 6 === 2 ? { force: true } : {});
      if (status === 200) closed += 1;
    }
    return closed;
  };
  const clerks = Promise.all(Array.from({ length: CLERKS }, (_, n) => clerk(n)));
  await Promise.all(workers.map((worker) => worker.collect(ids)));
  const closed = (await clerks).reduce((sum, each) => sum + each, 0);
  await home.live({ days: 2 });
  let byHand = 0;
  let surplus = 0;
  for (const customer of customers) {
    const [invoice, ...more] = await stories(home, customer.subscription);
    expect(more).toEqual([]);
    const money = taken(home, customer).length;
    const wasClosed =
      invoice?.rules.some((rule) => ["void", "write_off", "mark_paid"].includes(rule)) ?? false;
    byHand += wasClosed ? 1 : 0;
    expect(invoice).toMatchObject({ nextActionAt: null, waitingFor: null });
    expect(money).toBeLessThanOrEqual(1);
    // Either the clerk or the machine: both only by force, and then a person sees it.
    if (wasClosed && money === 1) surplus += 1;
    if (!wasClosed) expect(invoice).toMatchObject({ state: "paid" });
    if (!wasClosed) expect(money).toBe(1);
  }
  expect(byHand).toBe(closed);
  const exceptions = await home.query<{ kind: string }>(`select kind from exceptions`);
  expect(exceptions.map(({ kind }) => kind)).toEqual(Array.from({ length: surplus }, () => "surplus"));
  const forced = await home.query(`select id from manual_payments where forced`);
  expect(forced).toHaveLength(surplus);
});
