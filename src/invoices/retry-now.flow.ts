import { ConflictError, NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import type { Actor } from "../platform/api-route.ts";
import type { DecideTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { loadFacts, lockInvoices } from "./facts.store.ts";
import { liveAttempt } from "./facts.ts";
import { askAgain, countAsked } from "./invoice.store.ts";

/** A person may ask this often per invoice; the ladder does not notice. */
const MAX_ASKED = 5;

/** Brings the next try of an open invoice forward to now. It still asks the balance first, inside the charge window. */
export async function retryNow(tools: DecideTools, id: InvoiceId, actor: Actor): Promise<void> {
  await tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const [invoice] = await lockInvoices(tx, [id]);
    const [facts] = await loadFacts(tx, invoice === undefined ? [] : [invoice], now);
    if (facts === undefined) throw new NotFoundError(`there is no invoice ${id}`);
    const live = liveAttempt(facts);
    if (live !== null)
      throw new ConflictError(`attempt ${live.reference} is ${live.state}: wait until its fate is known`);
    if (facts.invoice.state !== "open")
      throw new ConflictError(`the invoice is ${facts.invoice.state}, not open`);
    if (facts.binding === null)
      throw new ConflictError("the customer has no active wallet binding: bind one first");
    const halted = facts.subscription.state === "canceled" || facts.subscription.state === "paused";
    if (halted) throw new ConflictError(`the subscription is ${facts.subscription.state}`);
    if (facts.subscription.collectionHold) throw new ConflictError("collection is on hold: release it first");
    if ((await countAsked(tx, id)) >= MAX_ASKED)
      throw new ConflictError(`this invoice was retried by hand ${MAX_ASKED} times: leave it to its plan`);
    await askAgain(tx, id, now);
    await insertDecisions(
      tx,
      [
        {
          invoiceId: id,
          attemptNumber: null,
          rule: "retry_now",
          says: `${actor.name} asked for a try now`,
          facts: { actor: actor.name, role: actor.role },
          nextActionAt: now,
          policyVersion: tools.policy.version,
        },
      ],
      now,
    );
  });
}
