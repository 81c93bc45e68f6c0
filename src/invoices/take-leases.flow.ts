import type { EndAction } from "../dunning/policy.ts";
import { openExceptions } from "../exceptions/exception.store.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { failpoint } from "../platform/failpoint.ts";
import { monotonicMs } from "../platform/real-time.ts";
import { markActive, markPastDue, markUnpaid } from "../subscriptions/subscription.store.ts";
import { saveAttempts } from "./attempt.store.ts";
import { lockBreaker, readBreaker, saveBreaker } from "./breaker.store.ts";
import { admit, type Breaker } from "./breaker.ts";
import type { CollectTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { loadDunned } from "./dunned.store.ts";
import { loadFacts, lockDueInvoices } from "./facts.store.ts";
import type { Facts } from "./facts.ts";
import { type LeaseChange, saveInvoices, withoutArrears } from "./invoice.store.ts";
import type { Invoice } from "./invoice.ts";
import { keepingRung, type NextStep, nextStep } from "./next-step.ts";

/** An invoice that this worker has to itself, and what is to be done with it. */
export type Leased = {
  readonly facts: Facts;
  readonly step: Extract<NextStep, { kind: "collect" | "inquire" }>;
  readonly leaseNo: number;
  /** On this machine's monotonic clock, counted from before the lease was taken: never later than the database's. */
  readonly leaseEndsAtMs: number;
};

type Decided = { readonly facts: Facts; readonly step: NextStep };

/** An invoice at the end of its ladder, whose subscription is ended or paused by the flow of its own. */
export type Ended = {
  readonly invoiceId: InvoiceId;
  readonly subscriptionReference: string;
  readonly action: "cancel" | "pause";
  readonly says: string;
};

export type Taken = { readonly leased: readonly Leased[]; readonly ended: readonly Ended[] };

/**
 * Decides about a page of invoices and takes the lease of those that need the gateway. Rows that are not due, or
 * that another worker holds, are left out: this is what makes twenty workers on one bell one collection.
 */
export async function takeLeases(tools: CollectTools, ids: readonly InvoiceId[]): Promise<Taken> {
  const startedAtMs = monotonicMs();
  return tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const invoices = await lockDueInvoices(tx, ids, now);
    const [facts, dunned, breaker] = await Promise.all([
      loadFacts(tx, invoices, now),
      loadDunned(tx, tools.policies, invoices),
      readBreaker(tx),
    ]);
    const steps = facts.map((each) => ({ facts: each, step: nextStep(each, dunned(each.invoice), now) }));
    const ended = steps.flatMap(endOf);
    const rest = steps.filter(
      ({ facts: { invoice } }) => !ended.some((each) => each.invoiceId === invoice.id),
    );
    const decided = await passBreaker(tx, breaker, rest, now);
    await saveSteps(tx, tools, decided, now);
    failpoint("leases.before-commit");
    const leased = decided.flatMap(({ facts: each, step }) =>
      step.kind === "collect" || step.kind === "inquire"
        ? [
            {
              facts: each,
              step,
              leaseNo: each.invoice.leaseNo + 1,
              leaseEndsAtMs: startedAtMs + tools.leaseMs,
            },
          ]
        : [],
    );
    return { leased, ended };
  });
}

/** Canceling and pausing lock the customer first, so that they cannot be done in here; until then it stays due. */
function endOf({ facts, step }: Decided): Ended[] {
  if (step.kind !== "end" || (step.action !== "cancel" && step.action !== "pause")) return [];
  const { id: invoiceId } = facts.invoice;
  const { action, says } = step;
  return [{ invoiceId, subscriptionReference: facts.subscription.reference, action, says }];
}

/** With the line to the gateway broken only a few steps try it; the others wait, in decisions of their own. */
async function passBreaker(
  tx: Tx,
  seen: Breaker,
  decided: readonly Decided[],
  now: Instant,
): Promise<readonly Decided[]> {
  const callers = decided.filter(({ step }) => step.kind === "collect" || step.kind === "inquire");
  if (callers.length === 0 || seen.state === "closed") return decided;
  const { admitted, othersWaitUntil, after } = admit(await lockBreaker(tx), callers.length, now);
  await saveBreaker(tx, after);
  const held = new Set(callers.slice(admitted));
  const says = "the gateway does not answer as it should: wait until a trial gets through";
  const wait = {
    kind: "wait",
    until: othersWaitUntil,
    waitingFor: null,
    rule: "wait.breaker",
    says,
  } as const;
  return decided.map((each) => (held.has(each) ? { ...each, step: wait } : each));
}

