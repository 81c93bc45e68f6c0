import { describe, expect, it, test } from "vitest";
import type { PlanVersionId, SubscriptionId } from "../../src/kernel/ids.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { LocalDate } from "../../src/kernel/time.ts";
import { billingPeriod, type Terms } from "../../src/subscriptions/billing-period.ts";
import { firstPeriodFrom, membership } from "../../src/subscriptions/plan-migration.ts";
import { type PriceChange, priceOfPeriod } from "../../src/subscriptions/price-change.ts";

const [V1, V2, V3] = ["v1", "v2", "v3"] as unknown as [PlanVersionId, PlanVersionId, PlanVersionId];

const MONTHLY: Terms = {
  startOn: "2027-01-31",
  interval: { unit: "month", count: 1 },
  billingDay: null,
  trialEndsOn: null,
  endsOn: null,
  cycles: null,
  amount: rupiah(99_000),
};

const running = (terms: Partial<Terms> = {}, more: object = {}) => ({
  terms: { ...MONTHLY, ...terms },
  planVersionId: V1,
  nextIndex: 0,
  startFloats: false,
  cancelAtPeriodEnd: false,
  ...more,
});

const to = (effectiveOn: LocalDate, from: readonly PlanVersionId[] | null = null) => ({
  toVersionId: V2,
  effectiveOn,
  fromVersionIds: from === null ? null : new Set(from),
});

const change = (effectiveOn: LocalDate, planVersionId = V3): PriceChange => ({
  subscriptionId: "s" as SubscriptionId,
  effectiveOn,
  planVersionId,
  amount: rupiah(105_000),
});

describe("the first period on or after a day", () => {
  test.each<[string, Partial<Terms>, LocalDate, number | null, LocalDate | null]>([
    ["before the start", {}, "2026-12-01", 0, "2027-01-31"],
    ["on a boundary", {}, "2027-02-28", 1, "2027-02-28"],
    ["a day after one", {}, "2027-03-01", 2, "2027-03-31"],
    ["a day before one", {}, "2027-03-30", 2, "2027-03-31"],
    ["in a trial", { trialEndsOn: "2027-02-14" }, "2027-02-01", 0, "2027-02-14"],
    ["in a short first period", { billingDay: 25 }, "2027-02-01", 1, "2027-02-25"],
    ["in the last period", { cycles: 2 }, "2027-03-01", null, null],
    ["on the end date", { endsOn: "2027-03-31" }, "2027-03-31", null, null],
    ["after a re-anchoring", { countedFrom: { on: "2027-06-10", index: 4 } }, "2027-06-11", 5, "2027-07-10"],
  ])("%s", (_name, terms, date, index, start) => {
    const period = firstPeriodFrom({ ...MONTHLY, ...terms }, date);
    expect([period?.index ?? null, period?.start ?? null]).toEqual([index, start]);
  });

  it("is the same as looking at them one after the other, for five years of days", () => {
    const terms = { ...MONTHLY, billingDay: 30, endsOn: "2031-12-15" };
    let index = 0;
    for (let day = Date.parse("2027-01-31"); day < Date.parse("2032-01-31"); day += 86_400_000) {
      const date = new Date(day).toISOString().slice(0, 10);
      while ((billingPeriod(terms, index)?.start ?? "9999") < date) index += 1;
      expect(firstPeriodFrom(terms, date)).toEqual(billingPeriod(terms, index));
    }
  });
});

describe("a migration", () => {
  it("changes a running subscription from its first period on or after the day", () => {
    expect(membership(running(), [], to("2027-03-01"))).toMatchObject({
      kind: "member",
      from: { planVersionId: V1, amount: 99_000 },
      first: { index: 2, start: "2027-03-31" },
      effectiveOn: "2027-03-01",
      changesAgainOn: null,
    });
  });

  it("leaves what is billed already: then it is stored from the first period that is not", () => {
    const ahead = running({}, { nextIndex: 3 });
    expect(membership(ahead, [], to("2027-03-01"))).toMatchObject({
      kind: "member",
      first: { index: 3, start: "2027-04-30" },
      effectiveOn: "2027-04-30",
    });
    const behind = running({}, { nextIndex: 1 });
    expect(membership(behind, [], to("2027-03-01"))).toMatchObject({
      first: { index: 2 },
      effectiveOn: "2027-03-01",
    });
  });

  it("of late periods changes only those that begin on or after the day", () => {
    const member = membership(running({}, { nextIndex: 0 }), [], to("2027-03-31"));
    if (member.kind !== "member") throw new Error(member.kind);
    const stored = [{ ...change(member.effectiveOn, V2), amount: rupiah(120_000) }];
    const prices = [0, 1, 2, 3].map((index) => {
      const start = billingPeriod(MONTHLY, index)?.start ?? "";
      return priceOfPeriod({ planVersionId: V1, amount: rupiah(99_000) }, stored, start).amount;
    });
    expect(prices).toEqual([99_000, 99_000, 120_000, 120_000]);
  });

  test.each([
    ["over", running({ endsOn: "2027-03-31" }), [], to("2027-03-31")],
    ["over", running({ cycles: 2 }, { nextIndex: 2 }), [], to("2027-02-28")],
    ["canceling", running({}, { cancelAtPeriodEnd: true }), [], to("2027-03-01")],
    ["has_it", running({}, { planVersionId: V2 }), [], to("2027-03-01")],
    ["has_it", running(), [change("2027-02-15", V2)], to("2027-03-01")],
    ["has_it", running(), [change("2027-03-01", V2)], to("2027-03-01")],
    ["other_price", running(), [], to("2027-03-01", [V3])],
    ["other_price", running(), [change("2027-02-15")], to("2027-03-01", [V1])],
    ["taken", running(), [change("2027-03-01")], to("2027-03-01")],
    ["member", running(), [change("2027-02-15")], to("2027-03-01", [V3])],
    ["member", running({}, { planVersionId: V2 }), [change("2027-02-15")], to("2027-03-01")],
  ])("%s", (kind, subscription, changes, asked) => {
    expect(membership(subscription, changes, asked).kind).toBe(kind);
  });

  it("says when a change that was planned before takes over again", () => {
    const changes = [change("2027-09-01"), change("2027-06-01"), change("2027-02-01")];
    expect(membership(running(), changes, to("2027-03-01"))).toMatchObject({
      kind: "member",
      from: { planVersionId: V3, amount: 105_000 },
      changesAgainOn: "2027-06-01",
    });
  });

  it("takes those that wait for a wallet along: their periods begin with it", () => {
    const waiting = running({}, { startFloats: true });
    expect(membership(waiting, [], to("2028-03-01"))).toMatchObject({
      kind: "member",
      first: null,
      effectiveOn: "2028-03-01",
    });
    expect(
      membership(running({ endsOn: "2028-03-01" }, { startFloats: true }), [], to("2028-03-01")),
    ).toEqual({
      kind: "over",
    });
  });
});
