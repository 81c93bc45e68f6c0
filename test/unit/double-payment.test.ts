import fc from "fast-check";
import { expect, it } from "vitest";
import type { RefundVerdict, Verdict } from "../../src/gateway/gateway.ts";
import { applyVerdict } from "../../src/invoices/apply-verdict.ts";
import { type Attempt, isLive, sentAgain } from "../../src/invoices/attempt.ts";
import { factsAfter } from "../../src/invoices/consequences.ts";
import type { Facts } from "../../src/invoices/facts.ts";
import type { NewsSource } from "../../src/invoices/news.ts";
import { type NextStep, nextStep } from "../../src/invoices/next-step.ts";
import { rupiah } from "../../src/kernel/money.ts";
import type { Instant } from "../../src/kernel/time.ts";
import { applyRefundVerdict } from "../../src/refunds/apply-refund-verdict.ts";
import { nextRefundStep } from "../../src/refunds/next-refund-step.ts";
import type { Refund } from "../../src/refunds/refund.ts";
import { attempt, dunned, facts, invoice, NOW, news, policy as withWindow } from "./invoice-builders.ts";

// No answer whatever makes a second payment possible while the first may have happened. What may have happened is
// kept by a second set of books (`Book`), which knows nothing of attempt states.

const policy = { ...withWindow, window: null };
const RUNS = 2_000;

/** What is known, from the news alone, of the requests under one reference. */
type Book = {
  /** Requests that may have reached the gateway and were not proved harmless. */
  readonly open: Set<string>;
  /** The gateway's own word that this reference took nothing, or never came. */
  settledAsNothing: boolean;
  paid: boolean;
};

type World = { facts: Facts; now: Instant; books: Map<number, Book>; requests: number };

const codes = { code: "x", gatewayReference: null } as const;
/** What ends a run early, and would otherwise end most of them. */
const ending = fc.constantFrom<Verdict>(
  { kind: "paid", ...codes, amount: rupiah(99_000), payee: null, mismatch: null },
  { kind: "paid", ...codes, amount: rupiah(1), payee: null, mismatch: null },
  { kind: "paid", ...codes, amount: null, payee: "somebody", mismatch: null },
  { kind: "refunded", ...codes, amount: rupiah(99_000) },
);
const goingOn = fc.constantFrom<Verdict>(
  { kind: "accepted", ...codes },
  { kind: "pending", ...codes },
  { kind: "declined", declineClass: "funds", code: "4035414", message: "" },
  { kind: "declined", declineClass: "binding", code: "4015402", message: "" },
  { kind: "declined", declineClass: "config", code: "4005401", message: "" },
  { kind: "declined", declineClass: "unclassified", code: "4035400", message: "" },
  { kind: "refusal_notice", code: "06" },
  { kind: "not_found", code: "4045501" },
  { kind: "token_refused", code: "4015401" },
  { kind: "busy", code: "4295400" },
  { kind: "unknown", cause: "time-out" },
  { kind: "not_sent", cause: "ECONNREFUSED" },
);

const anyVerdict = fc.oneof({ weight: 1, arbitrary: ending }, { weight: 9, arbitrary: goingOn });

const minutes = fc.constantFrom<number>(0, 1, 2, 5, 16, 61, 180, 1_440, 4_320, 30_000);
const action = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant("step" as const) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), minutes }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("page" as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("ask" as const) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("lost" as const) }) },
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("news" as const),
      source: fc.constantFrom<NewsSource>("answer", "inquiry", "notification"),
      verdict: anyVerdict,
      which: fc.nat(3),
      http: fc.constantFrom(null, 200, 403, 409, 500),
      lateLease: fc.boolean(),
    }),
  },
);
type Action = typeof action extends fc.Arbitrary<infer A> ? A : never;

function perform(world: World, done: Action): void {
  switch (done.do) {
    case "wait":
      world.now = world.now.plus({ minutes: done.minutes }) as Instant;
      return;
    case "page":
      if (world.facts.invoice.state === "open" && !world.facts.attempts.some(isLive))
        send(world, null, "sale");
      return;
    case "ask": {
      // A person's "retry now", as the door allows it.
      const { invoice: debt, attempts } = world.facts;
      if (debt.state !== "open" || attempts.some(isLive)) return;
      const asked = {
        ...debt,
        nextActionAt: world.now,
        retryAt: world.now,
        askedAt: world.now,
        waitingFor: null,
      };
      world.facts = { ...world.facts, invoice: asked };
      return;
    }
    case "lost": {
      // "Not found" as often and for as long as it takes to be believed, which chance alone seldom brings.
      const which = world.facts.attempts.findIndex(isLive);
      if (which < 0) return;
      for (const minutes of [2, 30, 31]) {
        perform(world, { do: "wait", minutes });
        const verdict = { kind: "not_found", code: "4045501" } as const;
        perform(world, { do: "news", source: "inquiry", verdict, which, http: null, lateLease: false });
      }
      perform(world, { do: "step" });
      return;
    }
    case "step":
      follow(world, nextStep(world.facts, dunned({ policy }), world.now));
      return;
    case "news":
      hear(world, done);
  }
}

