import type { Verdict } from "../gateway/gateway.ts";
import { formatRupiah, type Rupiah } from "../kernel/money.ts";
import { type Attempt, isLive } from "./attempt.ts";
import type { Circumstances } from "./circumstances.ts";
import { type Consequences, type ExceptionNote, unchanged } from "./consequences.ts";
import { firstInquiryAt } from "./inquiry-ladder.ts";
import { nextRung } from "./next-step.ts";

type Paid = Extract<Verdict, { kind: "paid" }>;

/** Money moved. Wins over everything that was believed before, if amount and payee are ours. */
export function applyPaid(circumstances: Circumstances, verdict: Paid): Consequences {
  const { attempt } = circumstances;
  const mismatch = whatDiffers(circumstances, verdict);
  if (mismatch !== null) return keepFromPaying(circumstances, mismatch);
  if (attempt.state === "succeeded") return alreadyPaid(circumstances, verdict);
  const succeeded: Attempt = {
    ...attempt,
    state: "succeeded",
    code: verdict.code,
    message: null,
    declineClass: null,
    reviewReason: null,
    gatewayReference: verdict.gatewayReference ?? attempt.gatewayReference,
    closedAt: circumstances.now,
  };
  const late: readonly ExceptionNote[] =
    attempt.state === "failed"
      ? [note("late_success", `${attempt.reference} was refused before, and now paid`, attempt.amount)]
      : [];
  const after = settleInvoice(circumstances, succeeded);
  return { ...after, exceptions: [...late, ...after.exceptions], attempt: succeeded };
}

/** Was paid and then given back: the money came, and a person must see that it went, unless we asked for all of it. */
export function applyRefunded(
  circumstances: Circumstances,
  verdict: Extract<Verdict, { kind: "refunded" }>,
): Consequences {
  const paid = applyPaid(circumstances, { ...verdict, kind: "paid", payee: null, mismatch: null });
  const { reference, refundAsked, amount } = circumstances.attempt;
  if (refundAsked >= amount) return paid;
  const says = `the gateway says that ${reference} was refunded`;
  return { ...paid, exceptions: [...paid.exceptions, note("refunded_at_gateway", says, verdict.amount)] };
}

function settleInvoice({ facts, now }: Circumstances, succeeded: Attempt): Consequences {
  const leave = unchanged(facts, succeeded);
  const { invoice } = facts;
  const others = facts.attempts.filter((other) => other.number !== succeeded.number);
  // An attempt that is still live may take money too: it keeps being asked about until it is settled.
  const live = others.find(isLive);
  const rung = nextRung({ attempts: [...others, succeeded] });
  const nextActionAt = live === undefined ? rung : (invoice.nextActionAt ?? firstInquiryAt(live, now));
  const paid = {
    ...invoice,
    state: "paid" as const,
    nextActionAt,
    retryAt: null,
    askedAt: null,
    waitingFor: null,
    notSentCount: 0,
    endReason: null,
  };
  // Nobody else moves it away from past due or unpaid, so that the usual case costs nothing.
  const inArrears = facts.subscription.state === "past_due" || facts.subscription.state === "unpaid";
  const settled = inArrears ? ("active" as const) : null;
  switch (invoice.state) {
    case "open":
      return {
        ...leave,
        invoice: paid,
        subscription: settled,
        decision: { rule: "verdict.paid", says: `paid: ${formatRupiah(succeeded.amount)}` },
      };
    case "uncollectible":
      return {
        ...leave,
        invoice: paid,
        subscription: settled,
        exceptions: [note("paid_after_write_off", "paid after it was written off", succeeded.amount)],
        decision: { rule: "verdict.paid", says: "paid after it was written off" },
      };
    case "paid":
    case "void":
      return {
        ...leave,
        invoice: { ...invoice, nextActionAt },
        exceptions: [
          note(
            "surplus",
            `${succeeded.reference} paid an invoice that is ${invoice.state}: give it back`,
            succeeded.amount,
          ),
        ],
        decision: {
          rule: "verdict.surplus",
          says: `money beyond what was owed: the invoice is ${invoice.state}`,
        },
      };
  }
}

function alreadyPaid({ facts, attempt }: Circumstances, verdict: Paid): Consequences {
  const leave = unchanged(facts, attempt);
  const other = verdict.gatewayReference;
  if (other === null) return leave;
  if (attempt.gatewayReference === null)
    return { ...leave, attempt: { ...attempt, gatewayReference: other } };
  if (other === attempt.gatewayReference) return leave;
  const says = `${attempt.reference} succeeded as ${attempt.gatewayReference} and again as ${other}: paid twice?`;
  return { ...leave, exceptions: [note("second_gateway_reference", says, attempt.amount)] };
}

type Mismatch = { readonly kind: "amount_mismatch" | "payee_mismatch"; readonly says: string };

function whatDiffers({ facts, attempt }: Circumstances, verdict: Paid): Mismatch | null {
  const { amount, payee, mismatch } = verdict;
  if (amount !== null && amount !== attempt.amount) {
    const says = `${attempt.reference}: ordered ${formatRupiah(attempt.amount)}, reported ${formatRupiah(amount)}`;
    return { kind: "amount_mismatch", says };
  }
  if (mismatch !== null) return { kind: "amount_mismatch", says: `${attempt.reference}: ${mismatch}` };
  if (payee !== null && payee !== facts.customerReference)
    return { kind: "payee_mismatch", says: `${attempt.reference}: reported for another customer` };
  return null;
}

/** A success that is not about what we ordered pays nothing: ask the gateway, and call a person. */
function keepFromPaying({ facts, attempt, news, now }: Circumstances, mismatch: Mismatch): Consequences {
  const amount = "amount" in news.verdict ? news.verdict.amount : null;
  const leave = { ...unchanged(facts, attempt), exceptions: [note(mismatch.kind, mismatch.says, amount)] };
  if (attempt.state === "succeeded") return leave;
  if (news.source !== "inquiry") {
    const inquireAt = firstInquiryAt(attempt, now);
    const { nextActionAt } = facts.invoice;
    const sooner = nextActionAt !== null && nextActionAt < inquireAt ? nextActionAt : inquireAt;
    return {
      ...leave,
      attempt: { ...attempt, inquireAt },
      invoice: { ...facts.invoice, nextActionAt: sooner },
    };
  }
  if (!isLive(attempt)) return leave;
  return {
    ...leave,
    attempt: { ...attempt, state: "review", reviewReason: mismatch.says },
    invoice: {
      ...facts.invoice,
      nextActionAt: null,
      waitingFor: facts.invoice.state === "open" ? "person" : null,
    },
    decision: { rule: "review.mismatch", says: mismatch.says },
  };
}

function note(kind: ExceptionNote["kind"], says: string, amount: Rupiah | null): ExceptionNote {
  return { kind, says, amount };
}
