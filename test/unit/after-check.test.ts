import { describe, expect, it } from "vitest";
import { afterCheck, type CheckOutcome } from "../../src/invoices/after-check.ts";
import type { Facts } from "../../src/invoices/facts.ts";
import type { Invoice } from "../../src/invoices/invoice.ts";
import { rupiah } from "../../src/kernel/money.ts";
import { at, attempt, dunned, facts, invoice, NOW } from "./invoice-builders.ts";

const check = (outcome: CheckOutcome, change: Partial<Invoice> = {}, more: Partial<Facts> = {}) =>
  afterCheck(facts({ invoice: invoice(change), ...more }), { outcome, purpose: "try" }, dunned(), NOW);
const short: CheckOutcome = { kind: "short", available: rupiah(10_000) };

describe("a balance that is too small", () => {
  it("is a failure of the customer without a request: dunning begins and nothing was asked", () => {
    const { invoice: after, subscription, says, rule, exceptions, stop } = check(short);
    expect(after).toMatchObject({ state: "open", dunningStep: 1, requestsUsed: 0, waitingFor: null });
    expect([after.firstFailedAt, after.nextActionAt]).toEqual([NOW, at("2027-01-16T08:00")]);
    expect(after.retryAt).toEqual(after.nextActionAt);
    expect([subscription, rule, exceptions, stop]).toEqual(["past_due", "balance.short", [], null]);
    expect(says).toMatch(/^not asked: balance Rp 10.000 of Rp 99.000; next try 16 Jan 08:00|tomorrow/);
  });

  it("goes on from the first failure, not from this one", () => {
    const firstFailedAt = NOW.minus({ days: 5 });
    const { invoice: after } = check(short, { firstFailedAt, dunningStep: 3 });
    expect([after.firstFailedAt, after.dunningStep]).toEqual([firstFailedAt, 4]);
    expect(after.nextActionAt).toEqual(at("2027-01-17T08:00"));
  });

  it("leaves its time to an inquiry that was asked for, also where no try follows", () => {
    const inquireAt = NOW.plus({ minutes: 5 });
    const attempts = [attempt({ state: "failed", closedAt: NOW, inquireAt })];
    const revoked = { kind: "wallet_refused", declineClass: "account", code: "4031103" } as const;
    expect(check(revoked, {}, { attempts }).invoice).toMatchObject({
      waitingFor: "person",
      nextActionAt: inquireAt,
    });
    expect(check(short, {}, { attempts }).invoice.nextActionAt).toEqual(inquireAt);
  });

  it("on the last day of the ladder is due for its end", () => {
    const { invoice: after } = check(short, {
      firstFailedAt: NOW.minus({ days: 21 }),
      declineClass: "funds",
    });
    expect(after.waitingFor).toBeNull();
    expect(after.nextActionAt?.toMillis()).toBeLessThanOrEqual(NOW.toMillis());
  });

  it("answers a person's wish, and forgets what could not be read or sent before", () => {
    const asked = { askedAt: NOW, notSentCount: 3, balanceFailures: 1 };
    expect(check(short, asked).invoice).toMatchObject({ askedAt: null, notSentCount: 0, balanceFailures: 0 });
  });
});

describe("a wallet that refuses to tell its balance", () => {
  it.each([
    ["account", "person", null, "past_due"],
    ["binding", "method", at("2027-02-05T08:00"), "past_due"],
  ] as const)("for %s waits for %s", (declineClass, waitingFor, nextActionAt, subscription) => {
    const outcome = { kind: "wallet_refused", declineClass, code: "4041111" } as const;
    const after = check(outcome);
    expect(after.invoice).toMatchObject({ waitingFor, requestsUsed: 0 });
    expect(after.invoice.nextActionAt).toEqual(nextActionAt);
    expect(after).toMatchObject({ subscription, rule: "balance.refused" });
    expect(after.says).toContain("4041111");
  });
});

