import { InvariantError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { formatRupiah, type Rupiah } from "../kernel/money.ts";
import { type Instant, localDateAt } from "../kernel/time.ts";
import { plusDays } from "../subscriptions/local-date.ts";
import { type Bill, type BillingFacts, billOf } from "../subscriptions/next-bill.ts";
import type { Opening, PassedOver } from "../subscriptions/opening.ts";
import type { Schedule, Subscription } from "../subscriptions/subscription.ts";
import { HOUSE_ACTOR, type NewSubscriptionChange } from "../subscriptions/subscription-change.ts";
import { wakeAt } from "../subscriptions/wake-at.ts";
import type { NewDecision } from "./decision.store.ts";
import type { NewInvoice } from "./new-invoice.store.ts";
import { invoiceId } from "./reference.ts";
import { catchUpPolicyOf, type Turn } from "./turns.ts";

/** What besides the turns themselves decides what is written. */
export type BillingRules = {
  readonly now: Instant;
  /** Start of the charge window, `HH:MM`; null: always open. */
  readonly windowFrom: string | null;
  readonly policyVersion: number;
};

/** A turn with what its bills depend on. */
export type TurnToBill = Turn & {
  readonly facts: BillingFacts;
  /** How many invoices of that period were voided: the next one needs a name of its own. */
  readonly voidedOf: (index: number) => number;
};

/** What a person must see about an opening; the fields are a stored exception's. */
export type OpeningException = {
  readonly kind: "below_minimum" | "catch_up_held" | "left_over";
  readonly subject: string;
  readonly invoiceId?: InvoiceId;
  readonly amount?: Rupiah;
  readonly says: string;
  readonly facts?: Readonly<Record<string, unknown>>;
  readonly at: Instant;
};

/** All rows that turns leave behind. */
export type BilledTurns = {
  readonly invoices: NewInvoice[];
  readonly schedules: Schedule[];
  readonly changes: NewSubscriptionChange[];
  readonly decisions: NewDecision[];
  readonly exceptions: OpeningException[];
};

/** Makes rows of turns: each invoice sees the credit and the rest that the one before it left. */
export function billTurns(turns: readonly TurnToBill[], rules: BillingRules): BilledTurns {
  const written: BilledTurns = { invoices: [], schedules: [], changes: [], decisions: [], exceptions: [] };
  for (const turn of turns) {
    let stands = turn.subscription;
    for (const opening of turn.openings) {
      const before = stands;
      stands = opening.kind === "cancels" ? canceled(stands, rules) : after(stands, opening, rules);
      if (opening.kind === "opens") stands = writeInvoice(written, turn, { stands, opening }, rules);
      writeEvents(written, { before, stands, opening }, rules);
    }
    written.schedules.push(scheduleOf(stands));
  }
  return written;
}

/** Where billing of a subscription stands, as it is stored. */
export function scheduleOf(subscription: Subscription): Schedule {
  const { id, state, nextIndex, nextInvoiceAt, lastOpenedOn, credit, rollover, terms } = subscription;
  const { endedAt, endReason } = subscription;
  const stands = { id, state, nextIndex, nextInvoiceAt, lastOpenedOn, credit, rollover };
  return { ...stands, countedFrom: terms.countedFrom ?? null, endedAt, endReason };
}

function after(stands: Subscription, opening: Opening, { now, windowFrom }: BillingRules): Subscription {
  switch (opening.kind) {
    case "opens":
      return { ...stands, ...opening.next, state: stands.state === "trialing" ? "active" : stands.state };
    case "waits":
      return { ...stands, ...opening.next };
    case "holds": {
      // Looked at again every day, so that a choice that was missed is found.
      const tomorrow = plusDays(localDateAt(now, stands.zone), 1);
      return { ...stands, nextInvoiceAt: wakeAt(tomorrow, stands.zone, windowFrom) };
    }
    case "over":
      return over(stands, now);
  }
}

/** Nothing is left to bill. With an invoice in dunning it is completed when that is paid. */
function over(stands: Subscription, now: Instant): Subscription {
  const ended = { ...stands, nextInvoiceAt: null };
  if (stands.state === "past_due") return ended;
  return { ...ended, state: "completed", endedAt: now, endReason: "its last period is over" };
}

function canceled(stands: Subscription, { now }: BillingRules): Subscription {
  return {
    ...stands,
    state: "canceled",
    nextInvoiceAt: null,
    endedAt: now,
    endReason: "canceled at the end of the period",
  };
}

type Opens = Extract<Opening, { readonly kind: "opens" }>;

function writeInvoice(
  written: BilledTurns,
  { facts, voidedOf }: TurnToBill,
  { stands, opening }: { readonly stands: Subscription; readonly opening: Opens },
  { now, policyVersion }: BillingRules,
): Subscription {
  const { index } = opening.period;
  const bill = billOf(stands, index, facts);
  if (bill === null) throw new InvariantError("a period that opens has a bill", { id: stands.id, index });
  const invoice = newInvoice(stands, bill, voidedOf(index), now);
  written.invoices.push(invoice);
  const { amount, needsPerson } = bill.billed;
  if (amount === 0) written.decisions.push({ ...nothingToCharge(invoice), policyVersion });
  if (needsPerson) {
    const says = `${stands.reference}: ${formatRupiah(amount)} is left to pay, less than the least we charge (${formatRupiah(facts.minCharge)}), and no later invoice takes it`;
    written.decisions.push({ ...belowMinimum(invoice, says), policyVersion });
    const remedy = "mark it as paid when the money came another way, or write it off";
    const about = {
      kind: "below_minimum" as const,
      subject: invoice.id,
      invoiceId: invoice.id,
      amount,
      at: now,
    };
    written.exceptions.push({ ...about, says: `${says}: ${remedy}` });
  }
  return { ...stands, ...bill.billed.carried };
}

function newInvoice(
  { id, customerId }: Subscription,
  { period, price, billed }: Bill,
  issueNumber: number,
  now: Instant,
): NewInvoice {
  return {
    id: invoiceId(id, "period", period.index, issueNumber),
    kind: "period",
    subscriptionId: id,
    customerId,
    planVersionId: price.planVersionId,
    periodIndex: period.index,
    issueNumber,
    periodStart: period.start,
    periodEnd: period.end,
    billsOn: period.billsOn,
    amount: billed.amount,
    lines: billed.lines,
    nextActionAt: now,
    waitingFor: billed.needsPerson ? "person" : null,
  };
}

function nothingToCharge({ id, lines }: NewInvoice): Omit<NewDecision, "policyVersion"> {
  const sum = lines.map(({ kind, amount }) => `${kind} ${formatRupiah(amount)}`).join(", ");
  const says = `nothing is left to charge (${sum}): paid without an attempt`;
  return { ...ofOpening(id, says), rule: "opening.nothing_to_charge" };
}

function belowMinimum({ id }: NewInvoice, says: string): Omit<NewDecision, "policyVersion"> {
  return { ...ofOpening(id, `${says}: a person decides`), rule: "opening.below_minimum" };
}

function ofOpening(id: NewInvoice["id"], says: string) {
  return { invoiceId: id, attemptNumber: null, says, facts: {}, nextActionAt: null };
}

type Step = {
  readonly before: Subscription;
  readonly stands: Subscription;
  readonly opening: Turn["openings"][number];
};

/** What people must be able to read later: time that nobody is billed for, ends, and what is left over by then. */
function writeEvents(written: BilledTurns, { before, stands, opening }: Step, { now }: BillingRules): void {
  const by = { subscriptionId: stands.id, at: now, actor: HOUSE_ACTOR };
  const policy = catchUpPolicyOf(before);
  if (opening.kind === "opens" || opening.kind === "over")
    written.changes.push(...opening.passedOver.map((each) => ({ ...by, ...passedOver(each, policy) })));
  const { countedFrom } = stands.terms;
  if (opening.kind === "opens" && countedFrom !== undefined && countedFrom !== before.terms.countedFrom) {
    const reason = `catch-up policy ${policy}`;
    written.changes.push({ ...by, kind: "anchor_moved", reason, details: { ...countedFrom } });
  }
  if (opening.kind === "cancels")
    written.changes.push({
      ...by,
      kind: "canceled",
      reason: stands.endReason,
      details: { next_index: stands.nextIndex },
    });
  if (opening.kind === "holds") written.exceptions.push(held(stands, now));
  if ((opening.kind === "cancels" || opening.kind === "over") && stands.credit + stands.rollover > 0)
    written.exceptions.push(leftOver(stands, now));
}

function passedOver({ from, to, says }: PassedOver, policy: string) {
  return {
    kind: "passed_over",
    reason: `${says}: never billed, by the catch-up policy ${policy}`,
    details: { from, to, policy },
  } as const;
}

function held({ id, reference, nextIndex }: Subscription, at: Instant): OpeningException {
  const says = `${reference}: late periods are held until somebody chooses how they are caught up with; see \`subscription catch-up\`, then choose with \`subscription choose-catch-up ${reference}\``;
  return { kind: "catch_up_held", subject: `${id}/${nextIndex}`, says, at };
}

/** What an ended subscription leaves to a person: credit of the customer's, and what was too small to charge. */
export function leftOver({ id, reference, credit, rollover }: Subscription, at: Instant): OpeningException {
  const owed = credit > 0 ? `${formatRupiah(credit)} of credit is owed to the customer` : "";
  const due = rollover > 0 ? `${formatRupiah(rollover)} was carried over and never charged` : "";
  const says = `${reference} has ended: ${[owed, due].filter((each) => each !== "").join(", and ")}. Settle it by hand`;
  return { kind: "left_over", subject: id, says, facts: { credit, rollover }, at };
}
