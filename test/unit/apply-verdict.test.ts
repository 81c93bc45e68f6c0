import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Verdict } from "../../src/gateway/gateway.ts";
import { applyVerdict } from "../../src/invoices/apply-verdict.ts";
import { type Attempt, isLive } from "../../src/invoices/attempt.ts";
import { factsAfter } from "../../src/invoices/consequences.ts";
import type { Facts } from "../../src/invoices/facts.ts";
import type { News } from "../../src/invoices/news.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant } from "../../src/kernel/time.ts";
import {
  accepted,
  at,
  attempt,
  declined,
  dunned,
  facts,
  invoice,
  NOW,
  news,
  notFound,
  notSent,
  paid,
  policy,
  unknown,
} from "./invoice-builders.ts";

function apply(attempts: readonly Attempt[], each: News, change: Partial<Facts> = {}, now: Instant = NOW) {
  const known = facts({ attempts, ...change });
  const about = attempts.find((candidate) => candidate.number === each.attemptNumber) ?? attempt();
  return applyVerdict({
    facts: known,
    attempt: about,
    news: each,
    policy,
    dunned: dunned(),
    now,
    notFoundBlindMs: 0,
  });
}

describe("an inquiry that was asked for about an earlier attempt", () => {
  const asked = NOW.plus({ minutes: 5 }) as Instant;
  const earlier = attempt({ state: "failed", closedAt: NOW, inquireAt: asked });
  const second = attempt({ number: 2, state: "requested" });

  it.each(["funds", "binding", "account", "config"] as const)(
    "outlasts a decline of class %s",
    (declineClass) => {
      const after = apply([earlier, second], news("answer", declined(declineClass), { attemptNumber: 2 }));
      expect(after.attempt.state).toBe("failed");
      expect(after.invoice.nextActionAt).toEqual(asked);
    },
  );

  it("is over once it was made", () => {
    const after = apply([earlier, second], news("inquiry", notFound));
    expect(after.attempt.inquireAt).toBeNull();
    expect(after.invoice.nextActionAt).not.toEqual(asked);
  });
});

describe("the day of a request that asked nothing of the customer", () => {
  const today = "2027-01-15";
  const told = [
    ["a cut-off", declined("window", "4035406")],
    ["a mistake of ours", declined("config", "4035401")],
    ["a stale token", declined("binding", "4015402")],
  ] as const;

  it.each(told)("is given back after %s", (_what, verdict) => {
    const planned = invoice({ requestedOn: today });
    const after = apply([attempt()], news("answer", verdict), { invoice: planned });
    expect(after.invoice.requestedOn).toBeNull();
  });

  it.each(told)("of a request by plan outlasts %s to what a person asked for", (_what, verdict) => {
    const asked = invoice({ requestedOn: today, askedAt: NOW });
    const after = apply([attempt({ number: 1 })], news("answer", verdict), { invoice: asked });
    expect(after.invoice.requestedOn).toBe(today);
  });

  it("stays used by a refusal of the wallet itself", () => {
    const planned = invoice({ requestedOn: today });
    const after = apply([attempt()], news("answer", declined("funds")), { invoice: planned });
    expect(after.invoice.requestedOn).toBe(today);
  });
});

