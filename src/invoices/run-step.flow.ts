import { openExceptions } from "../exceptions/exception.store.ts";
import type { Verdict } from "../gateway/gateway.ts";
import type { InvoiceId, Reference } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import { unreachable } from "../kernel/unreachable.ts";
import { coalesce } from "../platform/coalesce.ts";
import { isOutage } from "../platform/database.ts";
import { failpoint } from "../platform/failpoint.ts";
import type { CheckOutcome } from "./after-check.ts";
import { askBalance } from "./ask-balance.flow.ts";
import type { CallCounts } from "./breaker.ts";
import type { CollectTools } from "./collect-tools.ts";
import { parkInvoice } from "./invoice.store.ts";
import type { News } from "./news.ts";
import { type CheckDone, recordChecks } from "./record-checks.flow.ts";
import { type Recorded, recordVerdicts } from "./record-verdicts.flow.ts";
import { findRealAges } from "./request.store.ts";
import type { Leased } from "./take-leases.flow.ts";
import { type Intent, type Written, writeIntents } from "./write-intents.flow.ts";

/** Calls that one collection may need: customer token, balance, payment. */
export const PERMITS_PER_COLLECTION = 3;
/** Rows of one coalesced transaction: the knee of the measured curve lies between 100 and 500. */
const MAX_SET = 250;
/** A parked invoice with an attempt in doubt is looked at again after this. */
const PARKED_RECHECK = { hours: 1 };

/** The transactions of single steps, each over a set of whatever arrives together. */
export type StepFlows = {
  readonly check: (done: CheckDone) => Promise<void>;
  readonly intend: (intent: Intent) => Promise<Written>;
  readonly record: (news: News) => Promise<Recorded>;
};

/** Makes the flows of one process. */
export function stepFlows(tools: CollectTools): StepFlows {
  return {
    check: coalesce(MAX_SET, (done) => recordChecks(tools, done)),
    intend: coalesce(MAX_SET, (intents) => writeIntents(tools, intents)),
    record: coalesce(MAX_SET, (news) => recordVerdicts(tools, news)),
  };
}

/** Runs one leased step and answers how many calls it made. A surprise leaves the lease to run out: nothing is lost. */
export async function runStep(tools: CollectTools, flows: StepFlows, leased: Leased): Promise<CallCounts> {
  const { id } = leased.facts.invoice;
  try {
    switch (leased.step.kind) {
      case "collect":
        return await charge(tools, flows, leased, leased.step);
      case "inquire":
        return { calls: 1, bad: (await inquire(tools, flows, leased, leased.step.attempt)) ? 0 : 1 };
      default:
        return unreachable(leased.step);
    }
  } catch (error) {
    // PostgreSQL away or restarting is nobody's fault: the lease runs out, and a later bell goes on.
    if (isOutage(error)) tools.log.error({ event: "invoice.interrupted", invoiceId: id, err: error });
    else await park(tools, id, error);
    return { calls: PERMITS_PER_COLLECTION, bad: 0 };
  }
}

async function charge(
  tools: CollectTools,
  flows: StepFlows,
  leased: Leased,
  step: Extract<Leased["step"], { kind: "collect" }>,
): Promise<CallCounts> {
  const { facts, leaseNo } = leased;
  const { purpose } = step;
  const invoiceId = facts.invoice.id;
  const end = (outcome: CheckOutcome) => flows.check({ invoiceId, leaseNo, purpose, outcome });
  const asked = await askBalance(tools, facts, step.askBalance);
  if (asked.kind !== "token") {
    await end(asked.outcome);
    return asked;
  }
  const available = coveringBalance(asked.balance, facts.invoice.amount, step.mayCharge);
  if (available.kind !== "covered") {
    await end(available);
    failpoint("checks.after-commit");
    return asked;
  }
  const again = step.again?.number ?? null;
  const written = await flows.intend({ invoiceId, leaseNo, again, purpose, available: available.amount });
  if (written.kind === "lost") return asked;
  if (written.kind === "overtaken") {
    await end(written);
    return asked;
  }
  failpoint("intents.after-commit");
  const news = await send(tools, leased, written, asked.customerToken);
  await flows.record({ ...news, leaseNo });
  failpoint("verdicts.after-commit");
  return { calls: asked.calls + 1, bad: asked.bad + (isUsable(news.verdict) ? 0 : 1) };
}

