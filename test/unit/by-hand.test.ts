import { describe, expect, it } from "vitest";
import type { AttemptState } from "../../src/invoices/attempt.ts";
import {
  type Closing,
  closedByHand,
  demandReopenable,
  leftPaid,
  reopened,
  whatStandsInTheWay,
} from "../../src/invoices/by-hand.ts";
import type { InvoiceState } from "../../src/invoices/invoice.ts";
import { at, attempt, facts, invoice, NOW } from "./invoice-builders.ts";

const CLOSINGS: readonly Closing[] = ["void", "write_off", "mark_paid"];
const TOMORROW = at("2027-01-16T08:00");

function of(state: InvoiceState) {
  return facts({ invoice: invoice({ state, nextActionAt: state === "open" ? NOW : null }) });
}

describe("closing by hand", () => {
  it.each([
    ["void", { open: true, uncollectible: false, paid: false, void: false }],
    ["write_off", { open: true, uncollectible: false, paid: false, void: false }],
    ["mark_paid", { open: true, uncollectible: true, paid: false, void: false }],
  ] as const)("%s is possible from %o", (closing, possible) => {
    for (const [state, may] of Object.entries(possible)) {
      const look = () => whatStandsInTheWay(of(state as InvoiceState), closing, false);
      if (may) expect(look()).toBeNull();
      else expect(look).toThrow(/the invoice (is|was)/);
    }
  });

  it.each<AttemptState>(["requested", "pending", "unknown", "review", "unsent"])(
    "waits while an attempt that may have left is %s, unless it is forced",
    (state) => {
      const given = facts({ attempts: [attempt({ state, reviewReason: "unclear" })] });
      for (const closing of CLOSINGS) {
        expect(() => whatStandsInTheWay(given, closing, false)).toThrow("wait until its fate is known");
        expect(whatStandsInTheWay(given, closing, true)).toBeNull();
      }
    },
  );

  it("names the attempt that never left and has to give way", () => {
    const unsent = attempt({
      state: "unsent",
      requests: [{ id: "1", externalId: "1", state: "unsent", code: "ECONNREFUSED" }],
    });
    expect(whatStandsInTheWay(facts({ attempts: [unsent] }), "void", false)).toBe(unsent);
  });

  it.each([
    ["void", "past_due", "active"],
    ["void", "unpaid", "active"],
    ["void", "active", null],
    ["write_off", "past_due", "active"],
    ["write_off", "unpaid", null],
    ["mark_paid", "past_due", "active"],
    ["mark_paid", "unpaid", "active"],
    ["mark_paid", "canceled", null],
  ] as const)("after %s a subscription that is %s becomes %s", (closing, state, becomes) => {
    const given = facts({ subscription: { ...facts().subscription, state } });
    expect(closedByHand(given, closing, "asked", NOW).subscription).toBe(becomes);
  });

  it("leaves no plan, but keeps the time of an attempt that goes on by itself", () => {
    const planned = invoice({ nextActionAt: TOMORROW, retryAt: TOMORROW, askedAt: NOW, waitingFor: null });
    const quiet = closedByHand(facts({ invoice: planned }), "write_off", "asked", NOW).invoice;
    expect(quiet).toMatchObject({ state: "uncollectible", nextActionAt: null, retryAt: null, askedAt: null });
    const pending = facts({ invoice: planned, attempts: [attempt({ state: "pending" })] });
    expect(closedByHand(pending, "mark_paid", "asked", NOW).invoice.nextActionAt).toEqual(TOMORROW);
    const timeless = facts({
      invoice: invoice({ nextActionAt: null, waitingFor: "hold" }),
      attempts: [attempt({ state: "unknown" })],
    });
    const asked = closedByHand(timeless, "mark_paid", "asked", NOW).invoice.nextActionAt;
    expect(asked?.toMillis()).toBe(NOW.plus({ seconds: 65 }).toMillis());
    const rung = facts({ attempts: [attempt({ state: "failed", closedAt: NOW, inquireAt: TOMORROW })] });
    expect(closedByHand(rung, "void", "asked", NOW).invoice.nextActionAt).toEqual(TOMORROW);
  });
});

describe("the way back", () => {
  it.each([
    ["open", false, "is open"],
    ["void", false, "issue it again"],
    ["paid", false, "by a refund"],
  ] as const)("does not lead from %s (by hand: %s)", (state, byHand, says) => {
    expect(() => demandReopenable(of(state), byHand)).toThrow(says);
  });

  it("leads from uncollectible and from paid by hand, but not past a live attempt", () => {
    demandReopenable(of("uncollectible"), false);
    demandReopenable(of("paid"), true);
    const live = { ...of("paid"), attempts: [attempt({ state: "pending" })] };
    expect(() => demandReopenable(live, true)).toThrow("wait until its fate is known");
  });

  it("goes back to the planned try, to now where it is past, and to a person", () => {
    const given = of("uncollectible");
    const ahead = reopened(given, { at: TOMORROW, waitingFor: null }, NOW);
    expect(ahead).toMatchObject({
      invoice: { state: "open", nextActionAt: TOMORROW, retryAt: TOMORROW, waitingFor: null },
      subscription: null,
    });
    const past = reopened(given, { at: NOW.minus({ days: 1 }), waitingFor: "customer" }, NOW);
    expect(past.invoice).toMatchObject({ nextActionAt: NOW, waitingFor: null });
    const person = reopened(given, { at: null, waitingFor: "person" }, NOW);
    expect(person.invoice).toMatchObject({ nextActionAt: null, retryAt: null, waitingFor: "person" });
  });

  it("puts the subscription in arrears again only for a debt that failed before", () => {
    const failed = facts({ invoice: invoice({ state: "uncollectible", firstFailedAt: NOW }) });
    expect(reopened(failed, { at: null, waitingFor: null }, NOW).subscription).toBe("past_due");
  });

  it("leaves paid what the gateway's money stands for, also where it had been given up", () => {
    const owed = {
      ...of("uncollectible"),
      subscription: { ...facts().subscription, state: "past_due" as const },
    };
    expect(leftPaid(owed)).toMatchObject({ invoice: { state: "paid" }, subscription: "active" });
    expect(leftPaid(of("paid"))).toMatchObject({ invoice: { state: "paid" }, subscription: null });
  });
});
