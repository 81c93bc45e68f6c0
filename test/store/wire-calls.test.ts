import { describe, expect, test } from "vitest";
import { until } from "../../src/platform/timer.ts";
import { onTheWire } from "../../src/platform/wire-calls.ts";
import type { RoomsDatabase } from "../support/rooms.ts";
import { emptyDatabase } from "./invoice-rows.ts";

describe("a call on the wire", () => {
  test("has a row for as long as it runs, and gives back what the gateway answered", async () => {
    const db = await emptyDatabase();
    const { answer, call } = pending<string>();
    const port = onTheWire({ balance: (_token: string) => call }, db, 1_000);
    const asked = port.balance("token");
    await until("the call is noted", 10_000, async () => (await noted(db)).length === 1);
    // Four time-outs: our own token, and the call twice, with one to spare.
    expect(await noted(db)).toEqual([{ what: "balance", seconds: 4 }]);
    answer("Rp 1");
    expect(await asked).toBe("Rp 1");
    expect(await noted(db)).toEqual([]);
  });

  test("that fails throws what it threw and leaves no row", async () => {
    const db = await emptyDatabase();
    const port = onTheWire({ exchange: () => Promise.reject(new Error("reset")) }, db, 1_000);
    await expect(port.exchange()).rejects.toThrow("reset");
    expect(await noted(db)).toEqual([]);
  });

  test("beside others of the same name has a row of its own", async () => {
    const db = await emptyDatabase();
    const calls = [pending<number>(), pending<number>()];
    const port = onTheWire({ pay: (index: number) => calls[index]?.call }, db, 1_000);
    const asked = [port.pay(0), port.pay(1)];
    await until("both are noted", 10_000, async () => (await noted(db)).length === 2);
    calls[1]?.answer(1);
    await asked[1];
    expect(await noted(db)).toHaveLength(1);
    calls[0]?.answer(0);
    expect(await Promise.all(asked)).toEqual([0, 1]);
    expect(await noted(db)).toEqual([]);
  });

  test("that cannot be noted fails when it ends, and does not end the process before it", async () => {
    const db = await emptyDatabase();
    const { answer, call } = pending<string>();
    const unwritable = Number.NaN;
    const asked = onTheWire({ balance: () => call }, db, unwritable).balance();
    // By now the note has failed, and nobody has asked for the outcome yet.
    for (let look = 0; look < 3; look += 1) await noted(db);
    answer("Rp 1");
    await expect(asked).rejects.toThrow(/out of range/);
  });

  test("is not what answers at once, and other members stay as they are", async () => {
    const db = await emptyDatabase();
    const port = onTheWire({ name: "DOKU", newExternalId: () => "42" }, db, 1_000);
    expect([port.name, port.newExternalId()]).toEqual(["DOKU", "42"]);
    expect(await noted(db)).toEqual([]);
  });
});

function noted(db: RoomsDatabase) {
  return db.query(
    `select what, ceil(extract(epoch from ends_by - clock_timestamp()))::int as seconds from wire_calls`,
  );
}

function pending<T>() {
  let answer: (value: T) => void = () => {};
  const call = new Promise<T>((resolve) => {
    answer = resolve;
  });
  return { answer, call };
}
