import type { DeclineClass } from "../gateway/gateway.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { localDateAt } from "../kernel/time.ts";
import { type ChargeWindow, nextOpening, openingOn } from "./charge-window.ts";
import type { WaitingFor } from "./invoice.ts";

/** How an unpaid invoice is pursued. Version 1 is built in; its window and inquiry ladder come from the configuration. */
export type DunningPolicy = {
  readonly version: number;
  readonly zone: string;
  readonly window: ChargeWindow;
  /** Gaps between inquiries about an attempt in doubt, ms; then daily until `reviewAfterWorkingDays`. */
  readonly inquiryLadderMs: readonly number[];
  readonly reviewAfterWorkingDays: number;
  /** Days after the first failure on which the charge is tried again; `month` is the 1st of the next month. */
  readonly ladders: Readonly<Record<"funds" | "limit" | "risk", readonly (number | "month")[]>>;
  readonly endAfterDays: number;
};

/** Days come from the published schedules: eight tries in three weeks, the first after a day. */
export function builtInPolicy(settings: {
  readonly zone: string;
  readonly window: ChargeWindow;
  readonly inquiryLadderMs: readonly number[];
}): DunningPolicy {
  return {
    version: 1,
    ...settings,
    reviewAfterWorkingDays: 3,
    ladders: { funds: [1, 3, 5, 7, 10, 14, 20], limit: [1, 3, "month"], risk: [3] },
    endAfterDays: 21,
  };
}

/** A request that could not leave is tried again after these minutes, the last one for ever. */
const NOT_SENT_MINUTES = [1, 2, 5, 15, 30] as const;

/** When to try again after the `count`-th time in a row (≥ 1) that nothing could leave. */
export function afterNotSent(count: number, now: Instant): Instant {
  const minutes = NOT_SENT_MINUTES[Math.min(count, NOT_SENT_MINUTES.length) - 1] ?? 30;
  return now.plus({ minutes });
}

/** After a cut-off refusal: late enough for the gateway's own maintenance to be over. */
const CUT_OFF_HOURS = 2;

export type DunningStep =
  | { readonly kind: "retry"; readonly at: Instant }
  | { readonly kind: "wait"; readonly waitingFor: WaitingFor };

/**
 * What follows a decline of `declineClass` `now`. Ladder days count from the first failure and pass by date,
 * whether or not a request was sent on them.
 */
export function afterDecline(
  policy: DunningPolicy,
  declineClass: DeclineClass,
  firstFailedAt: Instant,
  now: Instant,
): DunningStep {
  switch (declineClass) {
    case "funds":
    case "limit":
    case "risk":
      return nextLadderDay(policy, declineClass, firstFailedAt, now);
    case "unclassified":
      return nextLadderDay(policy, "risk", firstFailedAt, now);
    case "window":
      return {
        kind: "retry",
        at: nextOpening(policy.window, policy.zone, now.plus({ hours: CUT_OFF_HOURS })),
      };
    case "binding":
      return { kind: "wait", waitingFor: "method" };
    case "account":
    case "config":
      return { kind: "wait", waitingFor: "person" };
  }
}

/** The day on which collecting by the ladder is over; the invoice then waits for the customer. */
export function endsOn(policy: DunningPolicy, firstFailedAt: Instant): LocalDate {
  return firstFailedAt.setZone(policy.zone).plus({ days: policy.endAfterDays }).toISODate() as LocalDate;
}

function nextLadderDay(
  policy: DunningPolicy,
  ladder: "funds" | "limit" | "risk",
  firstFailedAt: Instant,
  now: Instant,
): DunningStep {
  const today = localDateAt(now, policy.zone);
  const first = firstFailedAt.setZone(policy.zone);
  const dates = policy.ladders[ladder]
    .map((day) => (day === "month" ? first.plus({ months: 1 }).startOf("month") : first.plus({ days: day })))
    .map((day) => day.toISODate() as LocalDate)
    .sort();
  const next = dates.find((date) => date > today);
  if (next !== undefined) return { kind: "retry", at: openingOn(next, policy.window, policy.zone) };
  if (ladder === "risk") return { kind: "wait", waitingFor: "person" };
  const end = endsOn(policy, firstFailedAt);
  if (end <= today) return { kind: "wait", waitingFor: "customer" };
  return { kind: "retry", at: openingOn(end, policy.window, policy.zone) };
}
