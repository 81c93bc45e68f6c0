import { DateTime } from "luxon";
import type { Explanation } from "../dunning/explanation.ts";
import { nextTry } from "../dunning/next-try.ts";
import { say } from "../dunning/say.ts";
import { dateAt } from "../dunning/wall-clock.ts";
import type { Instant } from "../kernel/time.ts";
import { billAfter, type Dunned, dunningFactsOf } from "./dunned.ts";
import type { Facts } from "./facts.ts";
import type { Invoice } from "./invoice.ts";

/** An invoice that was planned anew, and why so. */
export type Planned = { readonly invoice: Invoice; readonly why: Explanation; readonly says: string };

/** The invoice after something was seen of its wallet: `change` says what, the policy says when it is next. Pure. */
export function planNext(
  { invoice, attempts }: Pick<Facts, "invoice" | "attempts">,
  dunned: Dunned,
  change: Partial<Invoice>,
  now: Instant,
): Planned {
  const fails = invoice.firstFailedAt === null && (change.firstFailedAt ?? null) !== null;
  const answered = {
    ...invoice,
    askedAt: null,
    notSentCount: 0,
    balanceFailures: 0,
    endReason: null,
    ...change,
    ...(fails ? { nextBillOn: billAfter(dunned.nextBillOn, dateAt(now, dunned.policy.zone)) } : {}),
  };
  // A reference that never left is part of the plan, and goes out when the plan says so.
  const facts = { ...dunningFactsOf({ invoice: answered, attempts }, dunned, now), inDoubt: false };
  const { at, waitingFor, why } = nextTry(dunned.policy, facts, dunned.holidays, now);
  return {
    invoice: {
      ...answered,
      nextActionAt: at,
      retryAt: at,
      plannedTryAt: plannedTryOf(why),
      waitingFor: waitingFor === "person" || waitingFor === "method" ? waitingFor : null,
    },
    why,
    says: say(why, "en"),
  };
}

/** When the explained plan next asks for money; null: it does not. */
export function plannedTryOf({ next }: Explanation): Instant | null {
  return next.try_at === null ? null : (DateTime.fromISO(next.try_at, { zone: "utc" }) as Instant);
}
