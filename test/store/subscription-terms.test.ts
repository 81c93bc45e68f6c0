import { describe, expect, it, test } from "vitest";
import { rupiah } from "../../src/kernel/money.ts";
import type { Database } from "../../src/platform/database.ts";
import { randomUuid } from "../../src/platform/random.ts";
import { activateSubscriptionsOf } from "../../src/subscriptions/activate-subscriptions.flow.ts";
import {
  allDiscountsOf,
  type DiscountId,
  discountsOf,
  endDiscount,
  insertDiscounts,
  type StoredDiscount,
} from "../../src/subscriptions/discount.store.ts";
import {
  deletePriceChanges,
  insertPriceChanges,
  type PlanMigrationId,
  priceChangesOf,
} from "../../src/subscriptions/price-change.store.ts";
import {
  insertSubscriptions,
  lockSubscriptions,
  saveSubscriptions,
} from "../../src/subscriptions/subscription.store.ts";
import type { Subscription } from "../../src/subscriptions/subscription.ts";
import {
  appendSubscriptionChanges,
  subscriptionChangesOf,
} from "../../src/subscriptions/subscription-change.store.ts";
import type { SubscriptionChangeKind } from "../../src/subscriptions/subscription-change.ts";
import { at, NOON, roomsDatabase, storePlan, storeSubscription } from "../support/rooms.ts";
import { emptyDatabase, expectBroken } from "./invoice-rows.ts";

/** Nothing of it is what a new row would have by itself. */
const FULL = {
  state: "paused",
  zone: "Asia/Jayapura",
  startFloats: true,
  nextIndex: 4,
  lastOpenedOn: "2027-05-31",
  credit: rupiah(1_500),
  rollover: rupiah(7_000),
  catchUpPolicy: "shift_anchor",
  hold: { owner: "finance", reason: "a complaint", endsOn: "2027-09-01" },
  pausedAt: at("2027-06-05T03:00:00Z"),
  resumesOn: "2027-08-01",
  cancelAtPeriodEnd: true,
  endedAt: at("2027-06-06T03:00:00Z"),
  endReason: "for a test",
  terms: {
    startOn: "2027-01-31",
    interval: { unit: "year", count: 2 },
    billingDay: 31,
    alignment: "calendar",
    billingMonth: 4,
    countedFrom: { on: "2027-06-10", index: 3 },
    trialEndsOn: "2027-02-10",
    endsOn: "2047-01-01",
    cycles: 9,
  },
} as const satisfies Parameters<typeof storeSubscription>[2];

async function read(db: Database, { id }: Subscription): Promise<unknown> {
  const [found] = await db.begin((tx) => lockSubscriptions(tx, [id]));
  return comparable(found);
}

/** Moments as text: two of the same time may know different zones. */
function comparable(subscription: Subscription | undefined): unknown {
  return JSON.parse(JSON.stringify(subscription ?? null));
}

describe("a subscription's row", () => {
  it("keeps everything that is agreed, from the first moment", async () => {
    const db = await emptyDatabase();
    const stored = await storeSubscription(db, "a", FULL);
    expect(await read(db, stored)).toEqual(comparable(stored));
  });

  it("keeps everything that changes, and nobody else's row changes", async () => {
    const db = await emptyDatabase();
    const before = await storeSubscription(db, "a");
    const other = await storeSubscription(db, "b");
    const { plan, price } = await storePlan(db, { code: "next" });
    const { id, reference, customerId, terms } = before;
    const after: Subscription = {
      ...before,
      ...FULL,
      ...{ id, reference, customerId, planId: plan.id, planVersionId: price.id },
      terms: { ...terms, ...FULL.terms },
    };
    await db.begin((tx) => saveSubscriptions(tx, [after]));
    expect(await read(db, before)).toEqual(comparable(after));
    expect(await read(db, other)).toEqual(comparable(other));
    await db.begin((tx) => saveSubscriptions(tx, [before]));
    expect(await read(db, before)).toEqual(comparable(before));
  });

  it("of a page of new ones those whose reference is taken are left out", async () => {
    const db = await emptyDatabase();
    const first = await storeSubscription(db, "a");
    const again = { ...first, id: randomUuid() as Subscription["id"] };
    const next = { ...again, id: randomUuid() as Subscription["id"], reference: "b" };
    const stored = await db.begin((tx) => insertSubscriptions(tx, [again, next], NOON));
    expect([...stored]).toEqual([next.id]);
  });
});