describe("success", () => {
  it.each(["answer", "inquiry", "notification", "settlement"] as const)(
    "from %s pays the invoice",
    (source) => {
      const after = apply([attempt({ state: "pending" })], news(source, paid()));
      expect(after.invoice).toMatchObject({ state: "paid", nextActionAt: null, waitingFor: null });
      expect(after.attempt.state).toBe("succeeded");
      expect(after.subscription).toBe(null);
    },
  );

  it("makes a subscription in dunning active again", () => {
    const { subscription } = facts();
    const change = { subscription: { ...subscription, state: "past_due" } } as const;
    expect(apply([attempt()], news("answer", paid()), change).subscription).toBe("active");
  });

  it("wins over an earlier refusal, cancels the planned retry and calls a person", () => {
    const failed = attempt({ state: "failed", declineClass: "funds", code: "4035414", closedAt: NOW });
    const planned = invoice({
      retryAt: at("2027-01-16T08:00"),
      nextActionAt: at("2027-01-16T08:00"),
      firstFailedAt: NOW,
    });
    const after = apply([failed], news("notification", paid()), { invoice: planned });
    expect(after.invoice).toMatchObject({ state: "paid", nextActionAt: null, retryAt: null });
    expect(after.exceptions.map((note) => note.kind)).toEqual(["late_success"]);
  });

  it("keeps asking about another attempt that is still live", () => {
    const failed = attempt({ state: "failed", closedAt: NOW });
    const live = attempt({ number: 2, state: "unknown" });
    const after = apply([failed, live], news("notification", paid()));
    expect(after.invoice.state).toBe("paid");
    expect(after.invoice.nextActionAt).not.toBeNull();
  });

  it("of a second attempt is a surplus, not a second payment of the invoice", () => {
    const first = attempt({ state: "succeeded", closedAt: NOW });
    const second = attempt({ number: 2, state: "unknown" });
    const closed = invoice({ state: "paid" });
    const after = apply(
      [first, second],
      news("inquiry", paid({ gatewayReference: "G2" }), { attemptNumber: 2 }),
      { invoice: closed },
    );
    expect(after.exceptions).toMatchObject([{ kind: "surplus", amount: 99_000 }]);
    expect(after.attempt.state).toBe("succeeded");
  });

  it("told again changes nothing; with another gateway reference it calls a person", () => {
    const settled = attempt({ state: "succeeded", gatewayReference: "G1", closedAt: NOW });
    const closed = { invoice: invoice({ state: "paid", nextActionAt: null }) };
    expect(apply([settled], news("notification", paid()), closed).exceptions).toEqual([]);
    const other = apply([settled], news("notification", paid({ gatewayReference: "G9" })), closed);
    expect(other.exceptions.map((note) => note.kind)).toEqual(["second_gateway_reference"]);
  });

  it.each([
    ["another amount", paid({ amount: rupiah(1) }), "amount_mismatch"],
    ["another currency", paid({ amount: null, mismatch: "currency USD" }), "amount_mismatch"],
    ["another customer", paid({ payee: "cust-2" }), "payee_mismatch"],
  ])("with %s pays nothing, rings an inquiry and calls a person", (_what, verdict, kind) => {
    const after = apply([attempt({ state: "pending" })], news("notification", verdict));
    expect(after.invoice.state).toBe("open");
    expect(after.attempt.inquireAt).toEqual(NOW.plus(65_000));
    expect(after.exceptions.map((note) => note.kind)).toEqual([kind]);
  });

  it("with another amount from an inquiry goes to review", () => {
    const after = apply([attempt({ state: "pending" })], news("inquiry", paid({ amount: rupiah(1) })));
    expect(after.attempt.state).toBe("review");
    expect(after.invoice).toMatchObject({ state: "open", waitingFor: "person", nextActionAt: null });
  });

  it("after a write-off still pays; after a void it is a surplus", () => {
    const live = [attempt({ state: "unknown" })];
    expect(
      apply(live, news("inquiry", paid()), { invoice: invoice({ state: "uncollectible" }) }).invoice.state,
    ).toBe("paid");
    const voided = apply(live, news("inquiry", paid()), { invoice: invoice({ state: "void" }) });
    expect(voided.invoice.state).toBe("void");
    expect(voided.exceptions.map((note) => note.kind)).toEqual(["surplus"]);
  });
});

