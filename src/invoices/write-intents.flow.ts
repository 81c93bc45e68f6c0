import { DateTime } from "luxon";
import type { DunningPolicy } from "../dunning/policy.ts";
import type { InvoiceId, Reference } from "../kernel/ids.ts";
import { formatRupiah, type Rupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import type { Tx } from "../platform/database.ts";
import { failpoint } from "../platform/failpoint.ts";
import { realNow } from "../platform/real-time.ts";
import type { CheckPurpose } from "./after-check.ts";
import { insertAttempts, saveAttempts } from "./attempt.store.ts";
import { sentAgain } from "./attempt.ts";
import type { CollectTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { countWalletRequests, loadDunned, markRequested } from "./dunned.store.ts";
import type { Dunned } from "./dunned.ts";
import { loadFacts, lockInvoices } from "./facts.store.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { nextStep, whyNotCharge } from "./next-step.ts";
import { attemptReference } from "./reference.ts";
import { findLastRequest, insertRequests } from "./request.store.ts";

/** A charge that passed its checks: what is to be written down before any byte leaves. */
export type Intent = {
  readonly invoiceId: InvoiceId;
  readonly leaseNo: number;
  /** The attempt whose reference is sent again, or null for a new one. */
  readonly again: number | null;
  readonly purpose: CheckPurpose;
  /** The balance that was read; null when it was not, and the charge goes blind. */
  readonly available: Rupiah | null;
};

export type Written =
  | {
      readonly kind: "go";
      readonly requestId: string;
      readonly attemptNumber: number;
      readonly reference: Reference;
      readonly externalId: string;
      readonly body: string;
    }
  /** The lease is no longer ours: whoever has it decides. */
  | { readonly kind: "lost" }
  /** Something committed meanwhile that forbids the charge: nothing leaves. */
  | { readonly kind: "overtaken"; readonly says: string };

type Go = {
  readonly intent: Intent;
  readonly facts: Facts;
  readonly policy: DunningPolicy;
  readonly number: number;
  readonly reference: Reference;
  readonly externalId: string;
  readonly body: string;
};

/** The zone whose calendar day limits the reuse of an X-EXTERNAL-ID. */
const WIRE_ZONE = "Asia/Jakarta";

/**
 * Writes attempts and requests for a set of charges, in one transaction. Everything is looked at again under the
 * lock: a cancel, pause, hold, stop or void that committed since the balance was read wins.
 */
export function writeIntents(tools: CollectTools, intents: readonly Intent[]): Promise<Written[]> {
  return tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const invoices = await lockInvoices(tx, [...new Set(intents.map((intent) => intent.invoiceId))]);
    const [loaded, dunned] = await Promise.all([
      loadFacts(tx, invoices, now),
      loadDunned(tx, tools.policies, invoices),
    ]);
    const facts = new Map(loaded.map((each) => [each.invoice.id, each]));
    const answers: (Written | Go)[] = [];
    for (const intent of intents) {
      const known = facts.get(intent.invoiceId);
      if (known === undefined) answers.push({ kind: "lost" });
      else {
        const ground = dunned(known.invoice);
        answers.push(
          refuse(known, ground, intent, now) ??
            (await prepare(tx, tools, { facts: known, policy: ground.policy, intent })),
        );
      }
    }
    const going = answers.filter((answer): answer is Go => !("kind" in answer));
    const requestIds = await save(tx, going, now);
    failpoint("intents.before-commit");
    return answers.map((answer) => {
      if ("kind" in answer) return answer;
      const { reference, externalId, body, number } = answer;
      const requestId = requestIds[going.indexOf(answer)] ?? "";
      return { kind: "go", requestId, attemptNumber: number, reference, externalId, body };
    });
  });
}

function refuse(facts: Facts, dunned: Dunned, intent: Intent, now: Instant): Written | null {
  if (facts.invoice.leaseNo !== intent.leaseNo) return { kind: "lost" };
  const why = intent.again === null ? notByPlan(facts, dunned, now) : whyNotCharge(facts, dunned.policy, now);
  if (why !== null) {
    const says = why.kind === "wait" ? why.says : `the invoice is ${facts.invoice.state}`;
    return { kind: "overtaken", says: `nothing leaves: ${says}` };
  }
  const live = liveAttempt(facts);
  if (live === null)
    return intent.again === null ? null : { kind: "overtaken", says: "the attempt is settled" };
  if (live.number !== intent.again) return { kind: "overtaken", says: `${live.reference} is still live` };
  if (live.amount !== facts.invoice.amount) return { kind: "overtaken", says: "the amount changed" };
  return live.state === "unsent" || live.notFoundProved ? null : { kind: "overtaken", says: "news came in" };
}

