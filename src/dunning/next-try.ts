import { InvariantError } from "../kernel/errors.ts";
import type { Instant, LocalDate } from "../kernel/time.ts";
import { plusDays } from "../subscriptions/local-date.ts";
import { isBillBudgetSpent, whyNotToday } from "./budget.ts";
import { candidates, type Question, stepsAfter } from "./candidates.ts";
import { type Decision, decision } from "./decision.ts";
import type { DunningFacts } from "./dunning-facts.ts";
import { type End, endOf } from "./end.ts";
import type { Reason, Rejected } from "./explanation.ts";
import { olderBillFirst } from "./overlap.ts";
import { type DunningPolicy, ladderClassOf } from "./policy.ts";
import { nextProbe } from "./probe.ts";
import { dateAt, momentOn } from "./wall-clock.ts";
import { openDayFrom, openingOn } from "./window.ts";

/** The next step of an open invoice that nothing else (stop, hold, cancel) forbids. The same facts, the same step. */
export function nextTry(
  policy: DunningPolicy,
  facts: DunningFacts,
  holidays: ReadonlySet<LocalDate>,
  now: Instant,
): Decision {
  const { firstFailedAt, nextBillOn } = facts;
  const end = firstFailedAt === null ? null : endOf(policy, firstFailedAt, nextBillOn);
  const since = facts.seen?.at ?? null;
  const question = { policy, facts, holidays, now, today: dateAt(now, policy.zone), since, end };
  return whyWait(question) ?? nextOfPlan(question);
}

/** After the older bill's own try; where it has none, tomorrow. */
function lookedAtAgain({ policy, now, today }: Question, olderTryAt: Instant | null): Instant {
  if (olderTryAt === null) return openingOn(policy, openDayFrom(policy, plusDays(today, 1)));
  return olderTryAt > now ? olderTryAt : now.plus({ minutes: OLDER_BILL_MINUTES });
}

/** The earliest of try, probe and end. */
function nextOfPlan(question: Question): Decision {
  const { policy, facts, end } = question;
  if (isBillBudgetSpent(policy, facts.requests)) return withoutTries(question, budgetSpent(question));
  const { tries, rejected } = candidates(question);
  const [first = null, ...later] = [...tries].sort((one, other) => one.at.toMillis() - other.at.toMillis());
  const passedOver = later.map(({ at }) => rejectedTry(at, policy, "later_than_chosen"));
  const all = [...rejected, ...passedOver];
  const probe = nextLook(question, all);
  if (probe !== null && (end === null || probe.at < end.at) && (first === null || probe.at < first.at))
    return decision(question, {
      kind: "probe",
      at: probe.at,
      reason: { code: "probe", facts: { time: probe.time } },
      rejected: all,
      plan: { first, probeAt: probe.at },
    });
  if (first === null) return withoutTries(question, all);
  const skipped: Rejected[] =
    probe === null ? [] : [{ what: "probe", on: dateAt(probe.at, policy.zone), why: "after_the_try" }];
  return decision(question, {
    kind: "try",
    at: first.at,
    askBalance: !first.unseen && mustAskBalance(question),
    reason: first.reason,
    rejected: [...all, ...skipped],
    plan: { first, probeAt: probe?.at ?? null },
  });
}

/** A second request to a wallet on one day is only sent for a balance that was read again, whatever the policy. */
function mustAskBalance({ policy, facts }: Question): boolean {
  return policy.balanceCheck.beforeCharge === "required" || facts.requests.ofCustomerToday > 0;
}

/** The next look at the balance, if looks make sense: only money is waited for, and only while it may be asked for. */
function nextLook(
  { policy, facts, since, now, today }: Question,
  rejected: Rejected[],
): { readonly at: Instant; readonly time: string } | null {
  if (facts.firstFailedAt === null || facts.declineClass !== "funds") return null;
  const look = nextProbe(policy, since ?? facts.firstFailedAt);
  if (look === null) return null;
  const at = look.at > now ? look.at : now;
  const why = whyNotToday(policy, facts.requests);
  if (why === null || dateAt(at, policy.zone) !== today) return { at, time: look.time };
  rejected.push({ what: "probe", on: today, why });
  // One millisecond before midnight, for a look is strictly later.
  return nextProbe(policy, momentOn(today, "24:00", policy.zone).minus(1));
}

/** No try is left: a risk is a person's to judge, everything else waits for its end. */
function withoutTries(question: Question, rejected: readonly Rejected[]): Decision {
  const { facts, end } = question;
  const { declineClass } = facts;
  const ladder = declineClass === null ? null : ladderClassOf(declineClass);
  if (end !== null && ladder !== "risk") return ending(question, rejected);
  const reason: Reason = { code: "needs_person", facts: { class: declineClass ?? "unclassified" } };
  return wait(question, "person", null, reason, rejected);
}

function budgetSpent(question: Question): Rejected[] {
  const { firstFailedAt, declineClass } = question.facts;
  const ladder = declineClass === null ? null : ladderClassOf(declineClass);
  if (firstFailedAt === null || ladder === null) return [];
  const steps = stepsAfter(question, ladder, firstFailedAt, question.since ?? firstFailedAt);
  return steps.map(({ date }) => ({ what: "try", on: date, why: "bill_budget_spent" }));
}

function rejectedTry(at: Instant, { zone }: DunningPolicy, why: Rejected["why"]): Rejected {
  return { what: "try", on: dateAt(at, zone), why };
}

function ending(question: Question, rejected: readonly Rejected[]): Decision {
  const { end } = question;
  if (end === null) throw new InvariantError("what never failed does not end", { facts: question.facts });
  return decision(question, { kind: "end", at: end.at, reason: reasonOf(end), rejected });
}

function reasonOf({ on, because, action }: End): Reason {
  return { code: "end", facts: { ends_on: on, because, action } };
}

function wait(
  question: Question,
  waitingFor: Decision["waitingFor"],
  at: Instant | null,
  reason: Reason,
  rejected: readonly Rejected[] = [],
): Decision {
  return { ...decision(question, { kind: "wait", at, reason, rejected }), waitingFor };
}

/** An older bill that is due itself is over with this soon. */
const OLDER_BILL_MINUTES = 15;

/** What forbids planning at all, or null. */
function whyWait(question: Question): Decision | null {
  const { policy, facts, now, end } = question;
  const { declineClass } = facts;
  if (facts.inDoubt) return wait(question, "inquiry", null, { code: "doubt", facts: {} });
  if (declineClass === "account" || declineClass === "config")
    return wait(question, "person", null, { code: "needs_person", facts: { class: declineClass } });
  if (end !== null && end.at <= now) return ending(question, []);
  // The wallet may be linked again at any time: until then only the end has one.
  if (declineClass === "binding")
    return wait(question, "method", end?.at ?? null, { code: "needs_method", facts: { class: "binding" } });
  const older = olderBillFirst(policy, facts, facts.others);
  if (older === null) return null;
  const later = lookedAtAgain(question, older.tryAt);
  const until = end !== null && end.at < later ? end.at : later;
  return wait(question, "older_bill", until, {
    code: "older_bill_first",
    facts: { invoice: older.invoiceId },
  });
}
