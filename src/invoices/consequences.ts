import type { Explanation } from "../dunning/explanation.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Attempt, PaymentRequestRow } from "./attempt.ts";
import type { NewsFacts } from "./facts.ts";
import type { Invoice } from "./invoice.ts";

/** A difference that a person must see. */
export type ExceptionNote = {
  readonly kind:
    | "surplus"
    | "late_success"
    | "amount_mismatch"
    | "payee_mismatch"
    | "contradiction"
    | "second_gateway_reference"
    | "paid_after_write_off"
    | "refunded_at_gateway"
    | "review"
    | "our_mistake";
  readonly says: string;
  readonly amount: Rupiah | null;
};

/** What a piece of news changes; everything that is not here stays as it was. */
export type Consequences = {
  readonly invoice: Invoice;
  readonly attempt: Attempt;
  /** What the subscription becomes, or null to leave it alone. `active` only if nothing else of it is in dunning. */
  readonly subscription: "past_due" | "active" | null;
  readonly exceptions: readonly ExceptionNote[];
  readonly decision: { readonly rule: string; readonly says: string; readonly why?: Explanation } | null;
  /** An order to stop everything: our keys or our contract are wrong. */
  readonly stop: { readonly reason: string; readonly until: "tomorrow" | "an_hour" } | null;
  /** All workers slow down for this long. */
  readonly slowDownMs: number;
};

/** Nothing changes. */
export function unchanged(facts: NewsFacts, attempt: Attempt): Consequences {
  return {
    invoice: facts.invoice,
    attempt,
    subscription: null,
    exceptions: [],
    decision: null,
    stop: null,
    slowDownMs: 0,
  };
}

/** Success stands; a person sees who says otherwise. */
export function contradicted(facts: NewsFacts, attempt: Attempt, what: string): Consequences {
  const says = `${attempt.reference} succeeded, and ${what}`;
  return {
    ...unchanged(facts, attempt),
    exceptions: [{ kind: "contradiction", says, amount: attempt.amount }],
  };
}

/** `attempt` with one of its requests changed. */
export function withRequest(
  attempt: Attempt,
  id: string | null,
  change: Partial<PaymentRequestRow>,
): Attempt {
  if (id === null) return attempt;
  const requests = attempt.requests.map((request) =>
    request.id === id ? { ...request, ...change } : request,
  );
  return { ...attempt, requests };
}

/** `facts` after `consequences`: the ground for the next piece of news about the same invoice. */
export function factsAfter<Known extends NewsFacts>(facts: Known, { invoice, attempt }: Consequences): Known {
  const attempts = facts.attempts.map((other) => (other.number === attempt.number ? attempt : other));
  return { ...facts, invoice, attempts };
}
