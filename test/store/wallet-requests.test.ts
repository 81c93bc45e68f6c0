import { expect, test } from "vitest";
import { countWalletRequests, giveBackWalletRequests } from "../../src/invoices/dunned.store.ts";
import type { CustomerId } from "../../src/kernel/ids.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { NOON, type RoomsDatabase } from "../support/rooms.ts";
import { activeSubscription, emptyDatabase } from "./invoice-rows.ts";

const ZONE = "Asia/Jakarta";
const DAY = NOON.setZone(ZONE).toISODate() as string;
const TOMORROW = NOON.plus({ days: 1 }) as Instant;

async function wallet(name: string, db: RoomsDatabase): Promise<CustomerId> {
  return (await activeSubscription(db, name)).customerId;
}

function counted(db: RoomsDatabase, customerId: CustomerId): Promise<unknown[]> {
  return db.query(`select day::text as day, requests from wallet_requests where customer_id = $1`, [
    customerId,
  ]);
}

test("requests of a wallet are counted a day, and a new day begins anew", async () => {
  const db = await emptyDatabase();
  const customerId = await wallet("s-1", db);
  const ask = (at: Instant, times: number) =>
    db.begin((tx) => countWalletRequests(tx, Array(times).fill({ customerId, at, zone: ZONE })));
  await ask(NOON, 2);
  await ask(NOON, 1);
  expect(await counted(db, customerId)).toEqual([{ day: DAY, requests: 3 }]);
  await ask(TOMORROW, 1);
  expect(await counted(db, customerId)).toEqual([{ day: TOMORROW.setZone(ZONE).toISODate(), requests: 1 }]);
});

test("each is given back once, to the day on which it was counted and to no other", async () => {
  const db = await emptyDatabase();
  const [one, other] = [await wallet("s-1", db), await wallet("s-2", db)];
  const asked = [one, one, one, other].map((customerId) => ({ customerId, at: NOON, zone: ZONE }));
  await db.begin((tx) => countWalletRequests(tx, asked));
  const back = (customerId: CustomerId, day = DAY) => ({ customerId, day });
  await db.begin((tx) => giveBackWalletRequests(tx, [back(one), back(one), back(other, "2027-01-01")]));
  expect(await counted(db, one)).toEqual([{ day: DAY, requests: 1 }]);
  expect(await counted(db, other)).toEqual([{ day: DAY, requests: 1 }]);
});