function follow(world: World, step: NextStep): void {
  const { facts: before } = world;
  switch (step.kind) {
    case "collect":
      if (step.again === null) expectNothingMayHaveHappened(world);
      else
        expect(step.again).toMatchObject({ kind: "recurring", number: before.attempts.find(isLive)?.number });
      send(world, step.again, "recurring");
      return;
    case "review":
      replace(world, { ...step.attempt, state: "review", reviewReason: step.reason });
      return;
    case "wait": {
      const { until: nextActionAt, waitingFor } = step;
      world.facts = { ...before, invoice: { ...before.invoice, nextActionAt, waitingFor } };
      return;
    }
    default:
  }
}

/** The promise itself. */
function expectNothingMayHaveHappened({ books, facts: { invoice: debt } }: World): void {
  expect(debt.state).toBe("open");
  for (const [number, book] of books) {
    const harmless = book.settledAsNothing || book.open.size === 0;
    expect({ number, harmless: harmless || book.paid }).toEqual({ number, harmless: true });
    // Paid, and yet collected again: only if the money was not ours to count (another amount, another payee).
    if (book.paid) expect(debt.state).toBe("paid");
  }
}

function send(world: World, again: Attempt | null, kind: Attempt["kind"]): void {
  world.requests += 1;
  const request = { id: String(world.requests), externalId: "1", state: "written" as const, code: null };
  const { facts: before, now } = world;
  if (again === null) {
    const number = before.attempts.length + 1;
    const fresh = attempt({ number, kind, lastSentAt: now, requests: [request] });
    world.facts = { ...before, attempts: [...before.attempts, fresh] };
    world.books.set(number, { open: new Set([request.id]), settledAsNothing: false, paid: false });
  } else {
    replace(world, { ...sentAgain(again, now), requests: [...again.requests, request] });
    world.books.get(again.number)?.open.add(request.id);
  }
  expect(world.facts.attempts.filter(isLive).length).toBeLessThanOrEqual(1);
}

function replace(world: World, changed: Attempt): void {
  const attempts = world.facts.attempts.map((each) => (each.number === changed.number ? changed : each));
  world.facts = { ...world.facts, attempts };
}

function hear(world: World, told: Extract<Action, { do: "news" }>): void {
  const { attempts } = world.facts;
  const about = attempts[told.which % Math.max(1, attempts.length)];
  if (about === undefined) return;
  const { source, verdict } = told;
  const unanswered = about.requests.filter(({ state }) => state === "written");
  const request = unanswered[told.which % Math.max(1, unanswered.length)];
  // Only a request without an answer gets one; a notice never carries a class, and only a notice is a notice.
  if (source === "answer" && request === undefined) return;
  if (source === "notification" && verdict.kind === "declined") return;
  if (source !== "notification" && verdict.kind === "refusal_notice") return;
  const requestId = source === "answer" ? (request?.id ?? null) : null;
  const leaseNo = source === "notification" ? null : told.lateLease ? 0 : 1;
  const raw = { httpStatus: source === "answer" ? told.http : null, body: null };
  const each = news(source, verdict, { attemptNumber: about.number, requestId, leaseNo, raw });
  keepBook(world, about, each.source, verdict, requestId);
  const consequences = applyVerdict({
    facts: world.facts,
    attempt: about,
    news: each,
    policy,
    dunned: dunned({ policy }),
    now: world.now,
    notFoundBlindMs: 0,
  });
  world.facts = factsAfter(world.facts, consequences);
  const ours = world.books.get(about.number);
  if (consequences.attempt.state === "succeeded" && ours !== undefined) ours.paid = true;
}

function keepBook(
  world: World,
  about: Attempt,
  source: NewsSource,
  verdict: Verdict,
  requestId: string | null,
): void {
  const book = world.books.get(about.number);
  if (book === undefined) return;
  if (source === "answer" && requestId !== null) {
    if (["not_sent", "busy", "token_refused"].includes(verdict.kind)) book.open.delete(requestId);
    // A refusal speaks for its own request; for the reference, only if nothing else of it may have arrived.
    if (verdict.kind === "declined" && book.open.size === 1) book.open.delete(requestId);
  }
  if (source === "inquiry" && verdict.kind === "declined") book.settledAsNothing = true;
  if (source === "inquiry" && verdict.kind === "not_found" && book.open.size === 0)
    book.settledAsNothing = true;
}

it("no answer whatever makes a second payment possible while the first may have happened", () => {
  let collected = 0;
  fc.assert(
    fc.property(fc.array(action, { minLength: 4, maxLength: 60 }), (actions) => {
      const world: World = { facts: facts({ invoice: invoice() }), now: NOW, books: new Map(), requests: 0 };
      perform(world, { do: "step" });
      for (const each of actions) perform(world, each);
      collected += world.books.size;
    }),
    { numRuns: RUNS, seed: 20_270_115 },
  );
  // The runs reach second and third references: the promise is not kept by never trying.
  expect(collected).toBeGreaterThan(RUNS * 1.15);
});

