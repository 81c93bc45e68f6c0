import type { Instant } from "../kernel/time.ts";
import type { Candidate, Question } from "./candidates.ts";
import type { DunningFacts } from "./dunning-facts.ts";
import type { Explanation, Moment, Outcome, Reason, Rejected } from "./explanation.ts";
import type { EndAction } from "./policy.ts";
import { momentText } from "./wall-clock.ts";

/**
 * What comes next. `at` ≤ now: it is due. `try`: read the balance if `askBalance`, then charge; `probe`: read the
 * balance, and charge as by a try when it suffices and the policy says so; `end`: do `endAction`; `wait`: nothing is
 * sent, until `at` or, where that is null, until somebody or an inquiry changes something.
 */
export type Decision = {
  readonly kind: "try" | "probe" | "end" | "wait";
  readonly at: Instant | null;
  readonly waitingFor: "inquiry" | "method" | "person" | "older_bill" | null;
  readonly askBalance: boolean;
  readonly endAction: EndAction | null;
  readonly why: Explanation;
};

export type Chosen = {
  readonly kind: Decision["kind"];
  readonly at: Instant | null;
  readonly reason: Reason;
  readonly rejected: readonly Rejected[];
  readonly askBalance?: boolean;
  readonly plan?: { readonly first: Candidate | null; readonly probeAt: Instant | null };
};

/** What was chosen, with all that explains it. */
export function decision(question: Question, chosen: Chosen): Decision {
  const { policy, facts, now, end } = question;
  const { kind, at, reason, plan } = chosen;
  return {
    kind,
    at,
    waitingFor: null,
    askBalance: chosen.askBalance ?? false,
    endAction: kind === "end" ? policy.end.action : null,
    why: {
      kind,
      rule: `dunning.${reason.code}`,
      policy: { code: policy.code, version: policy.version },
      zone: policy.zone,
      decided_at: momentText(now),
      amount: facts.amount,
      outcome: outcomeOf(facts),
      requests: {
        of_bill: facts.requests.ofBill,
        of_bill_today: facts.requests.ofBillToday,
        of_customer_today: facts.requests.ofCustomerToday,
      },
      reason,
      next: {
        at: momentOrNull(at),
        try_at: momentOrNull(plan?.first?.at ?? null),
        try_because: plan?.first?.reason ?? null,
        probe_at: momentOrNull(plan?.probeAt ?? null),
        end_at: momentOrNull(end?.at ?? null),
      },
      rejected: chosen.rejected,
    },
  };
}

function outcomeOf({ seen, declineClass }: DunningFacts): Outcome {
  if (seen === null) return { kind: "nothing" };
  switch (seen.kind) {
    case "declined":
      return { kind: "declined", class: declineClass ?? "unclassified", code: seen.code };
    case "balance":
      return { kind: "balance", available: seen.available };
    case "unread":
      return { kind: "unread", code: seen.code };
  }
}

function momentOrNull(at: Instant | null): Moment | null {
  return at === null ? null : momentText(at);
}
