import { AppError } from "../kernel/errors.ts";
import { HOUSE_ACTOR } from "../subscriptions/subscription-change.ts";
import { cancelSubscription } from "./cancel-subscription.flow.ts";
import type { DecideTools } from "./collect-tools.ts";
import { pauseSubscription } from "./interrupt-subscription.flow.ts";
import { leaveToCustomer } from "./invoice.store.ts";
import type { Ended } from "./take-leases.flow.ts";

/**
 * Cancels or pauses the subscriptions of invoices whose ladder is over. Each is a transaction of its own, and may run
 * again: an invoice that is left due by a crash comes back, and finds its subscription as it should be.
 */
export async function endCollecting(tools: DecideTools, ended: readonly Ended[]): Promise<void> {
  for (const { invoiceId, subscriptionReference: reference, action, says } of ended) {
    const order = {
      reference,
      reason: says.slice(0, 200),
      actor: { name: HOUSE_ACTOR, role: "operator" },
    } as const;
    try {
      if (action === "cancel") await cancelSubscription(tools, { ...order, at: "now", voidOpen: false });
      else await pauseSubscription(tools, { ...order, resumesOn: null, passOver: true });
    } catch (error) {
      // Another worker, or a person, was first; or it cannot be done as things stand, and then it is the customer's turn.
      if (!(error instanceof AppError)) throw error;
      await tools.db.begin((tx) => leaveToCustomer(tx, invoiceId));
      tools.log.info({ event: "dunning.end_overtaken", invoiceId, says: error.message });
    }
  }
}