/** An answer that says something, be it no. */
function isUsable(verdict: Verdict): boolean {
  return verdict.kind !== "unknown" && verdict.kind !== "not_sent";
}

/** Whether what was read covers the amount; what was not asked for is taken to. */
function coveringBalance(
  balance: Extract<Awaited<ReturnType<typeof askBalance>>, { kind: "token" }>["balance"],
  amount: Rupiah,
  mayCharge: boolean,
): { readonly kind: "covered"; readonly amount: Rupiah | null } | CheckOutcome {
  if (balance.kind === "unasked") return { kind: "covered", amount: null };
  if (balance.kind === "away") return balance;
  const { available } = balance;
  if (available < amount) return { kind: "short", available };
  return mayCharge ? { kind: "covered", amount: available } : { kind: "enough", available };
}

/** Sends once. With too little of the lease left nothing leaves: another worker may already be looking. */
async function send(
  tools: CollectTools,
  leased: Leased,
  written: Extract<Written, { kind: "go" }>,
  customerToken: string,
): Promise<Omit<News, "leaseNo">> {
  const { reference, externalId, body, requestId, attemptNumber } = written;
  const about = {
    invoiceId: leased.facts.invoice.id,
    attemptNumber,
    reference,
    requestId,
    realMsSinceSent: 0,
  };
  const leaveByMs = leased.leaseEndsAtMs - tools.gatewayTimeoutMs;
  failpoint("payment.in-flight", IN_FLIGHT_MS);
  const answer = await tools.gateway.pay({ reference, externalId, body, customerToken, leaveByMs });
  failpoint("payment.after-answer");
  tools.log.debug({
    event: "payment.answered",
    reference,
    verdict: answer.verdict.kind,
    http: answer.raw.httpStatus,
  });
  if (answer.verdict.kind === "busy") await tools.permits.block(BUSY_SILENCE_MS);
  return { ...about, source: "answer", verdict: answer.verdict, raw: answer.raw };
}

/** A fault test's death during a payment comes this long after it began: the bytes have left by then. */
const IN_FLIGHT_MS = 50;
/** A gateway that says "too many requests" gets this much silence from all workers (real time). */
const BUSY_SILENCE_MS = 2_000;

/** Asks for an attempt's fate; answers whether the gateway said something. */
async function inquire(
  tools: CollectTools,
  flows: StepFlows,
  { facts, leaseNo }: Leased,
  attempt: Leased["facts"]["attempts"][number],
): Promise<boolean> {
  const invoiceId = facts.invoice.id;
  failpoint("inquiry.before-send");
  const answer = await tools.gateway.inquire({
    reference: attempt.reference as Reference,
    paymentExternalId: attempt.requests.at(-1)?.externalId ?? null,
    gatewayReference: attempt.gatewayReference,
    amount: attempt.amount,
  });
  failpoint("inquiry.after-answer");
  tools.log.info({ event: "inquiry.answered", reference: attempt.reference, verdict: answer.verdict.kind });
  const [age] = await tools.db.begin((tx) =>
    findRealAges(tx, [{ invoiceId, attemptNumber: attempt.number }]),
  );
  await flows.record({
    invoiceId,
    attemptNumber: attempt.number,
    reference: attempt.reference,
    source: "inquiry",
    verdict: answer.verdict,
    raw: answer.raw,
    requestId: null,
    leaseNo,
    realMsSinceSent: age ?? 0,
  });
  return isUsable(answer.verdict);
}

/** What could not be saved three times is put before a person; its neighbours went through. */
async function park(tools: CollectTools, id: InvoiceId, error: unknown): Promise<void> {
  tools.log.error({ event: "invoice.parked", invoiceId: id, err: error });
  try {
    await tools.db.begin(async (tx) => {
      const now = await tools.clock.now(tx);
      await parkInvoice(tx, id, now.plus(PARKED_RECHECK));
      const says = `collecting it failed three times: ${error instanceof Error ? error.message : "unknown"}`;
      await openExceptions(tx, [
        { kind: "parked", subject: id, invoiceId: id, says: says.slice(0, 300), at: now },
      ]);
    });
  } catch (again) {
    // PostgreSQL is away: the lease runs out, and a later bell finds the invoice as it was.
    tools.log.error({ event: "invoice.park_failed", invoiceId: id, err: again });
  }
}