describe("the database holds", () => {
  it("of subscriptions", async () => {
    const db = await emptyDatabase();
    await storeSubscription(db, "a", { state: "active", nextInvoiceAt: NOON, nextIndex: 1 });
    const set = (what: string) => `update subscriptions set ${what}`;
    await expectBroken(db, [
      ["subscriptions_alignment_known", set(`alignment = 'moon'`)],
      ["subscriptions_billing_month_in_year", set(`billing_month = 13`)],
      ["subscriptions_billing_month_in_year", set(`billing_month = 0`)],
      ["subscriptions_counted_from_whole", set(`counted_from_on = '2027-04-01'`)],
      ["subscriptions_counted_from_whole", set(`counted_from_index = 1`)],
      ["subscriptions_counted_from_not_ahead", set(`counted_from_on = '2027-04-01', counted_from_index = 2`)],
      [
        "subscriptions_counted_from_not_ahead",
        set(`counted_from_on = '2027-04-01', counted_from_index = -1`),
      ],
      ["subscriptions_rollover_not_negative", set(`rollover = -1`)],
      ["subscriptions_catch_up_policy_known", set(`catch_up_policy = 'later'`)],
      ["subscriptions_paused_says_when", set(`state = 'paused', next_invoice_at = null`)],
      ["subscriptions_paused_says_when", set(`paused_at = now()`)],
      ["subscriptions_resumes_when_paused", set(`resumes_on = '2027-05-01'`)],
      ["subscriptions_hold_has_owner", set(`collection_hold = true`)],
      ["subscriptions_hold_has_owner", set(`collection_hold = true, hold_owner = 'finance'`)],
      ["subscriptions_hold_has_owner", set(`hold_owner = 'finance', hold_reason = 'asked'`)],
      ["subscriptions_hold_ends_when_held", set(`hold_ends_on = '2027-05-01'`)],
    ]);
  });

  it("of discounts, price changes, migrations and timelines", async () => {
    const db = await emptyDatabase();
    const { id, planId, planVersionId } = await storeSubscription(db, "a");
    const discount = (columns: string, values: string) =>
      `insert into subscription_discounts (id, subscription_id, created_by, created_at, ${columns})
       values (gen_random_uuid(), '${id}', 'sari', now(), ${values})`;
    await db.begin((tx) =>
      insertPriceChanges(tx, [
        { subscriptionId: id, effectiveOn: "2027-05-01", planVersionId, migrationId: null },
      ]),
    );
    await expectBroken(db, [
      ["subscription_discounts_one_kind", discount("from_index", "0")],
      ["subscription_discounts_one_kind", discount("from_index, percent, amount", "0, 10, 5000")],
      ["subscription_discounts_percent_in_range", discount("from_index, percent", "0, 0")],
      ["subscription_discounts_percent_in_range", discount("from_index, percent", "0, 101")],
      ["subscription_discounts_amount_positive", discount("from_index, amount", "0, 0")],
      ["subscription_discounts_from_index_not_negative", discount("from_index, percent", "-1, 10")],
      ["subscription_discounts_periods_positive", discount("from_index, percent, periods", "0, 10, 0")],
      [
        "subscription_changes_kind_is_a_word",
        `insert into subscription_changes (subscription_id, kind, at, actor) values ('${id}', 'No Word', now(), 'x')`,
      ],
      [
        "plan_migrations_subscriptions_not_negative",
        `insert into plan_migrations (id, plan_id, to_version_id, effective_on, subscriptions, created_by, created_at)
         values (gen_random_uuid(), '${planId}', '${planVersionId}', '2027-05-01', -1, 'sari', now())`,
      ],
      [
        "price_changes_one_a_day",
        `insert into price_changes (subscription_id, effective_on, plan_version_id)
         values ('${id}', '2027-05-01', '${planVersionId}')`,
      ],
    ]);
  });
});

describe("the timeline of a subscription", () => {
  it("is read newest first and page by page, each line as it was written", async () => {
    const db = await emptyDatabase();
    const { id: subscriptionId } = await storeSubscription(db, "a");
    const { id: other } = await storeSubscription(db, "b");
    const line = (kind: SubscriptionChangeKind, reason: string | null) => ({
      ...{ subscriptionId, kind, at: NOON, actor: "sari", reason, details: { kind, on: "2027-03-10" } },
    });
    await db.begin((tx) =>
      appendSubscriptionChanges(tx, [
        line("created", null),
        { ...line("held", "not this one"), subscriptionId: other },
        line("held", "a complaint"),
        line("released", "settled"),
      ]),
    );
    const page = (before: string | null, limit: number) =>
      db.begin((tx) => subscriptionChangesOf(tx, { subscriptionId, before }, limit));
    const newest = await page(null, 2);
    expect(newest).toMatchObject([line("released", "settled"), line("held", "a complaint")].map(plain));
    const rest = await page(newest[1]?.id ?? null, 2);
    expect(rest).toMatchObject([plain(line("created", null))]);
  });

  function plain<Line extends { at: unknown }>({ at: _, ...line }: Line) {
    return line;
  }
});

