import type { Logger } from "pino";
import type { ActivateBindingTools } from "../customers/activate-binding.flow.ts";
import { handleBindingNotice } from "../customers/binding-notice.flow.ts";
import { readBindingNotice, readPaymentNotice } from "../gateway/snap/notices.ts";
import { findAttemptsByReference, ringInquiries } from "../invoices/attempt.store.ts";
import type { DecideTools } from "../invoices/collect-tools.ts";
import type { News } from "../invoices/news.ts";
import { logVerdicts, type Recorded, recordVerdictsIn } from "../invoices/record-verdicts.flow.ts";
import type { DeliveryId } from "../kernel/ids.ts";
import { coalesce } from "../platform/coalesce.ts";
import type { Tx } from "../platform/database.ts";
import { failpoint } from "../platform/failpoint.ts";
import { ringRefundsOf } from "../refunds/refund-request.store.ts";
import { bodyContext, type Delivery, isFallback } from "./delivery.ts";
import { type DeliveryMark, lockDeliveries, markDeliveries } from "./inbox.store.ts";

/** Tries double their distance from 5 s: the last is about 20 minutes after the first. */
const MAX_UNCONFIRMED = 8;

export type HandleTools = {
  readonly decide: DecideTools;
  readonly bindings: ActivateBindingTools;
  readonly log: Logger;
};

/** Rows of one transaction, as in collecting. */
const MAX_SET = 250;
/** Exchanges that one bell has on the wire. */
const BINDINGS_AT_ONCE = 8;

/** Gives stored deliveries their effect. */
export type DeliveryHandler = (ids: readonly DeliveryId[]) => Promise<void>;

/**
 * What answers the bells of one process. Each delivery has its effect exactly once: the row is marked in the
 * transaction that records the news. Deliveries of bells that come together share their transactions; rows that
 * another worker holds are left to it; a row that cannot be handled does not stop its neighbours.
 */
export function deliveryHandler(tools: HandleTools): DeliveryHandler {
  const settle = coalesce(MAX_SET, (ids: readonly DeliveryId[]) => settlePayments(tools, ids));
  const orFail = async <T>(id: DeliveryId, work: () => Promise<T>): Promise<T | null> => {
    try {
      return await work();
    } catch (error) {
      await noteFailure(tools, id, error);
      return null;
    }
  };
  return async (ids) => {
    const rest = await Promise.all(ids.map((id) => orFail(id, () => settle(id))));
    // They ask the gateway: a few at a time, and nobody else's payments wait for it.
    const bindings = rest.filter((delivery) => delivery !== null).values();
    const lane = async () => {
      for (const delivery of bindings) await orFail(delivery.id, () => handleBinding(tools, delivery));
    };
    await Promise.all(Array.from({ length: BINDINGS_AT_ONCE }, lane));
  };
}

/** Handles the payments among these; answers, in the order given, those that are about bindings, else null. */
async function settlePayments(tools: HandleTools, ids: readonly DeliveryId[]): Promise<(Delivery | null)[]> {
  const { deliveries, recorded } = await tools.decide.db.begin(async (tx) => {
    const locked = await lockDeliveries(tx, ids);
    const payments = locked.filter((delivery) => delivery.kind === "payment");
    if (payments.length === 0) return { deliveries: locked, recorded: [] };
    const done = await recordPayments(tx, tools, payments);
    await markDeliveries(tx, done.marks);
    failpoint("handling.before-commit");
    return { deliveries: locked, recorded: done.recorded };
  });
  failpoint("handling.after-commit");
  logVerdicts(tools, recorded);
  const bindings = new Map(
    deliveries.filter(({ kind }) => kind === "binding").map((delivery) => [delivery.id, delivery]),
  );
  return ids.map((id) => bindings.get(id) ?? null);
}

