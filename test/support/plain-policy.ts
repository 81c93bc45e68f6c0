import { defaultPolicy } from "../../src/dunning/default-policy.ts";
import type { DunningPolicy, Hours } from "../../src/dunning/policy.ts";
import { WEEKDAYS } from "../../src/dunning/policy.ts";

/** A policy that only tries: no looks between, no money days, no spread, and it ends by its days alone. */
export function plainPolicy(settings: Parameters<typeof defaultPolicy>[0]): DunningPolicy {
  return {
    ...defaultPolicy(settings),
    spread: null,
    probes: { at: [], chargeWhenEnough: true },
    moneyDays: { days: [], withinDays: 0, onHoliday: "none" },
    end: { afterDays: 21, notAfter: null, action: "unpaid" },
    overlap: { whenNextBillOpens: "separate", pay: "as_many_whole_bills_as_balance_allows" },
  };
}

/** The window of every day. */
export function everyDay(hours: Hours): NonNullable<DunningPolicy["window"]> {
  return { ...hours, days: WEEKDAYS };
}