describe("discounts", () => {
  const GIVEN = { reason: "welcome", createdBy: "sari", createdAt: NOON, endedAt: null } as const;

  function aDiscount(
    subscription: Subscription,
    more: Partial<StoredDiscount> & Pick<StoredDiscount, "off">,
  ): StoredDiscount {
    const id = randomUuid() as DiscountId;
    return { ...GIVEN, id, subscriptionId: subscription.id, fromIndex: 0, periods: null, ...more };
  }

  it("of a page of subscriptions are read oldest first, each whole, without those that were ended", async () => {
    const db = await emptyDatabase();
    const [a, b, none] = [
      await storeSubscription(db, "a"),
      await storeSubscription(db, "b"),
      await storeSubscription(db, "c"),
    ];
    const percent = aDiscount(a, { off: { kind: "percent", percent: 15 }, fromIndex: 2, periods: 3 });
    const later = { createdAt: NOON.plus({ hours: 1 }) };
    const amount = aDiscount(a, { off: { kind: "amount", amount: rupiah(5_000) }, ...later });
    const ended = aDiscount(b, { off: { kind: "percent", percent: 100 }, reason: null });
    await db.begin((tx) => insertDiscounts(tx, [amount, percent, ended]));
    const end = () => db.begin((tx) => endDiscount(tx, ended, NOON));
    expect([await end(), await end()]).toEqual([true, false]);
    const found = await db.begin((tx) => discountsOf(tx, [a.id, b.id, none.id]));
    expect([...found.keys()]).toEqual([a.id]);
    expect(found.get(a.id)?.map((each) => ({ ...each, createdAt: each.createdAt.toISO() }))).toEqual([
      { ...percent, createdAt: NOON.toISO() },
      { ...amount, createdAt: later.createdAt.toISO() },
    ]);
    const [kept] = await db.begin((tx) => allDiscountsOf(tx, b.id, 10));
    expect(kept?.endedAt?.toISO()).toBe(NOON.toISO());
  });

  it("one of another subscription is not ended", async () => {
    const db = await emptyDatabase();
    const [a, b] = [await storeSubscription(db, "a"), await storeSubscription(db, "b")];
    const discount = aDiscount(a, { off: { kind: "percent", percent: 10 } });
    await db.begin((tx) => insertDiscounts(tx, [discount]));
    const foreign = { id: discount.id, subscriptionId: b.id };
    expect(await db.begin((tx) => endDiscount(tx, foreign, NOON))).toBe(false);
  });

  it("wait for the first period that is billed: a wallet that is linked late uses none of them up", async () => {
    const db = await roomsDatabase();
    const late = await storeSubscription(db, "a", { terms: { startOn: "2027-01-31" } });
    await db.begin((tx) =>
      insertDiscounts(tx, [aDiscount(late, { off: { kind: "percent", percent: 50 }, periods: 2 })]),
    );
    const linked = at("2027-05-20T05:00:00Z");
    await db.begin((tx) => activateSubscriptionsOf(tx, [late.customerId], linked, "08:00"));
    const [begun] = await db.begin((tx) => lockSubscriptions(tx, [late.id]));
    const discounts = await db.begin((tx) => discountsOf(tx, [late.id]));
    expect(begun?.nextIndex).toBe(3);
    expect(discounts.get(late.id)).toMatchObject([{ fromIndex: 3, periods: 2 }]);
  });
});

describe("price changes", () => {
  test("are read by date with their prices, and go with the migration that made them", async () => {
    const db = await emptyDatabase();
    const { id: subscriptionId, planId, planVersionId: first } = await storeSubscription(db, "a");
    const { price } = await storePlan(db, { code: "dearer" });
    await db.query(`update plan_versions set amount = 120000 where id = $1`, [price.id]);
    const migrationId = randomUuid() as PlanMigrationId;
    await db.query(
      `insert into plan_migrations (id, plan_id, to_version_id, effective_on, subscriptions, created_by, created_at)
       values ($1, $2, $3, '2027-06-01', 1, 'sari', now())`,
      [migrationId, planId, price.id],
    );
    const may = { subscriptionId, effectiveOn: "2027-05-01", planVersionId: first, migrationId: null };
    const june = { subscriptionId, effectiveOn: "2027-06-01", planVersionId: price.id, migrationId };
    await db.begin((tx) => insertPriceChanges(tx, [june, may]));
    const changes = async () =>
      (await db.begin((tx) => priceChangesOf(tx, [subscriptionId]))).get(subscriptionId);
    expect(await changes()).toEqual([
      { subscriptionId, effectiveOn: "2027-05-01", planVersionId: first, amount: 99_000 },
      { subscriptionId, effectiveOn: "2027-06-01", planVersionId: price.id, amount: 120_000 },
    ]);
    expect(await db.begin((tx) => deletePriceChanges(tx, migrationId, [subscriptionId]))).toBe(1);
    expect(await changes()).toHaveLength(1);
  });

  test("two of one day are refused, and nothing of that call is stored", async () => {
    const db = await emptyDatabase();
    const { id, planVersionId } = await storeSubscription(db, "a");
    const change = { subscriptionId: id, planVersionId, migrationId: null };
    const store = (...days: string[]) =>
      db.begin((tx) =>
        insertPriceChanges(
          tx,
          days.map((effectiveOn) => ({ ...change, effectiveOn })),
        ),
      );
    await store("2027-05-01");
    await expect(store("2027-06-01", "2027-05-01")).rejects.toThrow("effective_on: 1 of these subscriptions");
    expect((await db.begin((tx) => priceChangesOf(tx, [id]))).get(id)).toHaveLength(1);
  });
});
