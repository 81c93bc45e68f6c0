import type { DeclineClass } from "../gateway/gateway.ts";
import { formatRupiah, type Rupiah } from "../kernel/money.ts";
import type { Instant } from "../kernel/time.ts";
import { unreachable } from "../kernel/unreachable.ts";
import { planRetry } from "./apply-decline.ts";
import type { Consequences } from "./consequences.ts";
import { afterNotSent, type DunningPolicy } from "./dunning.ts";
import { type Facts, liveAttempt } from "./facts.ts";
import { firstInquiryAt } from "./inquiry-ladder.ts";
import type { Invoice } from "./invoice.ts";
import { keepingRung } from "./next-step.ts";

/** What the questions before a charge (token, balance) found, when no charge follows from it. */
export type CheckOutcome =
  | { readonly kind: "short"; readonly available: Rupiah }
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
};

/** A balance that could not be read is read again after this long; the second time the charge is tried blind. */
const BALANCE_AGAIN_MINUTES = 15;
export const MAX_BALANCE_FAILURES = 1;
/** A suspended binding is confirmed by a second exchange no sooner than this. */
const SECOND_EXCHANGE_MINUTES = 5;
const OUR_MISTAKE_AGAIN = { hours: 1 };

/** The invoice after a check that led to no charge. Pure. */
export function afterCheck(
  facts: Facts,
  outcome: CheckOutcome,
  policy: DunningPolicy,
  now: Instant,
): CheckConsequences {
  const after = whatFollows(facts, outcome, policy, now);
  // Whatever the invoice waits for now, an attempt that is live keeps a time, and so does an inquiry that was asked for.
  const nextActionAt = keepingRung(after.invoice.nextActionAt ?? lookAtLive(facts, now), facts.attempts);
  return { ...after, invoice: { ...after.invoice, nextActionAt } };
}

function lookAtLive(facts: Facts, now: Instant): Instant | null {
  const live = liveAttempt(facts);
  if (live === null) return null;
  return live.state === "unsent" ? firstInquiryAt(live, now) : now.plus({ days: 1 });
}

function whatFollows(
  facts: Facts,
  outcome: CheckOutcome,
  policy: DunningPolicy,
  now: Instant,
): CheckConsequences {
  const { invoice } = facts;
  switch (outcome.kind) {
    case "short": {
      const { available } = outcome;
      const plan = planRetry(facts, policy, "funds", now, true);
      const says = `not asked: balance ${formatRupiah(available)} of ${formatRupiah(invoice.amount)}; ${plan.says}`;
      return { ...nothing(plan.invoice), subscription: plan.subscription, rule: "balance.short", says };
    }
    case "wallet_refused": {
      const plan = planRetry(facts, policy, outcome.declineClass, now, true);
      const says = `not asked: the wallet answered ${outcome.code}; ${plan.says}`;
      return { ...nothing(plan.invoice), subscription: plan.subscription, rule: "balance.refused", says };
    }
    case "away":
      return outcome.sent ? balanceUnread(invoice, outcome.code, now) : notSent(invoice, outcome.code, now);
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

function balanceUnread(invoice: Invoice, code: string, now: Instant): CheckConsequences {
  const retryAt = now.plus({ minutes: BALANCE_AGAIN_MINUTES });
  const counted = { ...invoice, balanceFailures: invoice.balanceFailures + 1 };
  const says = `the balance could not be read (${code}): again in ${BALANCE_AGAIN_MINUTES} minutes, then charged without it`;
  return { ...again(counted, retryAt), rule: "balance.unread", says };
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