describe("a definite no", () => {
  it("for lack of funds plans the next ladder day inside the window", () => {
    const after = apply([attempt()], news("answer", declined("funds")));
    expect(after.attempt).toMatchObject({ state: "failed", declineClass: "funds" });
    expect(after.invoice.nextActionAt).toEqual(at("2027-01-16T08:00"));
    expect(after.invoice).toMatchObject({ requestsUsed: 1, dunningStep: 1, firstFailedAt: NOW });
    expect(after.subscription).toBe("past_due");
  });

  it("that answers a re-send is doubt, for the first send may have arrived", () => {
    const resent = attempt({
      requests: [
        { id: "10", externalId: "1", state: "written", code: null },
        { id: "11", externalId: "2", state: "written", code: null },
      ],
    });
    const after = apply([resent], news("answer", declined("funds")));
    expect(after.attempt.state).toBe("unknown");
    expect(isLive(after.attempt)).toBe(true);
  });

  it("that answers a reference whose earlier request never left is a no", () => {
    const resent = attempt({
      requests: [
        { id: "10", externalId: "1", state: "unsent", code: "ECONNREFUSED" },
        { id: "11", externalId: "2", state: "written", code: null },
      ],
    });
    expect(apply([resent], news("answer", declined("funds"))).attempt.state).toBe("failed");
  });

  it("after a success changes nothing and calls a person", () => {
    const settled = attempt({ state: "succeeded", closedAt: NOW });
    const after = apply([settled], news("inquiry", declined("funds")), {
      invoice: invoice({ state: "paid" }),
    });
    expect(after.attempt.state).toBe("succeeded");
    expect(after.exceptions.map((note) => note.kind)).toEqual(["contradiction"]);
  });

  it("of the binding waits for a wallet; the first stale token is renewed at once", () => {
    const dead = apply([attempt()], news("answer", declined("binding", "4035407"))).invoice;
    expect([dead.waitingFor, dead.nextActionAt]).toEqual(["method", at("2027-02-05T08:00")]);
    const stale = apply([attempt()], news("answer", declined("binding", "4015402")));
    expect(stale.invoice).toMatchObject({ nextActionAt: NOW, waitingFor: null, firstFailedAt: null });
    const before = attempt({ state: "failed", code: "4015402", closedAt: NOW });
    const again = apply(
      [before, attempt({ number: 2 })],
      news("answer", declined("binding", "4015402"), { attemptNumber: 2 }),
    );
    expect(again.invoice.waitingFor).toBe("method");
  });

  it("that is our mistake stops everything, spends no budget, and after three times calls a person", () => {
    const after = apply([attempt()], news("answer", declined("config", "4035401")));
    expect(after.stop).toMatchObject({ until: "an_hour" });
    expect(after.invoice).toMatchObject({
      firstFailedAt: null,
      requestsUsed: 0,
      nextActionAt: NOW.plus({ hours: 1 }),
    });
    const third = apply([attempt()], news("answer", declined("config", "4035401")), {
      invoice: invoice({ configRefusals: 2 }),
    });
    expect(third.invoice).toMatchObject({ waitingFor: "person", nextActionAt: null });
    expect(apply([attempt()], news("answer", declined("config", "4035420"))).stop?.until).toBe("tomorrow");
  });
});

