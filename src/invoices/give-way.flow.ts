import { ConflictError, NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import type { Attempt } from "./attempt.ts";
import type { CollectTools } from "./collect-tools.ts";
import { lockInvoices } from "./facts.store.ts";
import { firstInquiryAt } from "./inquiry-ladder.ts";
import { saveInvoices } from "./invoice.store.ts";
import type { News } from "./news.ts";
import { recordVerdictsIn } from "./record-verdicts.flow.ts";
import { findRealAges } from "./request.store.ts";

/**
 * Asks the gateway once, under the invoice's lease, whether an attempt that we believe never left is unknown there;
 * only then its reference is given up. The caller looks again: any answer may have come. One call, for which the
 * caller holds a permit. Throws `ConflictError` while it is too early to ask.
 */
export async function giveWay(tools: CollectTools, id: InvoiceId, attempt: Attempt): Promise<void> {
  const { number: attemptNumber, reference, gatewayReference, amount } = attempt;
  const leaseNo = await tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const ready = firstInquiryAt(attempt, now);
    if (ready > now)
      throw new ConflictError(
        `attempt ${reference} did not leave, which can be confirmed from ${ready.toISO()} on: ask again then`,
      );
    const [invoice] = await lockInvoices(tx, [id]);
    if (invoice === undefined) throw new NotFoundError(`there is no invoice ${id}`);
    await saveInvoices(tx, [{ invoice, lease: { kind: "take", leaseMs: tools.leaseMs } }], now);
    return invoice.leaseNo + 1;
  });
  const paymentExternalId = attempt.requests.at(-1)?.externalId ?? null;
  const { verdict, raw } = await tools.gateway.inquire({
    reference,
    paymentExternalId,
    gatewayReference,
    amount,
  });
  await tools.db.begin(async (tx) => {
    const [realMsSinceSent = 0] = await findRealAges(tx, [{ invoiceId: id, attemptNumber }]);
    const about = { invoiceId: id, attemptNumber, reference, requestId: null, leaseNo, realMsSinceSent };
    const news: News = { ...about, source: "inquiry", verdict, raw };
    await recordVerdictsIn(tx, tools, [news], await tools.clock.now(tx));
  });
}