describe("a balance that cannot be read", () => {
  it("is read again in a quarter of an hour, and is nobody's failure", () => {
    const after = check({ kind: "away", code: "5001100", sent: true });
    expect(after.invoice).toMatchObject({ balanceFailures: 1, notSentCount: 0, firstFailedAt: null });
    expect(after.invoice.nextActionAt).toEqual(NOW.plus({ minutes: 15 }));
    expect(after).toMatchObject({ subscription: null, rule: "balance.unread" });
  });

  it.each([
    [0, 1],
    [1, 2],
    [2, 5],
    [3, 15],
    [4, 30],
    [90, 30],
  ])(
    "because nothing left us for the time number %i + 1 is tried after %i minutes",
    (notSentCount, minutes) => {
      const after = check({ kind: "away", code: "ECONNREFUSED", sent: false }, { notSentCount });
      expect(after.invoice.notSentCount).toBe(notSentCount + 1);
      expect(after.invoice.nextActionAt).toEqual(NOW.plus({ minutes }));
      expect(after).toMatchObject({ subscription: null, rule: "not_sent" });
      expect(after.invoice).toMatchObject({ firstFailedAt: null, requestsUsed: 0, balanceFailures: 0 });
    },
  );
});

describe("a consent in doubt", () => {
  it("is asked for again after five minutes", () => {
    const after = check({ kind: "suspended" });
    expect(after.invoice.nextActionAt).toEqual(NOW.plus({ minutes: 5 }));
    expect(after).toMatchObject({ rule: "binding.suspended", subscription: null });
  });

  it("and gone is looked at again at once: the next decision sees that there is no wallet", () => {
    const after = check({ kind: "revoked" });
    expect(after.invoice.nextActionAt).toEqual(NOW);
    expect(after).toMatchObject({ rule: "binding.revoked", subscription: null });
  });
});

describe("a mistake of ours", () => {
  it("stops everything for an hour, calls a person and is not the customer's failure", () => {
    const after = check({ kind: "our_mistake", code: "4011100", message: "Unauthorized. Signature" });
    expect(after).toMatchObject({
      rule: "check.our_mistake",
      subscription: null,
      stop: { until: "an_hour", reason: "4011100 Unauthorized. Signature: our keys or our contract" },
      exceptions: [{ kind: "our_mistake", amount: null }],
    });
    expect(after.invoice).toMatchObject({ firstFailedAt: null, dunningStep: 0, waitingFor: null });
    expect(after.invoice.nextActionAt).toEqual(NOW.plus({ hours: 1 }));
  });

  it("is told within what a row holds, however long the gateway talks", () => {
    const { says, stop } = check({ kind: "our_mistake", code: "4011100", message: "x".repeat(2_000) });
    expect([says.length, stop?.reason.length]).toEqual([300, 200]);
  });
});

it("a charge that was overtaken is decided about anew, at once", () => {
  const after = check({ kind: "overtaken", says: "nothing leaves: stopped" });
  expect(after.invoice.nextActionAt).toEqual(NOW);
  expect(after).toMatchObject({ rule: "charge.overtaken", says: "nothing leaves: stopped", stop: null });
});

describe("while an attempt is live, a check that leaves no time", () => {
  const account = { kind: "wallet_refused", declineClass: "account", code: "x" } as const;

  it("has its reference looked at as soon as the gateway can answer, when it never left", () => {
    const { invoice: after } = check(
      account,
      {},
      { attempts: [attempt({ state: "unsent", lastSentAt: NOW })] },
    );
    expect(after.waitingFor).toBe("person");
    expect(after.nextActionAt).toEqual(NOW.plus({ seconds: 65 }));
  });

  it("has it looked at the next day, when it may have left", () => {
    const { invoice: after } = check(account, {}, { attempts: [attempt({ state: "unknown" })] });
    expect(after.nextActionAt).toEqual(NOW.plus({ days: 1 }));
  });
});

it("no check closes an invoice, makes an attempt or leaves an open invoice unattended", () => {
  const outcomes: readonly CheckOutcome[] = [
    short,
    { kind: "away", code: "x", sent: true },
    { kind: "away", code: "x", sent: false },
    { kind: "wallet_refused", declineClass: "account", code: "x" },
    { kind: "suspended" },
    { kind: "revoked" },
    { kind: "our_mistake", code: "x", message: "x" },
    { kind: "overtaken", says: "x" },
  ];
  for (const outcome of outcomes) {
    const { invoice: after } = check(outcome);
    expect(after.state).toBe("open");
    expect(after.nextActionAt !== null || after.waitingFor !== null, outcome.kind).toBe(true);
  }
});
