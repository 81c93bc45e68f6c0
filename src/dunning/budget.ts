import type { DunningPolicy } from "./policy.ts";

/** Requests that were sent by plan; what a person asked for is counted apart. */
export type Requests = {
  readonly ofBill: number;
  /** Of this invoice on the local day, also one that was refused at a cut-off. */
  readonly ofBillToday: number;
  /** Of all the wallet's invoices on the local day. */
  readonly ofCustomerToday: number;
};

/** A second request on a day meets the same wallet: no policy may ask for it. */
const REQUESTS_PER_BILL_PER_DAY = 1;

export type OverBudget = "asked_today" | "customer_budget_spent";

/** Whether any request by plan is left for the invoice; one that was refused at a cut-off is not counted. */
export function isBillBudgetSpent({ limits }: Pick<DunningPolicy, "limits">, { ofBill }: Requests): boolean {
  return ofBill >= limits.requestsPerBill;
}

/** Why the invoice may not be asked again today, or null when it may. Tomorrow the answer is null. */
export function whyNotToday(
  { limits }: Pick<DunningPolicy, "limits">,
  { ofBillToday, ofCustomerToday }: Requests,
): OverBudget | null {
  if (ofBillToday >= REQUESTS_PER_BILL_PER_DAY) return "asked_today";
  return ofCustomerToday >= limits.requestsPerCustomerPerDay ? "customer_budget_spent" : null;
}

/** Whether a person may have an invoice tried now, after `used` times in this cycle. The ladder is not touched by it. */
export function mayRetryNow({ manual }: Pick<DunningPolicy, "manual">, used: number): boolean {
  return used < manual.retryNowPerCycle;
}
