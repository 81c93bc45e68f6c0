import type { Logger } from "pino";
import type { ActivateBindingTools } from "../customers/activate-binding.flow.ts";
import { handleBindingNotice } from "../customers/binding-notice.flow.ts";
import { readBindingNotice, readPaymentNotice } from "../gateway/snap/notices.ts";
import { findAttemptsByReference, ringInquiries } from "../invoices/attempt.store.ts";
import type { DecideTools } from "../invoices/collect-tools.ts";
import type { News } from "../invoices/news.ts";
import { recordVerdictsIn } from "../invoices/record-verdicts.flow.ts";
import type { DeliveryId } from "../kernel/ids.ts";
import type { Tx } from "../platform/database.ts";
import { failpoint } from "../platform/failpoint.ts";
import { bodyContext, type Delivery } from "./delivery.ts";
import { type DeliveryMark, lockDeliveries, markDeliveries } from "./inbox.store.ts";

/** Tries double their distance from 5 s: the last is about 20 minutes after the first. */
const MAX_UNCONFIRMED = 8;

export type HandleTools = {
  readonly decide: DecideTools;
  readonly bindings: ActivateBindingTools;
  readonly log: Logger;
};

/**
 * Gives stored deliveries their effect, each exactly once: the row is marked in the transaction that records the
 * news. Rows that another worker holds are left to it; a row that cannot be handled does not stop its neighbours.
 */
export async function handleDeliveries(tools: HandleTools, ids: readonly DeliveryId[]): Promise<void> {
  try {
    await handleSet(tools, ids);
  } catch (error) {
    if (ids.length === 1) return handleFailure(tools, ids, error);
    for (const id of ids) await handleDeliveries(tools, [id]);
  }
}

async function handleSet(tools: HandleTools, ids: readonly DeliveryId[]): Promise<void> {
  const bindingNotices = await tools.decide.db.begin(async (tx) => {
    const deliveries = await lockDeliveries(tx, ids);
    const payments = deliveries.filter((delivery) => delivery.kind === "payment");
    if (payments.length > 0) await markDeliveries(tx, await recordPayments(tx, tools, payments));
    if (payments.length > 0) failpoint("handling.before-commit");
    return deliveries.filter((delivery) => delivery.kind === "binding");
  });
  failpoint("handling.after-commit");
  for (const delivery of bindingNotices) await handleBinding(tools, delivery);
}

async function recordPayments(
  tx: Tx,
  tools: HandleTools,
  deliveries: readonly Delivery[],
): Promise<DeliveryMark[]> {
  const now = await tools.decide.clock.now(tx);
  const references = deliveries.flatMap(({ reference }) => (reference === null ? [] : [reference]));
  const attempts = new Map(
    (await findAttemptsByReference(tx, references)).map((row) => [row.reference as string, row]),
  );
  const marks: DeliveryMark[] = [];
  const news: News[] = [];
  for (const { id, reference, body, reusedId } of deliveries) {
    const notice = readPaymentNotice(body);
    const attempt = reference === null ? undefined : attempts.get(reference);
    if (notice.kind === "bad")
      marks.push({ id, state: "rejected", problem: `${notice.field}: ${notice.outcome}` });
    else if (attempt === undefined)
      marks.push({ id, state: "unmatched", problem: "no attempt has this reference" });
    else {
      const raw = { httpStatus: null, body };
      const about = { source: "notification", requestId: null, leaseNo: null, realMsSinceSent: 0 } as const;
      news.push({ ...attempt, verdict: notice.verdict, raw, ...about });
      marks.push({ id, state: "handled" });
      // One id with two bodies: somebody is confused, or worse. The gateway itself is asked.
      if (reusedId) await ringInquiries(tx, attempt, now);
    }
  }
  const recorded = await recordVerdictsIn(tx, tools.decide, news, now);
  for (const { news: each } of recorded)
    tools.log.info({ event: "notification.handled", reference: each.reference, verdict: each.verdict.kind });
  return marks;
}

/** Binding notices lead to a call (the exchange), so that they are handled outside a transaction, and may run again. */
async function handleBinding(tools: HandleTools, delivery: Delivery): Promise<void> {
  const notice = readBindingNotice(tools.bindings.sealer.open(delivery.body, bodyContext(delivery.bodyHash)));
  const mark = (state: DeliveryMark["state"], problem?: string) =>
    tools.decide.db.begin((tx) =>
      markDeliveries(tx, [{ id: delivery.id, state, ...(problem === undefined ? {} : { problem }) }]),
    );
  if (notice.kind === "bad") return mark("rejected", `${notice.field}: ${notice.outcome}`);
  const outcome = await handleBindingNotice(tools.bindings, notice);
  tools.log.info({ event: "binding.notified", status: notice.status, outcome: outcome.kind });
  if (outcome.kind === "handled") return mark("handled");
  if (outcome.kind === "unmatched") return mark("unmatched", "no binding of ours");
  // A success that the gateway's own exchange does not confirm is given up; whoever reads the binding asks again.
  if (delivery.tries >= MAX_UNCONFIRMED) return mark("rejected", "the exchange never confirmed it");
  return mark("received", "the exchange does not confirm it yet");
}

async function handleFailure(tools: HandleTools, ids: readonly DeliveryId[], error: unknown): Promise<void> {
  tools.log.error({ event: "delivery.failed", deliveryIds: ids, err: error });
  await tools.decide.db.begin(async (tx) => {
    const rows = await lockDeliveries(tx, ids);
    const problem = error instanceof Error ? error.message.slice(0, 300) : "unknown";
    // Our 200 is given and nobody will send it again: it stays, and is tried more and more rarely.
    await markDeliveries(
      tx,
      rows.map(({ id, state }) => ({ id, state, problem })),
    );
  });
}
