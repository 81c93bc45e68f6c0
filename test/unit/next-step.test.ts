import { describe, expect, it } from "vitest";
import type { Attempt } from "../../src/invoices/attempt.ts";
import type { Facts } from "../../src/invoices/facts.ts";
import { nextStep } from "../../src/invoices/next-step.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { at, attempt, dunned, facts, invoice, NOW } from "./invoice-builders.ts";

const step = (change: Partial<Facts> = {}, now: Instant = NOW) => nextStep(facts(change), dunned(), now);
const unsent: Attempt = attempt({
  state: "unsent",
  requests: [{ id: "11", externalId: "1", state: "unsent", code: "ECONNREFUSED" }],
});

describe("an open invoice without an attempt", () => {
  it("that is due inside the window is collected", () => {
    expect(step()).toMatchObject({ kind: "collect", again: null });
  });

  it.each([
    ["02:00", "08:00"],
    ["07:59", "08:00"],
  ])("at %s waits until %s of the same day", (time, opens) => {
    const waits = step({}, at(`2027-01-15T${time}`));
    expect(waits).toMatchObject({ kind: "wait", waitingFor: null });
    expect(waits).toHaveProperty("until", at(`2027-01-15T${opens}`));
  });

  it("at 20:00 waits until the next morning", () => {
    expect(step({}, at("2027-01-15T20:00"))).toHaveProperty("until", at("2027-01-16T08:00"));
  });

  it.each([
    [
      "a hold",
      { subscription: { state: "active", collectionHold: true, reference: "s", planName: "p" } },
      "hold",
    ],
    [
      "a pause",
      { subscription: { state: "paused", collectionHold: false, reference: "s", planName: "p" } },
      "hold",
    ],
    [
      "a canceled subscription",
      { subscription: { state: "canceled", collectionHold: false, reference: "s", planName: "p" } },
      "person",
    ],
  ] as const)("with %s waits without a time, and says for what", (_what, change, waitingFor) => {
    expect(step(change)).toMatchObject({ kind: "wait", until: null, waitingFor });
  });

  it("with no wallet waits for one until the end of the ladder, which begins now", () => {
    expect(step({ binding: null })).toMatchObject({
      kind: "wait",
      until: at("2027-02-05T08:00"),
      waitingFor: "method",
      failed: { firstFailedAt: NOW, declineClass: "binding", dunningStep: 1 },
    });
    const long = { invoice: invoice({ firstFailedAt: at("2026-12-25T10:00") }), binding: null };
    expect(step(long)).toMatchObject({ kind: "end", action: "unpaid" });
  });

  it("under a stop waits until its end, or looks again after a quarter of an hour", () => {
    const end = NOW.plus({ hours: 3 });
    expect(step({ stop: { reason: "x", endsAt: end } })).toHaveProperty("until", end);
    expect(step({ stop: { reason: "x", endsAt: null } })).toHaveProperty("until", NOW.plus({ minutes: 15 }));
  });

  it("whose next try is planned is not brought forward by a bell", () => {
    const retryAt = at("2027-01-18T08:00");
    expect(step({ invoice: invoice({ retryAt, firstFailedAt: NOW }) })).toMatchObject({
      kind: "wait",
      until: retryAt,
    });
  });

  it("is tried at once when a person asks, whatever the plan says", () => {
    const asked = invoice({
      retryAt: at("2027-01-18T08:00"),
      firstFailedAt: at("2026-11-01T10:00"),
      askedAt: NOW,
    });
    expect(step({ invoice: asked })).toMatchObject({ kind: "collect" });
  });

  it("is at its end 21 days after its first failure", () => {
    const outcome = { kind: "declined", at: at("2027-01-08T10:00"), code: "4035414" } as const;
    const firstFailedAt = at("2026-12-25T10:00");
    const failed = { invoice: invoice({ firstFailedAt, declineClass: "funds", outcome }) };
    expect(step(failed, at("2027-01-14T10:00"))).toMatchObject({ kind: "collect" });
    expect(step(failed, at("2027-01-15T10:00"))).toMatchObject({ kind: "end", action: "unpaid" });
  });
});

describe("a live attempt blocks every new one", () => {
  it.each(["requested", "pending", "unknown"] as const)("%s is asked about, not charged again", (state) => {
    const sent = attempt({ state, lastSentAt: NOW.minus(65_000) as Instant });
    expect(step({ attempts: [sent] })).toMatchObject({ kind: "inquire" });
  });

  it("is not asked about sooner than 65 seconds after the send", () => {
    expect(step({ attempts: [attempt({ state: "unknown" })] })).toMatchObject({
      kind: "wait",
      until: NOW.plus(65_000),
    });
  });

  it("in review rests", () => {
    expect(step({ attempts: [attempt({ state: "review", reviewReason: "x" })] })).toEqual({
      kind: "rest",
      nextActionAt: null,
    });
  });

  it("that never left is sent again under the same reference", () => {
    expect(step({ attempts: [unsent] })).toMatchObject({ kind: "collect", again: { number: 1 } });
  });

  it("that never left and may not be sent any more is confirmed by one inquiry first", () => {
    const late = NOW.plus({ minutes: 5 }) as Instant;
    expect(nextStep(facts({ attempts: [unsent], binding: null }), dunned(), late)).toMatchObject({
      kind: "inquire",
      rule: "inquire.never_left",
    });
  });

  it("proved not to have arrived is sent again, at most twice", () => {
    const lost = attempt({ state: "unknown", notFoundProved: true, inquiries: 4 });
    expect(step({ attempts: [lost] })).toMatchObject({ kind: "collect", again: { number: 1 } });
    expect(step({ attempts: [{ ...lost, resends: 2 }] })).toMatchObject({ kind: "review" });
  });

  it("accepted and then not found is a riddle for a person", () => {
    const lost = attempt({ state: "pending", notFoundProved: true, accepted: true });
    expect(step({ attempts: [lost] })).toMatchObject({ kind: "review" });
  });

  it("still unclear three working days after the ladder is spent goes to a person", () => {
    const stuck = attempt({ state: "unknown", inquiries: 9, lastSentAt: at("2027-01-15T10:00") });
    expect(step({ attempts: [stuck] }, at("2027-01-19T10:00"))).toMatchObject({ kind: "inquire" });
    expect(step({ attempts: [stuck] }, at("2027-01-20T10:00"))).toMatchObject({ kind: "review" });
  });

  it("of a closed invoice is still asked about", () => {
    const sent = attempt({ state: "unknown", lastSentAt: NOW.minus({ minutes: 5 }) as Instant });
    expect(step({ invoice: invoice({ state: "paid" }), attempts: [sent] })).toMatchObject({
      kind: "inquire",
    });
  });
});

it("an inquiry that somebody rang comes before anything else, also on a failed attempt", () => {
  const failed = attempt({ state: "failed", closedAt: NOW, inquireAt: NOW });
  expect(step({ attempts: [failed] })).toMatchObject({ kind: "inquire", rule: "inquire.rung" });
});