async function saveSteps(
  tx: Tx,
  tools: CollectTools,
  decided: readonly Decided[],
  now: Instant,
): Promise<void> {
  const invoices = saveInvoices(
    tx,
    decided.map(({ facts, step }) => ({
      invoice: afterStep(facts, step),
      lease: leaseFor(step, tools.leaseMs),
    })),
    now,
  );
  const told = decided.flatMap(({ facts, step }) => (step.kind === "rest" ? [] : [{ facts, step }]));
  const decisions = insertDecisions(
    tx,
    told.map(({ facts, step }) => ({
      invoiceId: facts.invoice.id,
      attemptNumber: "attempt" in step ? step.attempt.number : null,
      rule: step.kind === "review" ? "review" : step.rule,
      says: step.kind === "review" ? `${step.reason}: a person must look` : step.says,
      facts: {
        state: facts.invoice.state,
        binding: facts.binding?.state ?? null,
        lease: facts.invoice.leaseNo,
        ...("why" in step && step.why !== undefined ? { why: step.why } : {}),
      },
      nextActionAt: step.kind === "wait" ? step.until : null,
      policyVersion: facts.invoice.policyVersion,
    })),
    now,
  );
  const reviews = saveReviews(tx, decided, now);
  const waits = decided.flatMap(({ facts, step }) => (step.kind === "wait" ? [{ facts, step }] : []));
  const withoutWallet = waits.filter(({ step }) => step.failed !== undefined);
  const unpaid = decided.filter(({ step }) => step.kind === "end" && step.action === "unpaid");
  const writtenOff = decided.filter(({ step }) => step.kind === "end" && step.action === "write_off");
  const ids = (some: readonly Decided[]) => some.map(({ facts }) => facts.invoice.subscriptionId);
  await Promise.all([
    invoices,
    decisions,
    reviews,
    markPastDue(tx, ids(withoutWallet)),
    markUnpaid(tx, ids(unpaid)),
  ]);
  // What was written off is owed no more by plan: with nothing else in arrears its subscription goes on.
  await markActive(tx, await withoutArrears(tx, ids(writtenOff)));
}

function afterStep({ invoice, attempts }: Facts, step: NextStep): Invoice {
  switch (step.kind) {
    case "rest":
      return {
        ...invoice,
        nextActionAt: step.nextActionAt,
        waitingFor: restsWithPerson(invoice, step.nextActionAt),
      };
    case "wait":
      return {
        ...invoice,
        ...(step.why === undefined ? {} : { retryAt: step.until, plannedTryAt: step.plannedTryAt ?? null }),
        ...step.failed,
        nextActionAt: keepingRung(step.until, attempts),
        waitingFor: step.waitingFor,
        askedAt: step.until === null ? null : invoice.askedAt,
      };
    case "end":
      return afterEnd(invoice, step.action, keepingRung(null, attempts));
    case "review":
      return {
        ...invoice,
        nextActionAt: keepingRung(null, attempts),
        waitingFor: invoice.state === "open" ? "person" : null,
      };
    case "collect":
      return { ...invoice, waitingFor: null };
    case "inquire":
      return invoice;
  }
}

/** What is still owed is the customer's to pay; written off, it can be paid all the same. */
function afterEnd(invoice: Invoice, action: EndAction, nextActionAt: Instant | null): Invoice {
  const over = {
    ...invoice,
    nextActionAt,
    retryAt: null,
    plannedTryAt: null,
    askedAt: null,
    endReason: "exhausted",
  };
  return action === "write_off"
    ? { ...over, state: "uncollectible", waitingFor: null }
    : { ...over, waitingFor: "customer" };
}

/** An open invoice always has a time or a stated wait; with an attempt in review it waits for a person. */
function restsWithPerson(invoice: Invoice, nextActionAt: Instant | null): Invoice["waitingFor"] {
  return invoice.state === "open" && nextActionAt === null ? "person" : invoice.waitingFor;
}

function leaseFor(step: NextStep, leaseMs: number): LeaseChange {
  return step.kind === "collect" || step.kind === "inquire" ? { kind: "take", leaseMs } : { kind: "keep" };
}

async function saveReviews(tx: Tx, decided: readonly Decided[], now: Instant): Promise<void> {
  const reviews = decided.flatMap(({ facts, step }) => (step.kind === "review" ? [{ facts, step }] : []));
  await saveAttempts(
    tx,
    reviews.map(({ facts, step }) => ({
      invoiceId: facts.invoice.id,
      attempt: { ...step.attempt, state: "review" as const, reviewReason: step.reason },
    })),
  );
  await openExceptions(
    tx,
    reviews.map(({ facts, step }) => ({
      kind: "review",
      subject: step.attempt.reference,
      invoiceId: facts.invoice.id,
      reference: step.attempt.reference,
      amount: step.attempt.amount,
      says: step.reason,
      facts: { gateway_reference: step.attempt.gatewayReference, inquiries: step.attempt.inquiries },
      at: now,
    })),
  );
}
