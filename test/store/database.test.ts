import { describe, expect, test } from "vitest";
import { AwayError } from "../../src/kernel/errors.ts";
import { brokenConstraint, openDatabase, sqlState, type Tx } from "../../src/platform/database.ts";
import { freePort } from "../../src/platform/embedded/server.ts";
import type { RoomsDatabase } from "../support/rooms.ts";
import { emptyDatabase, storeInvoice } from "./invoice-rows.ts";

describe("a transaction", () => {
  test("that meets a deadlock is run again: both of two that cross succeed", async () => {
    const db = await emptyDatabase();
    const ids = [await storeInvoice(db, "s-1"), await storeInvoice(db, "s-2")];
    const runs = [0, 0];
    const meet = rendezvous(2);
    const cross = (own: 0 | 1) =>
      db.begin(async (tx) => {
        runs[own] = (runs[own] ?? 0) + 1;
        await step(tx, ids[own]);
        // Only the first runs wait for each other: a second one finds the rows free, sooner or later.
        if (runs[own] === 1) await meet();
        await step(tx, ids[1 - own]);
      });
    await Promise.all([cross(0), cross(1)]);
    expect([...runs].sort()).toEqual([1, 2]);
    expect(await steps(db)).toEqual([2, 2]);
  });

  test("that meets a serialization failure is run again", async () => {
    const db = await emptyDatabase();
    await storeInvoice(db);
    let runs = 0;
    await db.begin(async (tx) => {
      runs += 1;
      await tx.query(`set transaction isolation level repeatable read`);
      await tx.query(`select dunning_step from invoices`);
      if (runs === 1) await db.query(`update invoices set dunning_step = 5`);
      await tx.query(`update invoices set dunning_step = dunning_step + 1`);
    });
    expect(runs).toBe(2);
    expect(await steps(db)).toEqual([6]);
  });

  test("that meets a deadlock every time gives up after five, and says why", async () => {
    const db = await emptyDatabase();
    let runs = 0;
    const stubborn = db.begin(async (tx) => {
      runs += 1;
      await tx.query(`do $$ begin raise exception 'again' using errcode = '40P01'; end $$`);
    });
    await expect(stubborn).rejects.toSatisfy((error) => sqlState(error) === "40P01");
    expect(runs).toBe(5);
  });

  test("that breaks a rule is not run again, leaves nothing and names the rule", async () => {
    const db = await emptyDatabase();
    await storeInvoice(db);
    let runs = 0;
    const broken = db.begin(async (tx) => {
      runs += 1;
      await tx.query(`update invoices set dunning_step = 9`);
      await tx.query(`update invoices set amount = -1`);
    });
    await expect(broken).rejects.toSatisfy(
      (error) => sqlState(error) === "23514" && brokenConstraint(error) === "invoices_amount_not_negative",
    );
    expect(runs).toBe(1);
    expect(await steps(db)).toEqual([0]);
  });
});

describe("statements side by side", () => {
  test("share a transaction: one that fails takes the others back, and none comes after it", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    let later: Promise<unknown> = Promise.resolve();
    const broken = db.begin((tx) => {
      later = step(tx, id).then(async () => {
        await rejected(broken);
        await step(tx, id);
      });
      return Promise.all([later, tx.query(`update invoices set amount = $1`, [-1])]);
    });
    await expect(broken).rejects.toSatisfy((error) => sqlState(error) === "23514");
    await expect(later).rejects.toThrow("after the end of its transaction");
    expect(await steps(db)).toEqual([0]);
  });

  test("fail with the reason of the first, also for who hears of another", async () => {
    const db = await emptyDatabase();
    await storeInvoice(db);
    let heard: unknown = null;
    const broken = db.begin((tx) => {
      const first = tx.query(`update invoices set amount = $1`, [-1]);
      const second = tx.query(`select id from invoices where id = any($1)`, [[]]).catch((error: unknown) => {
        heard = error;
      });
      return Promise.all([first, second]);
    });
    await expect(broken).rejects.toThrow("invoices_amount_not_negative");
    expect(brokenConstraint(heard)).toBe("invoices_amount_not_negative");
  });

  test("outside a transaction each commits by itself", async () => {
    const db = await emptyDatabase();
    const id = await storeInvoice(db);
    await db.query(`update invoices set dunning_step = 7 where id = $1`, [id]);
    await expect(db.query(`update invoices set amount = $1`, [-1])).rejects.toThrow("amount_not_negative");
    expect(await steps(db)).toEqual([7]);
  });
});

describe("an error that is not PostgreSQL's", () => {
  test.each([
    null,
    undefined,
    new Error("x"),
    { driverError: { code: "ECONNREFUSED" } },
    { driverError: {} },
    { code: "EPIPE" },
  ])("has neither a state nor a rule: %s", (error) => {
    expect([sqlState(error), brokenConstraint(error)]).toEqual([null, null]);
  });
});

test("a server that is not there is said to be away, with the variable to check", async () => {
  const url = `postgres://nobody:secret@127.0.0.1:${await freePort()}/nothing`;
  const opening = openDatabase({ url, role: "test" });
  await expect(opening).rejects.toThrow(AwayError);
  await expect(opening).rejects.toThrow("PostgreSQL does not answer: check DATABASE_URL");
});

function rejected(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => {},
    (error: unknown) => error,
  );
}

async function step(tx: Tx, id: string | undefined): Promise<void> {
  await tx.query(`update invoices set dunning_step = dunning_step + 1 where id = $1`, [id]);
}

async function steps(db: RoomsDatabase): Promise<number[]> {
  const rows = await db.query<{ step: number }>(`select dunning_step as step from invoices order by id`);
  return rows.map((row) => row.step);
}

/** Lets `count` callers go on once all have come. */
function rendezvous(count: number): () => Promise<void> {
  let open: () => void = () => {};
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  let came = 0;
  return () => {
    came += 1;
    if (came === count) open();
    return gate;
  };
}
