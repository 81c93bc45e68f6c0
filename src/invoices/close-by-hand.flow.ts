import { lockCustomers } from "../customers/customer.store.ts";
import type { DunningPolicy } from "../dunning/policy.ts";
import { AwayError, ConflictError, NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Tx } from "../platform/database.ts";
import { addCredit } from "../subscriptions/credit.store.ts";
import type { Attempt } from "./attempt.ts";
import { creditUsedBy, customerOf, saveResume } from "./by-hand.store.ts";
import { type Closing, closedByHand, whatStandsInTheWay } from "./by-hand.ts";
import type { CollectTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { loadFacts, lockInvoices } from "./facts.store.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { giveWay } from "./give-way.flow.ts";
import { saveInvoices } from "./invoice.store.ts";
import { saveSubscriptionStates } from "./subscription-state.flow.ts";

/** One order of a person to end collecting an invoice. */
export type ClosingOrder = {
  readonly closing: Closing;
  readonly reason: string;
  /** Go ahead although an attempt is on its way; what it takes is a surplus then. */
  readonly force: boolean;
  /** What else is written, under the same locks; answers the words and facts of the decision. */
  readonly record: (
    tx: Tx,
    facts: Facts,
    now: Instant,
  ) => Promise<{ readonly says: string; readonly facts: Readonly<Record<string, unknown>> }>;
};

/** Whether this is only tried out: nothing is kept, and the gateway is not asked. */
export type Rehearsal = { readonly dryRun: boolean };

/**
 * Closes an invoice because a person says so: the ladder stops and what was planned is off in the same transaction.
 * An attempt that never left gives way first, once the gateway confirms it; any other live one is a `ConflictError`.
 * Answers the invoice's id.
 */
export async function closeByHand(
  tools: CollectTools & Rehearsal,
  id: InvoiceId,
  order: ClosingOrder,
  actor: Actor,
): Promise<InvoiceId> {
  const inTheWay = await tools.db.begin((tx) => close(tx, tools, id, order, actor));
  if (inTheWay === null) return id;
  if (tools.dryRun)
    throw new ConflictError(
      `attempt ${inTheWay.reference} never left, which the gateway is asked to confirm first: a dry run asks nothing`,
    );
  await confirmNeverLeft(tools, id, inTheWay);
  const still = await tools.db.begin((tx) => close(tx, tools, id, order, actor));
  if (still !== null)
    throw new ConflictError(`attempt ${still.reference} is not confirmed yet: ask again in a minute`);
  return id;
}

async function confirmNeverLeft(tools: CollectTools, id: InvoiceId, attempt: Attempt): Promise<void> {
  const granted = await tools.permits.take(1);
  if (granted === 0) throw new AwayError("too many calls at once: ask again in a moment");
  await giveWay(tools, id, attempt);
}

/**
 * Locks what a person's order about an invoice may change: the customer first, as everybody does who acts on several
 * rows of one, then the invoice; its subscription comes after, as when a payment is recorded.
 */
export async function lockForPerson(tx: Tx, id: InvoiceId, now: Instant): Promise<Facts> {
  const customerId = await customerOf(tx, id);
  if (customerId === null) throw new NotFoundError(`there is no invoice ${id}`);
  await lockCustomers(tx, [customerId]);
  const [facts] = await loadFacts(tx, await lockInvoices(tx, [id]), now);
  if (facts === undefined) throw new NotFoundError(`there is no invoice ${id}`);
  return facts;
}

/** Answers the attempt that has to give way first, having changed nothing; null when it is done. */
async function close(
  tx: Tx,
  { clock, policy }: CollectTools,
  id: InvoiceId,
  order: ClosingOrder,
  actor: Actor,
): Promise<Attempt | null> {
  const now = await clock.now(tx);
  const facts = await lockForPerson(tx, id, now);
  const inTheWay = whatStandsInTheWay(facts, order.closing, order.force);
  if (inTheWay === null) await closeLocked(tx, policy, { facts, order, actor }, now);
  return inTheWay;
}

/** Closes an invoice that nothing stands in the way of; the caller holds its customer and its row. */
export async function closeLocked(
  tx: Tx,
  policy: DunningPolicy,
  { facts, order, actor }: { readonly facts: Facts; readonly order: ClosingOrder; readonly actor: Actor },
  now: Instant,
): Promise<void> {
  const { closing, reason, record } = order;
  const { id } = facts.invoice;
  const after = closedByHand(facts, closing, reason, now);
  const recorded = await record(tx, facts, now);
  await saveInvoices(tx, [{ invoice: after.invoice, lease: { kind: "keep" } }], now);
  const { state, retryAt, waitingFor } = facts.invoice;
  // What was written off and is now paid goes back to what it waited for when it was written off.
  if (state === "open") await saveResume(tx, id, { at: retryAt, waitingFor });
  const given = closing === "void" ? await giveCreditBack(tx, facts) : "";
  const live = liveAttempt(facts);
  const planned = live === null && retryAt !== null && retryAt > now;
  await insertDecisions(
    tx,
    [
      {
        invoiceId: id,
        attemptNumber: live?.number ?? null,
        rule: closing,
        says: `${actor.name} ${recorded.says}${given}${planned ? "; the planned try is off" : ""}: ${reason}`,
        facts: {
          actor: actor.name,
          role: actor.role,
          before: state,
          live: live?.state ?? null,
          ...recorded.facts,
        },
        nextActionAt: after.invoice.nextActionAt,
        policyVersion: policy.version,
      },
    ],
    now,
  );
  await saveSubscriptionStates(tx, policy, [after], now);
}

/** Credit is the customer's money: an invoice that is withdrawn has not used it. */
async function giveCreditBack(tx: Tx, { invoice }: Facts): Promise<string> {
  const used = await creditUsedBy(tx, invoice.id);
  await addCredit(tx, invoice.subscriptionId, used);
  return used === 0 ? "" : ` and gave ${formatRupiah(used)} of credit back`;
}
