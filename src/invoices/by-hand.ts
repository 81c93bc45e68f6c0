import { ConflictError } from "../kernel/errors.ts";
import type { Instant } from "../kernel/time.ts";
import { type Attempt, mayHaveLeft } from "./attempt.ts";
import type { Consequences } from "./consequences.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { firstInquiryAt } from "./inquiry-ladder.ts";
import type { Invoice, InvoiceState, WaitingFor } from "./invoice.ts";
import { nextRung } from "./next-step.ts";

/** How a person ends collecting: nothing is owed; given up, may still be paid; the money came another way. */
export type Closing = "void" | "write_off" | "mark_paid";

/** What collecting goes back to when a closing is undone: the planned try, and whom it waited for. */
export type Resume = { readonly at: Instant | null; readonly waitingFor: WaitingFor | null };

/** What a closing or its undoing changes; an attempt may go on by itself. */
export type ByHand = Pick<Consequences, "subscription"> & { readonly invoice: Invoice };

const BECOMES = {
  void: "void",
  write_off: "uncollectible",
  mark_paid: "paid",
} as const satisfies Record<Closing, InvoiceState>;
const CLOSABLE: Readonly<Record<Closing, readonly InvoiceState[]>> = {
  void: ["open"],
  write_off: ["open"],
  mark_paid: ["open", "uncollectible"],
};

/**
 * Whether a person may close this invoice now. Answers the attempt that never left and has to give way first, or null
 * to go ahead; throws `ConflictError` in words. With `force` what is on its way is left to end by itself.
 */
export function whatStandsInTheWay(facts: Facts, closing: Closing, force: boolean): Attempt | null {
  const { state } = facts.invoice;
  if (!CLOSABLE[closing].includes(state)) throw new ConflictError(WHY_NOT[state]);
  const live = liveAttempt(facts);
  if (live === null || force) return null;
  if (live.state === "unsent" && !mayHaveLeft(live, null)) return live;
  throw new ConflictError(`attempt ${live.reference} is ${live.state}: wait until its fate is known`);
}

const WHY_NOT: Readonly<Record<InvoiceState, string>> = {
  open: "the invoice is open",
  paid: "the invoice is paid: give the money back, or reopen it if it was marked as paid by hand",
  void: "the invoice is void, and stays so: issue it again instead",
  uncollectible: "the invoice was written off: reopen it first",
};

/** The invoice after a closing that nothing stands in the way of, and what becomes of its subscription. */
export function closedByHand(facts: Facts, closing: Closing, reason: string, now: Instant): ByHand {
  const { invoice, subscription } = facts;
  const inArrears = subscription.state === "past_due" || subscription.state === "unpaid";
  // Giving a debt up settles nothing: a subscription that is unpaid comes back when the money does.
  const comesBack = closing === "write_off" ? subscription.state === "past_due" : inArrears;
  return {
    subscription: comesBack ? "active" : null,
    invoice: {
      ...invoice,
      state: BECOMES[closing],
      // From now on only for inquiries.
      nextActionAt: inquiriesOnly(facts, now),
      retryAt: null,
      askedAt: null,
      waitingFor: null,
      notSentCount: 0,
      endReason: closing === "mark_paid" ? null : reason,
    },
  };
}

function inquiriesOnly(facts: Facts, now: Instant): Instant | null {
  const live = liveAttempt(facts);
  if (live === null || live.state === "review") return nextRung(facts);
  return facts.invoice.nextActionAt ?? firstInquiryAt(live, now);
}

/** Throws `ConflictError` in words unless a closing of this invoice can be undone now. */
export function demandReopenable(facts: Facts, paidByHand: boolean): void {
  const { state } = facts.invoice;
  if (state === "open") throw new ConflictError("the invoice is open");
  if (state === "void") throw new ConflictError(WHY_NOT.void);
  if (state === "paid" && !paidByHand)
    throw new ConflictError("the invoice was not marked as paid by hand: its money goes back by a refund");
  const live = liveAttempt(facts);
  if (live !== null)
    throw new ConflictError(`attempt ${live.reference} is ${live.state}: wait until its fate is known`);
}

/** What paid it at the gateway stands for it: it stays, or becomes, paid, and is not collected again. */
export function leftPaid({ invoice, subscription }: Facts): ByHand {
  const inArrears = subscription.state === "past_due" || subscription.state === "unpaid";
  return {
    subscription: inArrears ? "active" : null,
    invoice: { ...invoice, state: "paid", endReason: null },
  };
}

/** The invoice as collecting goes on: not before the try that was planned, and a person's case stays a person's. */
export function reopened({ invoice, ...facts }: Facts, resume: Resume, now: Instant): ByHand {
  const retryAt = resume.at !== null && resume.at > now ? resume.at : now;
  const person = resume.waitingFor === "person";
  return {
    // What it waits for besides, its next step says; so it does whether the ladder is spent.
    subscription: invoice.firstFailedAt === null ? null : "past_due",
    invoice: {
      ...invoice,
      state: "open",
      nextActionAt: person ? nextRung(facts) : retryAt,
      retryAt: person ? null : retryAt,
      waitingFor: person ? "person" : null,
      endReason: null,
    },
  };
}
