import { openExceptions } from "../exceptions/exception.store.ts";
import type { RefundRequest } from "../gateway/gateway.ts";
import { noteRefundAsked } from "../invoices/attempt.store.ts";
import type { CollectTools } from "../invoices/collect-tools.ts";
import { InvariantError } from "../kernel/errors.ts";
import type { RefundId } from "../kernel/ids.ts";
import type { Instant } from "../kernel/time.ts";
import { isOutage, type Tx } from "../platform/database.ts";
import { monotonicMs } from "../platform/real-time.ts";
import {
  applyRefundVerdict,
  type RefundException,
  type RefundNews,
  refundedAt,
} from "./apply-refund-verdict.ts";
import { nextRefundStep, type RefundStep } from "./next-refund-step.ts";
import { findRefundFacts, lockDueRefunds, lockRefund, saveRefund, sumAsked } from "./refund.store.ts";
import type { Refund, RefundFacts } from "./refund.ts";
import {
  findRefundAge,
  findRefundBody,
  insertRefundEvidence,
  insertRefundRequest,
  saveRefundRequests,
} from "./refund-request.store.ts";

export type RefundTools = Pick<
  CollectTools,
  | "db"
  | "clock"
  | "policy"
  | "log"
  | "notFoundBlindMs"
  | "gateway"
  | "tokens"
  | "permits"
  | "gatewayTimeoutMs"
  | "leaseMs"
>;

/** Calls that one refund may need: the customer's token, the refund. */
const PERMITS_PER_REFUND = 2;
/** Refunds are few, and must not take the permits that collecting needs. */
const AT_ONCE = 5;
/** A gateway that says "too many requests" gets this much silence from all workers (real time). */
const BUSY_SILENCE_MS = 2_000;
/** A refund that cannot be saved is looked at again after this. */
const PARKED_RECHECK = { hours: 1 };

/** A refund that this worker has to itself; with `send`, its request is written down. */
type Leased = {
  readonly facts: RefundFacts;
  readonly leaseNo: number;
  readonly leaseEndsAtMs: number;
  readonly send: { readonly requestId: string; readonly externalId: string; readonly body: string } | null;
};

/**
 * Moves refunds on: sends what is due, asks about what is in doubt. Safe to run any number of times, at any moment,
 * in any number of processes. One that fails does not stop its neighbours.
 */
export async function giveBack(tools: RefundTools, ids: readonly RefundId[]): Promise<void> {
  for (let rest = ids; rest.length > 0; ) {
    const granted = await tools.permits.take(Math.min(rest.length, AT_ONCE) * PERMITS_PER_REFUND);
    const part = rest.slice(0, Math.floor(granted / PERMITS_PER_REFUND));
    const calls = await Promise.all(part.map((id) => giveBackOrPark(tools, id)));
    await tools.permits.giveBack(granted - calls.reduce((sum, count) => sum + count, 0));
    // Without permits the rest stays unleased, for a later bell.
    if (part.length === 0) return;
    rest = rest.slice(part.length);
  }
}

async function giveBackOrPark(tools: RefundTools, id: RefundId): Promise<number> {
  try {
    return await giveBackOne(tools, id);
  } catch (error) {
    tools.log.error({ event: "refund.failed", refundId: id, err: error });
    // PostgreSQL away or restarting is nobody's fault: the lease runs out, and a later bell goes on.
    if (!isOutage(error)) await park(tools, id, error);
    return PERMITS_PER_REFUND;
  }
}

/** Answers how many calls were made. */
async function giveBackOne(tools: RefundTools, id: RefundId): Promise<number> {
  const leased = await takeLease(tools, id);
  if (leased === null) return 0;
  const { facts, leaseNo, send } = leased;
  const answer = send === null ? await inquire(tools, facts) : await sendOnce(tools, leased, send);
  tools.log.info({
    event: "refund.answered",
    refundReference: facts.refund.refundReference,
    verdict: answer.news.verdict.kind,
  });
  if (answer.news.verdict.kind === "busy") await tools.permits.block(BUSY_SILENCE_MS);
  await record(tools, id, answer.news, leaseNo);
  return answer.calls;
}