describe("doubt", () => {
  it("keeps the attempt live and asks no sooner than 65 seconds after the send", () => {
    const after = apply([attempt()], news("answer", unknown, { raw: { httpStatus: null, body: null } }));
    expect(after.attempt.state).toBe("unknown");
    expect(after.invoice.nextActionAt).toEqual(NOW.plus(65_000));
  });

  it("2005400 is accepted, not paid", () => {
    const after = apply([attempt()], news("answer", accepted));
    expect(after.attempt).toMatchObject({ state: "pending", accepted: true, gatewayReference: "G1" });
    expect(after.invoice.state).toBe("open");
  });

  it("a notice of failure is not believed: it rings an inquiry", () => {
    const after = apply(
      [attempt({ state: "pending" })],
      news("notification", { kind: "refusal_notice", code: "06" }),
    );
    expect(after.attempt).toMatchObject({
      state: "pending",
      inquireAt: NOW.plus(65_000),
      refusalNoticedAt: NOW,
    });
  });

  it("'not found' is proved by three inquiries over an hour, and then the attempt is still live", () => {
    let known = facts({ attempts: [attempt({ state: "unknown" })] });
    const proved: boolean[] = [];
    for (const minutes of [0.5, 2, 20, 40, 63]) {
      const now = NOW.plus({ minutes }) as Instant;
      const [about] = known.attempts;
      const after = applyVerdict({
        facts: known,
        attempt: about as Attempt,
        news: news("inquiry", notFound),
        policy,
        dunned: dunned(),
        now,
        notFoundBlindMs: 0,
      });
      known = factsAfter(known, after);
      proved.push(after.attempt.notFoundProved);
    }
    expect(proved).toEqual([false, false, false, false, true]);
    expect(isLive(known.attempts[0] as Attempt)).toBe(true);
  });

  it("'not found' too soon after the send in real time does not count on a turned clock", () => {
    const sent = attempt({ state: "unknown", lastSentAt: at("2027-01-15T09:00") });
    const known = facts({ attempts: [sent] });
    const early = news("inquiry", notFound, { realMsSinceSent: 100 });
    const after = applyVerdict({
      facts: known,
      attempt: sent,
      news: early,
      policy,
      dunned: dunned(),
      now: NOW,
      notFoundBlindMs: 2_000,
    });
    expect(after.attempt.notFoundCount).toBe(0);
  });

  it("a request that never left makes the attempt unsent and waits on the not-sent ladder, for ever", () => {
    const waits = [0, 1, 2, 3, 4, 20].map((notSentCount) => {
      const after = apply([attempt()], news("answer", notSent, { raw: { httpStatus: null, body: null } }), {
        invoice: invoice({ notSentCount }),
      });
      expect(after.attempt.state).toBe("unsent");
      return after.invoice.nextActionAt?.diff(NOW).as("minutes");
    });
    expect(waits).toEqual([1, 2, 5, 15, 30, 30]);
  });

  it("only the holder of the lease may call an attempt unsent", () => {
    const after = apply(
      [attempt()],
      news("answer", notSent, { leaseNo: 7, raw: { httpStatus: null, body: null } }),
    );
    expect(after.attempt.state).toBe("requested");
    expect(after.attempt.requests[0]?.state).toBe("unsent");
  });

  it("an unsent attempt whose charge is forbidden is closed as never left once the gateway confirms it", () => {
    const unsent = attempt({
      state: "unsent",
      requests: [{ id: "11", externalId: "1", state: "unsent", code: "x" }],
    });
    const after = apply([unsent], news("inquiry", notFound));
    expect(after.attempt).toMatchObject({ state: "failed", declineClass: null, message: "never left" });
    expect(after.invoice).toMatchObject({ nextActionAt: NOW, requestsUsed: 0 });
  });
});

describe("whatever comes, in whatever order", () => {
  const verdict: fc.Arbitrary<Verdict> = fc.constantFrom(
    paid(),
    accepted,
    declined("funds"),
    declined("binding", "4015402"),
    declined("config", "4005401"),
    unknown,
    notFound,
    notSent,
    { kind: "refusal_notice", code: "06" } as const,
    { kind: "pending", code: "03", gatewayReference: null } as const,
    { kind: "busy", code: "4295400" } as const,
    { kind: "token_refused", code: "4015401" } as const,
  );
  const source = fc.constantFrom("answer", "inquiry", "notification", "settlement") as fc.Arbitrary<
    News["source"]
  >;

  it("a success is final, an open invoice is attended, and no doubt ever frees it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(source, verdict, fc.integer({ min: 1, max: 90 })), { maxLength: 12 }),
        (story) => {
          let known = facts({ attempts: [attempt()] });
          let now: Instant = NOW;
          let succeeded = false;
          for (const [from, told, minutes] of story) {
            now = now.plus({ minutes }) as Instant;
            const before = known.attempts[0] as Attempt;
            const after = applyVerdict({
              facts: known,
              attempt: before,
              news: news(from, told),
              policy,
              dunned: dunned(),
              now,
              notFoundBlindMs: 0,
            });
            if (told.kind === "paid") succeeded = true;
            if (isLive(before) && !isLive(after.attempt)) {
              const never = after.attempt.message === "never left" && before.state === "unsent";
              expect(["paid", "declined"].includes(told.kind) || never).toBe(true);
            }
            known = factsAfter(known, after);
            const { invoice: owed } = known;
            expect(owed.state !== "open" || owed.nextActionAt !== null || owed.waitingFor !== null).toBe(
              true,
            );
            if (succeeded) expect([known.attempts[0]?.state, owed.state]).toEqual(["succeeded", "paid"]);
          }
        },
      ),
      { numRuns: 3_000 },
    );
  });
});