async function recordPayments(
  tx: Tx,
  tools: HandleTools,
  deliveries: readonly Delivery[],
): Promise<{ readonly marks: readonly DeliveryMark[]; readonly recorded: readonly Recorded[] }> {
  const now = await tools.decide.clock.now(tx);
  const references = deliveries.flatMap(({ reference }) => (reference === null ? [] : [reference]));
  const attempts = new Map(
    (await findAttemptsByReference(tx, references)).map((row) => [row.reference as string, row]),
  );
  const marks: DeliveryMark[] = [];
  const news: News[] = [];
  for (const delivery of deliveries) {
    const { id, reference, body, reusedId } = delivery;
    const notice = readPaymentNotice(body);
    const attempt = reference === null ? undefined : attempts.get(reference);
    if (notice.kind === "bad")
      marks.push({ id, state: "rejected", problem: `${notice.field}: ${notice.outcome}` });
    else if (attempt === undefined)
      marks.push({ id, state: "unmatched", problem: "no attempt has this reference" });
    else if (isFallback(delivery)) {
      await ringInquiries(tx, attempt, now);
      marks.push({
        id,
        state: "handled",
        problem: "not signed with our token: the gateway is asked instead",
      });
    } else {
      const raw = { httpStatus: null, body };
      const about = { source: "notification", requestId: null, leaseNo: null, realMsSinceSent: 0 } as const;
      news.push({ ...attempt, verdict: notice.verdict, raw, ...about });
      marks.push({ id, state: "handled" });
      // One id with two bodies: somebody is confused, or worse. The gateway itself is asked.
      if (reusedId) await ringInquiries(tx, attempt, now);
    }
  }
  // Refunds are locked before their invoices, as everywhere.
  const givenBack = news.filter((each) => each.verdict.kind === "refunded");
  if (givenBack.length > 0) await ringRefundsOf(tx, givenBack, now);
  return { marks, recorded: await recordVerdictsIn(tx, tools.decide, news, now) };
}

/** Binding notices lead to a call (the exchange), so that they are handled outside a transaction, and may run again. */
async function handleBinding(tools: HandleTools, delivery: Delivery): Promise<void> {
  const notice = readBindingNotice(tools.bindings.sealer.open(delivery.body, bodyContext(delivery.bodyHash)));
  const mark = (state: DeliveryMark["state"], problem?: string) =>
    tools.decide.db.begin((tx) =>
      markDeliveries(tx, [{ id: delivery.id, state, ...(problem === undefined ? {} : { problem }) }]),
    );
  if (notice.kind === "bad") return mark("rejected", `${notice.field}: ${notice.outcome}`);
  // A consent is proved by the gateway's own exchange; that there is none, by nothing but the notice.
  if (isFallback(delivery) && notice.status.toUpperCase() !== "SUCCESS")
    return mark("handled", "not signed with our token: not believed");
  const outcome = await handleBindingNotice(tools.bindings, notice);
  tools.log.info({ event: "binding.notified", status: notice.status, outcome: outcome.kind });
  if (outcome.kind === "handled") return mark("handled");
  if (outcome.kind === "unmatched") return mark("unmatched", "no binding of ours");
  // A success that the gateway's own exchange does not confirm is given up; whoever reads the binding asks again.
  if (delivery.tries >= MAX_UNCONFIRMED) return mark("rejected", "the exchange never confirmed it");
  return mark("received", "the exchange does not confirm it yet");
}

async function noteFailure(tools: HandleTools, id: DeliveryId, error: unknown): Promise<void> {
  tools.log.error({ event: "delivery.failed", deliveryId: id, err: error });
  await tools.decide.db.begin(async (tx) => {
    const rows = await lockDeliveries(tx, [id]);
    const problem = error instanceof Error ? error.message.slice(0, 300) : "unknown";
    // Our 200 is given and nobody will send it again: it stays, and is tried more and more rarely.
    await markDeliveries(
      tx,
      rows.map((row) => ({ id: row.id, state: row.state, problem })),
    );
  });
}