/** Decides under the row's lock; what is about to be sent is committed with the lease, before any byte leaves. */
async function takeLease(tools: RefundTools, id: RefundId): Promise<Leased | null> {
  const leaseEndsAtMs = monotonicMs() + tools.leaseMs;
  return tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const [refund] = await lockDueRefunds(tx, [id], now);
    const [facts] = await findRefundFacts(tx, refund === undefined ? [] : [refund], now);
    if (facts === undefined) return null;
    const step = nextRefundStep(facts, tools.policy, now);
    const leaseNo = facts.refund.leaseNo + 1;
    const lease = { kind: "take", leaseMs: tools.leaseMs } as const;
    switch (step.kind) {
      case "send": {
        const send = await writeRequest(tx, tools, facts, leaseNo, now);
        await saveRefund(tx, sentAt(facts.refund, now), lease);
        return { facts, leaseNo, leaseEndsAtMs, send };
      }
      case "inquire":
        await saveRefund(tx, facts.refund, lease);
        return { facts, leaseNo, leaseEndsAtMs, send: null };
      default:
        await saveRest(tx, facts.refund, step, now);
        return null;
    }
  });
}

async function writeRequest(tx: Tx, tools: RefundTools, facts: RefundFacts, leaseNo: number, now: Instant) {
  const { refund } = facts;
  const body = (await findRefundBody(tx, refund.id)) ?? tools.gateway.refundBody(orderOf(facts));
  // The refund reference is what keeps the gateway from giving back twice; every call is a call of its own.
  const externalId = tools.gateway.newExternalId();
  const request = { refundId: refund.id, externalId, leaseNo, body };
  return { requestId: await insertRefundRequest(tx, request, now), externalId, body };
}

/** A re-send begins the proof of "not found" anew. */
function sentAt(refund: Refund, now: Instant): Refund {
  return {
    ...refund,
    lastSentAt: now,
    resends: refund.notFoundProved ? refund.resends + 1 : refund.resends,
    inquiries: 0,
    notFoundCount: 0,
    firstNotFoundAt: null,
    notFoundProved: false,
  };
}

async function saveRest(
  tx: Tx,
  refund: Refund,
  step: Exclude<RefundStep, { kind: "send" | "inquire" }>,
  now: Instant,
): Promise<void> {
  switch (step.kind) {
    case "rest":
      await saveRefund(tx, { ...refund, nextActionAt: step.nextActionAt }, null);
      return;
    case "settle": {
      const told = { code: refund.code ?? "already_done", gatewayRefundReference: null, refundedAt: null };
      await saveRefund(tx, refundedAt(refund, now, told), null);
      return;
    }
    case "review": {
      const { reason } = step;
      const inReview = { ...refund, state: "review", reviewReason: reason, nextActionAt: null } as const;
      await saveRefund(tx, inReview, null);
      const remedy =
        "Look for it in DOKU's back office; until it is settled nothing more of this payment goes back.";
      await noteExceptions(tx, refund, [{ kind: "refund_review", says: `${reason}. ${remedy}` }], now);
    }
  }
}

function orderOf({ refund, payment }: RefundFacts): RefundRequest["order"] {
  return {
    reference: payment.reference,
    paymentExternalId: payment.externalId,
    refundReference: refund.refundReference,
    amount: refund.amount,
    reason: refund.reason,
  };
}

type Told = { readonly news: RefundNews; readonly calls: number };

async function sendOnce(
  tools: RefundTools,
  { facts, leaseEndsAtMs }: Leased,
  { requestId, externalId, body }: NonNullable<Leased["send"]>,
): Promise<Told> {
  const token = await customerTokenFor(tools, facts);
  const { verdict, raw } = await tools.gateway.refund({
    order: orderOf(facts),
    externalId,
    body,
    customerToken: token.token,
    leaveByMs: leaseEndsAtMs - tools.gatewayTimeoutMs,
  });
  const news = { source: "answer", verdict, raw, requestId, realMsSinceSent: 0 } as const;
  return { news, calls: token.calls + 1 };
}