/** What the whole of the plan says against a charge `now`, budgets of the wallet's other invoices included. */
function notByPlan(
  facts: Facts,
  dunned: Dunned,
  now: Instant,
): { readonly kind: "wait"; readonly says: string } | { readonly kind: "rest" } | null {
  if (liveAttempt(facts) !== null) return null;
  const step = nextStep(facts, dunned, now);
  switch (step.kind) {
    case "collect":
      return step.mayCharge ? null : { kind: "wait", says: "the policy only looks now" };
    case "rest":
      return { kind: "rest" };
    case "review":
      return { kind: "wait", says: step.reason };
    default:
      return { kind: "wait", says: step.says };
  }
}

type Preparing = Pick<Go, "facts" | "policy" | "intent">;

async function prepare(tx: Tx, tools: CollectTools, { facts, policy, intent }: Preparing): Promise<Go> {
  const { gateway } = tools;
  const externalId = gateway.newExternalId();
  if (intent.again === null) {
    const number = (facts.attempts.at(-1)?.number ?? 0) + 1;
    const reference = attemptReference(facts.invoice.id, number);
    const remarks = `${facts.subscription.planName} ${facts.invoice.billsOn}`;
    const body = gateway.paymentBody({ reference, amount: facts.invoice.amount, remarks });
    return { intent, facts, policy, number, reference, externalId, body };
  }
  const number = intent.again;
  const reference = attemptReference(facts.invoice.id, number);
  const last = await findLastRequest(tx, facts.invoice.id, number);
  const body =
    last?.body ??
    gateway.paymentBody({ reference, amount: facts.invoice.amount, remarks: facts.subscription.planName });
  const attempt = facts.attempts.find((each) => each.number === number);
  // The very same call again gets the gateway's stored answer; with an answer in hand, or on another day, it is a new call.
  const repeat =
    attempt?.notFoundProved === true && last !== null && !last.answered && isToday(last.writtenAt);
  return {
    intent,
    facts,
    policy,
    number,
    reference,
    externalId: repeat ? last.externalId : externalId,
    body,
  };
}

function isToday(at: Date): boolean {
  const day = DateTime.fromJSDate(at, { zone: WIRE_ZONE }).toISODate();
  return day === realNow().setZone(WIRE_ZONE).toISODate();
}

async function save(tx: Tx, going: readonly Go[], now: Instant): Promise<string[]> {
  const decisionIds = await insertDecisions(
    tx,
    going.map(({ intent, facts, number, reference }) => ({
      invoiceId: intent.invoiceId,
      attemptNumber: number,
      rule: intent.again === null ? "charge" : "charge.again",
      says: sentence(intent, facts, reference),
      facts: {
        available: intent.available,
        amount: facts.invoice.amount,
        lease: intent.leaseNo,
        by: facts.invoice.askedAt === null ? intent.purpose : "person",
      },
      nextActionAt: null,
      policyVersion: facts.invoice.policyVersion,
    })),
    now,
  );
  const fresh = going.flatMap((go, index) => (go.intent.again === null ? [{ go, index }] : []));
  const begun = insertAttempts(
    tx,
    fresh.map(({ go, index }) => ({
      invoiceId: go.intent.invoiceId,
      number: go.number,
      reference: go.reference,
      kind: "recurring",
      amount: go.facts.invoice.amount,
      decisionId: decisionIds[index] ?? "",
    })),
    now,
  );
  const again = saveAttempts(
    tx,
    going.flatMap(({ intent, facts, number }) => {
      const attempt = facts.attempts.find((each) => each.number === number);
      return intent.again === null || attempt === undefined
        ? []
        : [{ invoiceId: intent.invoiceId, attempt: sentAgain(attempt, now) }];
    }),
  );
  const written = insertRequests(
    tx,
    going.map(({ intent, number, externalId, body }) => ({
      invoiceId: intent.invoiceId,
      attemptNumber: number,
      externalId,
      leaseNo: intent.leaseNo,
      body,
    })),
    now,
  );
  const [requestIds] = await Promise.all([written, begun, again, useBudget(tx, going, now)]);
  return requestIds;
}

/** Requests by plan use the day of the invoice and of its wallet; what a person asked for is counted apart. */
async function useBudget(tx: Tx, going: readonly Go[], now: Instant): Promise<void> {
  const byPlan = going
    .filter(({ intent, facts }) => intent.again === null && facts.invoice.askedAt === null)
    .map(({ facts, policy }) => ({ ...facts.invoice, at: now, zone: policy.zone }));
  await Promise.all([markRequested(tx, byPlan), countWalletRequests(tx, byPlan)]);
}

function sentence({ available, again }: Intent, { invoice }: Facts, reference: Reference): string {
  const what = again === null ? `charge ${formatRupiah(invoice.amount)}` : `send ${reference} again`;
  return available === null
    ? `${what}: without a look at the balance`
    : `${what}: balance ${formatRupiah(available)} covers it`;
}
