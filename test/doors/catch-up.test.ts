import { pino } from "pino";
import { afterAll, expect, test } from "vitest";
import { openHouseDatabase } from "../../src/app/schema.ts";
import { policyBook } from "../../src/dunning/policy-book.flow.ts";
import { turnedClock } from "../../src/platform/clock.ts";
import { wakeAt } from "../../src/subscriptions/wake-at.ts";
import { type Billed, liveUntil, openedInvoices, storeBilled, turnTo } from "../support/billing.ts";
import { freshDatabaseUrl } from "../support/db.ts";
import { plainPolicy } from "../support/plain-policy.ts";
import { readCatchUp } from "../support/printed-catch-up.ts";
import { MERCHANT, makeFolder, runTagih } from "../support/run-tagih.ts";
import { someTerms } from "../unit/subscription-builders.ts";

const ZONE = "Asia/Jakarta";
const WINDOW = "08:00";
const folder = makeFolder();
afterAll(folder.remove);

function behind(reference: string, more: Partial<Billed> = {}): Billed {
  return { reference, customer: "budi", zone: ZONE, terms: someTerms("2027-03-01", "week"), ...more };
}

test("what `tagih subscription catch-up` prints is what is then billed", { timeout: 120_000 }, async () => {
  const url = await freshDatabaseUrl();
  const db = await openHouseDatabase(url, "test", 4);
  try {
    const news = behind("news", { terms: someTerms("2027-03-31", "month"), policy: "hold" });
    await storeBilled(db, [behind("box"), news], wakeAt("2027-03-01", ZONE, WINDOW), WINDOW);
    await turnTo(db, wakeAt("2027-04-09", ZONE, "09:30"));
    const env = {
      DATABASE_URL: url,
      TAGIH_ENCRYPTION_KEY: MERCHANT.env.TAGIH_ENCRYPTION_KEY,
      QUEUE_BACKEND: "postgres",
      TAGIH_CLOCK: "turned",
      CHARGE_WINDOW: "08:00-20:00",
    };
    const tagih = async (...words: string[]) => {
      const { code, out, err } = await runTagih(["subscription", ...words], { cwd: folder.path, env });
      if (code !== 0) throw new Error(err);
      return out;
    };
    const before = readCatchUp(await tagih("catch-up", "--customer", "budi")).get("budi");
    expect(before?.map(({ on, subscription }) => `${on} ${subscription}`)).toEqual([
      "2027-04-09 box",
      "2027-04-10 box",
      "2027-04-11 box",
      "2027-04-12 box",
      "2027-04-13 box",
      "2027-04-14 box",
      "2027-04-15 box",
      "held news",
    ]);
    const chosen = await tagih(
      "choose-catch-up",
      "news",
      "--policy",
      "all_at_once",
      "--reason",
      "agreed by phone",
    );
    const printed = await tagih("catch-up", "--customer", "budi");
    expect(chosen).toBe(printed);
    const rows = readCatchUp(printed).get("budi") ?? [];
    const json = JSON.parse(await tagih("catch-up", "--customer", "budi", "--json"));
    expect(json).toMatchObject({ data: [{ customer: "budi", complete: true }], next_cursor: null });
    expect(json.data[0].rows).toHaveLength(rows.length);

    const policy = plainPolicy({
      zone: ZONE,
      window: { from: WINDOW, to: "20:00" },
      inquiryLadderMs: [65_000],
    });
    const log = pino({ level: "silent" });
    const policies = policyBook(policy);
    const tools = { db, clock: turnedClock, policy, policies, log, notFoundBlindMs: 0, minCharge: 10_000 };
    await liveUntil(tools, wakeAt(rows.at(-1)?.on ?? "", ZONE, "23:00"));
    const done = (await openedInvoices(db)).map(({ on, subscription, start, end, amount }) => ({
      ...{ on, subscription, start, end, amount },
      says: on === start ? "on its day" : "late",
    }));
    const order = (each: { on: string; start: string }) => `${each.on} ${each.start}`;
    expect(done.sort((a, b) => (order(a) < order(b) ? -1 : 1))).toEqual(
      [...rows].sort((a, b) => (order(a) < order(b) ? -1 : 1)),
    );
  } finally {
    await db.close();
  }
});
