import { type DunningPolicy, type Hours, WEEKDAYS } from "./policy.ts";

/** The code of the policy that is there without anybody having stored one. */
export const DEFAULT_POLICY_CODE = "ovo-default";

/** First tries: when people are awake, and before the day's shopping. */
const SPREAD: Hours = { from: "09:00", to: "11:00" };

/**
 * The built-in policy, version 1: zone, window and inquiry ladder come from the configuration. A stored policy wins
 * over it. Eight requests in three weeks, as the published schedules do; docs/dunning.md says why each number.
 */
export function defaultPolicy(settings: {
  readonly zone: string;
  readonly window: Hours | null;
  readonly inquiryLadderMs: readonly number[];
}): DunningPolicy {
  return {
    code: DEFAULT_POLICY_CODE,
    version: 1,
    zone: settings.zone,
    window: settings.window === null ? null : { days: WEEKDAYS, ...settings.window },
    spread: within(settings.window, SPREAD),
    balanceCheck: { beforeCharge: "required", onError: "wait_then_charge", waitMinutes: 15 },
    probes: { at: ["09:30", "18:30"], chargeWhenEnough: true },
    limits: { requestsPerBill: 8, requestsPerCustomerPerDay: 2 },
    ladders: { funds: [1, 3, 5, 7, 10, 14, 20], limit: [1, 3, "first_of_next_month"], risk: [3] },
    moneyDays: { days: [25, 26, 27, 28, "last", 1, 2], withinDays: 2, onHoliday: "next_working_day" },
    end: { afterDays: 21, notAfter: null, action: "unpaid" },
    grace: { fullDays: 3, limitedUntil: 14 },
    overlap: { whenNextBillOpens: "together", pay: "as_many_whole_bills_as_balance_allows" },
    manual: { retryNowPerCycle: 5 },
    inquiryLadderMs: settings.inquiryLadderMs,
    reviewAfterWorkingDays: 3,
    holdClock: "stops",
  };
}

/** The part of `hours` in which a payment may leave; null: none of it. */
function within(window: Hours | null, hours: Hours): Hours | null {
  // Who charges at any hour charges when it is due.
  if (window === null) return null;
  const [, from = hours.from] = [window.from, hours.from].sort();
  const [to = hours.to] = [window.to, hours.to].sort();
  return from < to ? { from, to } : null;
}
