import { ConflictError, NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { formatRupiah } from "../kernel/money.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Tx } from "../platform/database.ts";
import { takeCredit } from "../subscriptions/credit.store.ts";
import { creditUsedBy, findStandingPayment } from "./by-hand.store.ts";
import { lockForPerson } from "./close-by-hand.flow.ts";
import type { DecideTools } from "./collect-tools.ts";
import { insertDecisions } from "./decision.store.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { invoiceId } from "./reference.ts";
import { findReissuable, insertReissue } from "./reissue.store.ts";

/**
 * Bills what a void invoice billed once more, as another invoice with the same lines: the only way back from void.
 * Answers the new invoice's id. Throws `ConflictError` in words where that would charge something twice.
 */
export async function reissueInvoice(
  { db, clock, policy }: DecideTools,
  id: InvoiceId,
  reason: string,
  actor: Actor,
): Promise<InvoiceId> {
  return db.begin(async (tx) => {
    const now = await clock.now(tx);
    const facts = await lockForPerson(tx, id, now);
    demandVoid(facts);
    await demandUnpaid(tx, id);
    const found = await findReissuable(tx, id);
    if (found === null) throw new NotFoundError(`there is no invoice ${id}`);
    if (found.reissuedAs !== null)
      throw new ConflictError(`it was issued again already, as ${found.reissuedAs}`);
    if (found.billedBy !== null)
      throw new ConflictError(`invoice ${found.billedBy} bills ${found.periodStart} to ${found.periodEnd}`);
    const { subscriptionId } = facts.invoice;
    const credit = await takeCredit(tx, subscriptionId, await creditUsedBy(tx, id));
    const { issueNumber } = found;
    const again = invoiceId(subscriptionId, found.kind, found.periodIndex, issueNumber);
    await insertReissue(tx, { of: id, id: again, issueNumber, credit }, now);
    const by = { actor: actor.name, role: actor.role };
    const decision = { attemptNumber: null, rule: "reissue", policyVersion: policy.version };
    await insertDecisions(
      tx,
      [
        {
          ...decision,
          invoiceId: id,
          says: `${actor.name} issued it again as ${again}: ${reason}`,
          facts: { ...by, reissued_as: again },
          nextActionAt: facts.invoice.nextActionAt,
        },
        {
          ...decision,
          invoiceId: again,
          says: `${actor.name} issued it in place of ${id}, which is void${creditSays(credit)}: ${reason}`,
          facts: { ...by, reissue_of: id, credit },
          nextActionAt: now,
        },
      ],
      now,
    );
    return again;
  });
}

function creditSays(credit: number): string {
  return credit === 0 ? "" : `, using ${formatRupiah(credit)} of credit`;
}

function demandVoid(facts: Facts): void {
  const { state } = facts.invoice;
  if (state !== "void") throw new ConflictError(`the invoice is ${state}: only a void one is issued again`);
  const live = liveAttempt(facts);
  if (live !== null)
    throw new ConflictError(`attempt ${live.reference} is ${live.state}: wait until its fate is known`);
}

/** Money that came for the void invoice has to go back before its period is charged again. */
async function demandUnpaid(tx: Tx, id: InvoiceId): Promise<void> {
  const paid = await findStandingPayment(tx, id);
  if (paid === null) return;
  const remedy = paid.refundOnItsWay === null ? "give that money back first" : "its refund is on its way";
  throw new ConflictError(`${paid.reference} paid it after all: ${remedy}`);
}
