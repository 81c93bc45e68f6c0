import type { Explanation } from "../dunning/explanation.ts";
import type { DeclineClass } from "../gateway/gateway.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import { unreachable } from "../kernel/unreachable.ts";
import type { Consequences } from "./consequences.ts";
import type { Dunned } from "./dunned.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { firstInquiryAt } from "./inquiry-ladder.ts";
import type { Invoice } from "./invoice.ts";
import { keepingRung } from "./next-step.ts";
import { afterNotSent } from "./not-sent.ts";
import { planNext } from "./plan-next.ts";

/** What the questions before a charge (token, balance) found, when no charge follows from it. */
export type CheckOutcome =
  | { readonly kind: "short"; readonly available: Rupiah }
  /** It covers the amount, and a look may not charge now. */
  | { readonly kind: "enough"; readonly available: Rupiah }
  /** The gateway did not answer a read; `sent` tells whether it was reached. */
  | { readonly kind: "away"; readonly code: string; readonly sent: boolean }
  | { readonly kind: "wallet_refused"; readonly declineClass: DeclineClass; readonly code: string }
  /** The customer's consent is in doubt: the second exchange decides, five minutes later. */
  | { readonly kind: "suspended" }
  | { readonly kind: "revoked" }
  | { readonly kind: "our_mistake"; readonly code: string; readonly message: string }
  /** After the balance was read, something forbade the charge. */
  | { readonly kind: "overtaken"; readonly says: string };

/** What a check changes; no attempt is made for it. */
export type CheckConsequences = Pick<Consequences, "invoice" | "subscription" | "exceptions" | "stop"> & {
  readonly rule: string;
  readonly says: string;
  readonly why?: Explanation;
};

/** A suspended binding is confirmed by a second exchange no sooner than this. */
const SECOND_EXCHANGE_MINUTES = 5;
const OUR_MISTAKE_AGAIN = { hours: 1 };

/** What the check was made for: a look that finds nothing fails nothing. */
export type CheckPurpose = "try" | "probe";

/** The invoice after a check that led to no charge. Pure. */
export function afterCheck(
  facts: Facts,
  checked: { readonly outcome: CheckOutcome; readonly purpose: CheckPurpose },
  dunned: Dunned,
  now: Instant,
): CheckConsequences {
  const after = whatFollows(facts, checked, dunned, now);
  // Whatever the invoice waits for now, an attempt that is live keeps a time, and so does an inquiry that was asked for.
  const { nextActionAt: planned, waitingFor } = after.invoice;
  const looked = waitingFor === null && planned !== null ? planned : (lookAtLive(facts, now) ?? planned);
  const nextActionAt = keepingRung(looked, facts.attempts);
  return { ...after, invoice: { ...after.invoice, nextActionAt } };
}

function lookAtLive(facts: Facts, now: Instant): Instant | null {
  const live = liveAttempt(facts);
  if (live === null) return null;
  return live.state === "unsent" ? firstInquiryAt(live, now) : now.plus({ days: 1 });
}

function whatFollows(
  facts: Facts,
  { outcome, purpose }: { readonly outcome: CheckOutcome; readonly purpose: CheckPurpose },
  dunned: Dunned,
  now: Instant,
): CheckConsequences {
  const { invoice } = facts;
  // A look finds nothing that was not known: dunning began with a try.
  const failed = purpose === "probe" ? {} : firstFailure(invoice, now);
  switch (outcome.kind) {
    case "short":
    case "enough": {
      const { kind, available } = outcome;
      const seen = { kind: "balance", at: now, available } as const;
      const isShort = kind === "short";
      const change = isShort
        ? { ...failed, declineClass: "funds" as const, outcome: seen }
        : { outcome: seen };
      const { why, says, invoice: next } = planNext(facts, dunned, change, now);
      const fails = isShort && purpose === "try";
      return {
        ...nothing(next),
        subscription: fails ? "past_due" : null,
        rule: `balance.${kind}`,
        says,
        why,
      };
    }
    case "wallet_refused": {
      const { declineClass, code } = outcome;
      const change = { ...failed, declineClass, outcome: { kind: "declined", at: now, code } as const };
      const { why, says, invoice: next } = planNext(facts, dunned, change, now);
      return {
        ...nothing(next),
        subscription: "past_due",
        rule: "balance.refused",
        says: `not asked: the wallet answered ${code}; ${says}`,
        why,
      };
    }
    case "away":
      return outcome.sent
        ? balanceUnread(facts, { code: outcome.code, purpose }, dunned, now)
        : notSent(invoice, outcome.code, now);
    case "suspended": {
      const says = "the wallet may be unlinked: asked again in five minutes";
      return {
        ...again(invoice, now.plus({ minutes: SECOND_EXCHANGE_MINUTES })),
        rule: "binding.suspended",
        says,
      };
    }
    case "revoked":
      return { ...again(invoice, now), rule: "binding.revoked", says: "the customer unlinked the wallet" };
    case "our_mistake": {
      const says = `${outcome.code} ${outcome.message}: our keys or our contract`.slice(0, 300);
      return {
        ...again(invoice, now.plus(OUR_MISTAKE_AGAIN)),
        exceptions: [{ kind: "our_mistake", says, amount: null }],
        stop: { reason: says.slice(0, 200), until: "an_hour" },
        rule: "check.our_mistake",
        says,
      };
    }
    case "overtaken":
      return { ...again(invoice, now), rule: "charge.overtaken", says: outcome.says };
    default:
      return unreachable(outcome);
  }
}

function firstFailure(invoice: Invoice, now: Instant): Partial<Invoice> {
  return { firstFailedAt: invoice.firstFailedAt ?? now, dunningStep: invoice.dunningStep + 1 };
}

function balanceUnread(
  facts: Facts,
  { code, purpose }: { readonly code: string; readonly purpose: CheckPurpose },
  dunned: Dunned,
  now: Instant,
): CheckConsequences {
  const failures = facts.invoice.balanceFailures + 1;
  const outcome = { kind: "unread", at: now, code, failures, during: purpose } as const;
  const { why, says, invoice } = planNext(facts, dunned, { balanceFailures: failures, outcome }, now);
  return {
    ...nothing(invoice),
    rule: "balance.unread",
    says: `the balance could not be read (${code}): ${says}`,
    why,
  };
}

function notSent(invoice: Invoice, code: string, now: Instant): CheckConsequences {
  const notSentCount = invoice.notSentCount + 1;
  const retryAt = afterNotSent(notSentCount, now);
  return {
    ...again({ ...invoice, notSentCount }, retryAt),
    rule: "not_sent",
    says: `${code}: nothing left us`,
  };
}

function again(invoice: Invoice, at: Instant): Omit<CheckConsequences, "rule" | "says"> {
  return nothing({ ...invoice, nextActionAt: at, retryAt: at });
}

function nothing(invoice: Invoice): Omit<CheckConsequences, "rule" | "says"> {
  return { invoice, subscription: null, exceptions: [], stop: null };
}
