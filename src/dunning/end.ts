import type { Instant, LocalDate } from "../kernel/time.ts";
import { plusDays } from "../subscriptions/local-date.ts";
import type { DunningPolicy, EndAction } from "./policy.ts";
import { dateAt } from "./wall-clock.ts";
import { closingOn, openingOn } from "./window.ts";

export type End = {
  readonly on: LocalDate;
  /** The moment from which nothing more is tried, and `action` is due. */
  readonly at: Instant;
  readonly because: "days_spent" | "next_bill";
  readonly action: EndAction;
};

/**
 * When collecting by the ladder is over: some days after the first failure, and where the policy says so, no later
 * than the day before the subscription bills again. An end on the day of the failure itself leaves that day to pay in.
 */
export function endOf(
  policy: Pick<DunningPolicy, "end" | "window" | "zone">,
  firstFailedAt: Instant,
  nextBillOn: LocalDate | null,
): End {
  const failedOn = dateAt(firstFailedAt, policy.zone);
  const spentOn = plusDays(failedOn, policy.end.afterDays);
  const eve =
    policy.end.notAfter === null || nextBillOn === null ? null : later(plusDays(nextBillOn, -1), failedOn);
  const early = eve !== null && eve < spentOn;
  const on = early ? eve : spentOn;
  return {
    on,
    at: on > failedOn ? openingOn(policy, on) : laterOf(closingOn(policy, on), firstFailedAt),
    because: early ? "next_bill" : "days_spent",
    action: policy.end.action,
  };
}

function later(one: LocalDate, other: LocalDate): LocalDate {
  return one > other ? one : other;
}

function laterOf(one: Instant, other: Instant): Instant {
  return one > other ? one : other;
}