/** A refund works without: the customer may have unlinked, and whoever gets money back need not consent to it. */
async function customerTokenFor(tools: RefundTools, { refund, bindingId }: RefundFacts) {
  if (bindingId === null || refund.withoutToken) return { token: null, calls: 0 };
  const answer = await tools.tokens(bindingId);
  return answer.kind === "token"
    ? { token: answer.token, calls: answer.fresh ? 1 : 0 }
    : { token: null, calls: 1 };
}

async function inquire(tools: RefundTools, { refund, payment }: RefundFacts): Promise<Told> {
  const { verdict, raw } = await tools.gateway.inquireRefund({
    reference: payment.reference,
    paymentExternalId: payment.externalId,
    gatewayReference: payment.gatewayReference,
    amount: payment.amount,
    refund: { refundReference: refund.refundReference, amount: refund.amount },
  });
  const realMsSinceSent = await findRefundAge(tools.db, refund.id);
  return { news: { source: "inquiry", verdict, raw, requestId: null, realMsSinceSent }, calls: 1 };
}

/** Evidence first, then the lock, then the effect. Whoever brings the news, and whatever became of the lease. */
async function record(tools: RefundTools, id: RefundId, news: RefundNews, leaseNo: number): Promise<void> {
  const after = await tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const before = await lockRefund(tx, id);
    if (before === null) throw new InvariantError("a refund that was sent is gone", { id });
    await insertRefundEvidence(tx, before, news, now);
    const { policy, notFoundBlindMs } = tools;
    const { refund, exceptions } = applyRefundVerdict({ refund: before, news, policy, now, notFoundBlindMs });
    await saveRefundRequests(tx, refund.requests);
    await saveRefund(tx, refund, { kind: "release", leaseNo });
    if (before.state !== refund.state) await noteAsked(tx, refund);
    await noteExceptions(tx, refund, exceptions, now);
    return refund;
  });
  const { refundReference, state } = after;
  tools.log.info({ event: "refund.verdict", refundReference, verdict: news.verdict.kind, state });
}

/** The payment knows how much of it we asked back; a refused refund no longer counts. */
export async function noteAsked(
  tx: Tx,
  { invoiceId, attemptNumber }: Pick<Refund, "invoiceId" | "attemptNumber">,
): Promise<void> {
  await noteRefundAsked(tx, { invoiceId, attemptNumber }, await sumAsked(tx, invoiceId, attemptNumber));
}

type Noted = RefundException | { readonly kind: "refund_review"; readonly says: string };

async function noteExceptions(
  tx: Tx,
  { refundReference, invoiceId, amount }: Refund,
  exceptions: readonly Noted[],
  at: Instant,
): Promise<void> {
  await openExceptions(
    tx,
    exceptions.map(({ kind, says }) => ({ kind, subject: refundReference, invoiceId, amount, says, at })),
  );
}

/** What could not be saved is put before a person, and tried again in an hour. */
async function park(tools: RefundTools, id: RefundId, error: unknown): Promise<void> {
  try {
    await tools.db.begin(async (tx) => {
      const now = await tools.clock.now(tx);
      const refund = await lockRefund(tx, id);
      if (refund === null || refund.nextActionAt === null) return;
      await saveRefund(tx, { ...refund, nextActionAt: now.plus(PARKED_RECHECK) }, null);
      const says = `the refund could not be moved on: ${error instanceof Error ? error.message : "unknown"}`;
      await openExceptions(tx, [
        { kind: "parked", subject: id, invoiceId: refund.invoiceId, says: says.slice(0, 300), at: now },
      ]);
    });
  } catch (again) {
    // PostgreSQL is away: the lease runs out, and a later bell finds the refund as it was.
    tools.log.error({ event: "refund.park_failed", refundId: id, err: again });
  }
}
