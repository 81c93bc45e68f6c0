// The customers of a run: a wallet and a daily subscription each, so that every business day is a wave of invoices.
import { DateTime } from "luxon";
import { apiClient, eachOf } from "../../src/app/demo/api-client.ts";
import { AwayError } from "../../src/kernel/errors.ts";
import { type Instant, localDateAt } from "../../src/kernel/time.ts";
import { until } from "../../src/platform/timer.ts";
import type { Arena } from "./arena.ts";

const ZONE = "Asia/Jakarta";
/** Monday noon, with the first wave on the next day. */
export const START = DateTime.fromISO("2027-01-04T12:00", { zone: ZONE }).toUTC() as Instant;
export const PRICE = 10_000;
/** Sixteen calls at once, each of which may wait for a wallet page. */
const PATIENCE_MS = 240_000;

export type Populace = {
  readonly count: number;
  /** Invoices of each: one a day. */
  readonly days: number;
  /** Called for each before it is linked; answers the wallet's first balance. */
  readonly prepare: (phone: string, index: number) => number;
};

/** The phone of the customer of this number. */
export function phoneOf(index: number): string {
  return `62812${String(1_000_000 + index)}`;
}

/** Opens the wallets, links them and subscribes everybody, over the API as a merchant would. */
export async function populate(arena: Arena, { count, days, prepare }: Populace): Promise<void> {
  const api = apiClient(arena.serverUrl, arena.apiKey);
  await api.post("/plans", {
    code: "daily",
    name: "Daily",
    amount: PRICE,
    interval: "day",
    interval_count: 1,
    cycles: days,
  });
  const tomorrow = localDateAt(START.plus({ days: 1 }) as Instant, ZONE);
  const urls = { success_url: "https://merchant.example/ok", failed_url: "https://merchant.example/ko" };
  await eachOf(
    Array.from({ length: count }, (_, index) => index),
    async (index) => {
      const reference = `c-${index}`;
      const phone = phoneOf(index);
      arena.simulator.addWallet({ phone, balance: prepare(phone, index), tier: "club" });
      await api.post("/customers", { reference, name: `Customer ${index}`, phone });
      // On a busy machine the gateway may be too slow: "start linking again", says the answer.
      await until(`${reference} is being linked`, PATIENCE_MS, () =>
        api.post(`/customers/${reference}/bindings`, urls).catch((error: unknown) => {
          if (error instanceof AwayError) return null;
          throw error;
        }),
      );
      await api.post("/subscriptions", {
        reference: `s-${index}`,
        customer: reference,
        plan: "daily",
        start_on: tomorrow,
      });
    },
  );
  await until("every wallet is linked", PATIENCE_MS, async () => {
    const [row] = await arena.db.begin((tx) =>
      tx.query<{ pending: number }>(
        `select count(*)::int as pending from subscriptions where state = 'incomplete'`,
      ),
    );
    return row?.pending === 0;
  });
}
