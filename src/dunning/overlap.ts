import type { InvoiceId } from "../kernel/ids.ts";
import type { Rupiah } from "../kernel/money.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { isBillBudgetSpent, type OverBudget, type Requests, whyNotToday } from "./budget.ts";
import type { DunningPolicy } from "./policy.ts";

/** An open invoice that is being collected, beside others of the same wallet. */
export type OtherBill = {
  readonly invoiceId: InvoiceId;
  readonly billsOn: LocalDate;
  /** When it is tried next; null: it waits for something that has no time. */
  readonly tryAt: Instant | null;
};

type Dated = Pick<OtherBill, "invoiceId" | "billsOn">;

/** The order in which one wallet is asked: oldest bill first, the id breaks a tie. Bills are never merged. */
function byAge(one: Dated, other: Dated): number {
  if (one.billsOn !== other.billsOn) return one.billsOn < other.billsOn ? -1 : 1;
  return one.invoiceId < other.invoiceId ? -1 : one.invoiceId > other.invoiceId ? 1 : 0;
}

/** The bill that must be paid or given up before `bill` is asked for; null: none, or the policy pays what fits. */
export function olderBillFirst(
  { overlap }: Pick<DunningPolicy, "overlap">,
  bill: Dated,
  others: readonly OtherBill[],
): OtherBill | null {
  if (overlap.pay !== "oldest_only") return null;
  return others.filter((other) => byAge(other, bill) < 0).sort(byAge)[0] ?? null;
}

/** The first try of another bill after `after`, which this one joins where the wallet's bills are planned together. */
export function sharedTry(
  { overlap }: Pick<DunningPolicy, "overlap">,
  others: readonly OtherBill[],
  after: Instant,
): { readonly invoiceId: InvoiceId; readonly at: Instant } | null {
  if (overlap.whenNextBillOpens === "separate") return null;
  let first: { readonly invoiceId: InvoiceId; readonly at: Instant } | null = null;
  for (const { invoiceId, tryAt } of others)
    if (tryAt !== null && tryAt > after && (first === null || tryAt < first.at))
      first = { invoiceId, at: tryAt };
  return first;
}

type DueBill = Dated & {
  readonly amount: Rupiah;
  readonly requests: Pick<Requests, "ofBill" | "ofBillToday">;
};

/** What becomes today of one of a wallet's bills. */
export type Turn =
  /** `readAgain`: the wallet was or will be asked before, so only after the balance was read anew. */
  | { readonly kind: "ask"; readonly invoiceId: InvoiceId; readonly readAgain: boolean }
  | {
      readonly kind: "not_today";
      readonly invoiceId: InvoiceId;
      readonly why: OverBudget | "bill_budget_spent" | "balance_short" | "older_bill_first";
    };

/**
 * Which of a wallet's due bills may be asked for today with `available` in it: whole bills, oldest first, as many as
 * the balance and the customer's budget allow. Each later one still needs its own look before it is sent.
 */
export function turnsToday(
  policy: Pick<DunningPolicy, "limits" | "overlap">,
  bills: readonly DueBill[],
  wallet: { readonly available: Rupiah; readonly requestsToday: number },
): Turn[] {
  let left: number = wallet.available;
  let asked = wallet.requestsToday;
  let blocked = false;
  return [...bills].sort(byAge).map(({ invoiceId, amount, requests }): Turn => {
    const no = isBillBudgetSpent(policy, { ...requests, ofCustomerToday: asked })
      ? "bill_budget_spent"
      : (whyNotToday(policy, { ...requests, ofCustomerToday: asked }) ??
        (amount > left ? "balance_short" : blocked ? "older_bill_first" : null));
    if (no !== null) {
      blocked ||= policy.overlap.pay === "oldest_only";
      return { kind: "not_today", invoiceId, why: no };
    }
    const turn: Turn = { kind: "ask", invoiceId, readAgain: asked > 0 };
    left -= amount;
    asked += 1;
    return turn;
  });
}