const refundCodes = { code: "x" } as const;
const anyRefundVerdict = fc.constantFrom<RefundVerdict>(
  { kind: "refunded", ...refundCodes, gatewayRefundReference: null, amount: null, refundedAt: null },
  { kind: "pending", ...refundCodes },
  { kind: "declined", reason: "limit", code: "4035802", message: "" },
  { kind: "declined", reason: "customer_token", code: "4015802", message: "" },
  { kind: "declined", reason: "unclassified", code: "06", message: "" },
  { kind: "already_done", code: "4095801", certain: false },
  { kind: "already_done", code: "4045818", certain: true },
  { kind: "not_found", code: "00" },
  { kind: "token_refused", code: "4015801" },
  { kind: "busy", code: "4295800" },
  { kind: "unknown", cause: "time-out" },
  { kind: "not_sent", cause: "ECONNREFUSED" },
);

const NEW_REFUND = {
  refundReference: "A-1-R1",
  amount: rupiah(99_000),
  state: "requested",
  declineReason: null,
  withoutToken: false,
  accepted: false,
  certain: false,
  inquireAt: null,
  inquiries: 0,
  notFoundCount: 0,
  firstNotFoundAt: null,
  notFoundProved: false,
  notSentCount: 0,
  resends: 0,
  reviewReason: null,
  nextActionAt: NOW,
  lastSentAt: null,
  closedAt: null,
  requests: [],
} as unknown as Refund;

it("no answer whatever frees a payment for a second refund while the first may have happened", () => {
  const told = fc.record({
    source: fc.constantFrom("answer" as const, "inquiry" as const),
    verdict: anyRefundVerdict,
    http: fc.constantFrom(null, 200, 403, 500),
    minutes,
    lost: fc.boolean(),
    latest: fc.boolean(),
  });
  let refused = 0;
  fc.assert(
    fc.property(fc.array(told, { minLength: 3, maxLength: 40 }), (all) => {
      let refund = NEW_REFUND;
      let now: Instant = NOW;
      const open = new Set<string>();
      for (const { source, verdict, http, minutes: later, lost, latest } of all) {
        for (const wait of lost ? [2, 30, 31] : []) {
          now = now.plus({ minutes: wait }) as Instant;
          const nothing = { kind: "not_found", code: "00" } as const;
          const raw = { httpStatus: null, body: null };
          const gone = {
            source: "inquiry",
            verdict: nothing,
            raw,
            requestId: null,
            realMsSinceSent: 9e6,
          } as const;
          refund = applyRefundVerdict({ refund, news: gone, policy, now, notFoundBlindMs: 0 }).refund;
        }
        if (nextRefundStep({ refund, stop: null }, policy, now).kind === "send") {
          // Sent again only when nothing may have arrived, or "not found" was proved.
          expect(open.size === 0 || refund.notFoundProved).toBe(true);
          const id = String(refund.requests.length + 1);
          const request = { id, externalId: "1", state: "written" as const, code: null };
          const resends = refund.notFoundProved ? refund.resends + 1 : refund.resends;
          const resent = {
            resends,
            inquiries: 0,
            notFoundCount: 0,
            firstNotFoundAt: null,
            notFoundProved: false,
          };
          refund = { ...refund, ...resent, lastSentAt: now, requests: [...refund.requests, request] };
          open.add(id);
        }
        const unanswered = refund.requests.filter(({ state }) => state === "written");
        const request = latest ? unanswered.at(-1) : unanswered[0];
        now = now.plus({ minutes: later }) as Instant;
        if (source === "answer" && request === undefined) continue;
        const requestId = source === "answer" ? (request?.id ?? null) : null;
        const before = refund;
        const raw = { httpStatus: source === "answer" ? http : null, body: null };
        const each = { source, verdict, raw, requestId, realMsSinceSent: 3_600_000 };
        refund = applyRefundVerdict({ refund, news: each, policy, now, notFoundBlindMs: 0 }).refund;
        if (requestId !== null && ["not_sent", "busy", "token_refused"].includes(verdict.kind))
          open.delete(requestId);
        const others = [...open].filter((id) => id !== requestId);
        if (requestId !== null && verdict.kind === "declined") open.delete(requestId);
        if (before.state !== "declined" && refund.state === "declined") {
          refused += 1;
          expect(verdict.kind).toBe("declined");
          expect(source === "inquiry" || others.length === 0).toBe(true);
        }
        if (before.state === "refunded") expect(refund.state).toBe("refunded");
      }
    }),
    { numRuns: RUNS, seed: 20_270_115 },
  );
  expect(refused).toBeGreaterThan(100);
});
