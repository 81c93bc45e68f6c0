import type { Instant, LocalDate } from "../kernel/time.ts";
import { plusDays } from "../subscriptions/local-date.ts";
import { whyNotToday } from "./budget.ts";
import { type LadderDay, ladderDays } from "./decline-ladder.ts";
import type { DunningFacts } from "./dunning-facts.ts";
import type { End } from "./end.ts";
import type { Move, Reason, Rejected } from "./explanation.ts";
import { sharedTry } from "./overlap.ts";
import { type DunningPolicy, type LadderClass, ladderClassOf } from "./policy.ts";
import { firstTryAt } from "./spread.ts";
import { dateAt } from "./wall-clock.ts";
import { nextOpening, openDayFrom, openingOn } from "./window.ts";

/** A try that may come next; `unseen`: the balance could not be read and is not asked for again. */
export type Candidate = { readonly at: Instant; readonly reason: Reason; readonly unseen: boolean };

/** What the thinking about one invoice shares. */
export type Question = {
  readonly policy: DunningPolicy;
  readonly facts: DunningFacts;
  readonly holidays: ReadonlySet<LocalDate>;
  readonly now: Instant;
  readonly today: LocalDate;
  /** Steps planned up to this moment are done with. Null: nothing was done yet. */
  readonly since: Instant | null;
  readonly end: End | null;
};

/** After a cut-off refusal: late enough for the gateway's own maintenance to be over. */
const CUT_OFF_HOURS = 2;

/** Every try that may come next, each at the first moment that window and budgets leave it, and those that fell away. */
export function candidates(question: Question): {
  readonly tries: readonly Candidate[];
  readonly rejected: readonly Rejected[];
} {
  const tries: Candidate[] = [];
  const rejected: Rejected[] = [];
  for (const thought of [...ofOutcome(question), ...ofPlan(question, rejected)]) {
    const fitted = placed(question, thought);
    if (question.end !== null && fitted.at >= question.end.at)
      rejected.push({ what: "try", on: dateAt(fitted.at, question.policy.zone), why: "after_the_end" });
    else tries.push(fitted);
  }
  return { tries, rejected };
}

/** Tries that the newest outcome itself asks for. */
function ofOutcome({ policy, facts }: Question): Candidate[] {
  const { seen, declineClass, amount, requests } = facts;
  if (seen === null) return [];
  if (seen.kind === "declined" && declineClass === "window")
    return [candidate(seen.at.plus({ hours: CUT_OFF_HOURS }), { code: "cut_off", facts: {} })];
  if (seen.kind === "balance" && seen.available >= amount && policy.probes.chargeWhenEnough)
    return [
      candidate(seen.at, {
        code: "balance_enough",
        facts: { available: seen.available, amount, moves: [] },
      }),
    ];
  if (seen.kind !== "unread" || seen.during === "probe") return [];
  const { onError, waitMinutes } = policy.balanceCheck;
  // A second request on a day is sent only for a balance that was seen.
  if (onError === "wait" || requests.ofCustomerToday > 0) return [];
  const unseen = onError === "charge" || seen.failures > 1;
  const reason: Reason = { code: "balance_unread", facts: { failures: seen.failures, unseen } };
  return [candidate(unseen ? seen.at : seen.at.plus({ minutes: waitMinutes }), reason, unseen)];
}

/** Tries that the policy plans. */
function ofPlan(question: Question, rejected: Rejected[]): Candidate[] {
  const { policy, facts, since } = question;
  if (facts.firstFailedAt === null || facts.declineClass === null) return firstTry(question);
  const ladder = ladderClassOf(facts.declineClass);
  if (ladder === null) return [];
  const after = since ?? facts.firstFailedAt;
  const [step, ...later] = stepsAfter(question, ladder, facts.firstFailedAt, after);
  for (const { date } of later) rejected.push({ what: "try", on: date, why: "later_than_chosen" });
  const shared = ladder === "funds" ? sharedTry(policy, facts.others, after) : null;
  return [
    ...(step === undefined ? [] : [ofStep(question, ladder, step)]),
    ...(shared === null
      ? []
      : [candidate(shared.at, { code: "with_other_bill", facts: { invoice: shared.invoiceId, moves: [] } })]),
  ];
}

/** The steps of the ladder that begin after `after`: those before it are done with, whether or not anything was sent. */
export function stepsAfter(
  { policy, holidays }: Pick<Question, "policy" | "holidays">,
  ladder: LadderClass,
  firstFailedAt: Instant,
  after: Instant,
): LadderDay[] {
  const days = ladderDays(policy, ladder, dateAt(firstFailedAt, policy.zone), holidays);
  return days.filter(({ date }) => openingOn(policy, date) > after);
}

function ofStep({ policy }: Question, ladder: LadderClass, day: LadderDay): Candidate {
  const { step, plannedOn, date, payday, moves } = day;
  const facts = { class: ladder, step, planned_on: plannedOn, payday, moves };
  return candidate(openingOn(policy, date), { code: "ladder", facts });
}

/** Until something fails there is always a first try: on the bill day, or the day after what came to nothing. */
function firstTry({ policy, facts, since }: Question): Candidate[] {
  if (facts.declineClass === "window" && facts.seen?.kind === "declined") return [];
  let on = facts.billsOn;
  let at = facts.firstTryAt ?? firstTryAt(policy, facts.invoiceId, on);
  if (since !== null && at <= since) {
    on = plusDays(dateAt(since, policy.zone), 1);
    at = firstTryAt(policy, facts.invoiceId, on);
  }
  const day = openDayFrom(policy, on);
  const moves: Move[] = day === on ? [] : [{ to: day, because: "window" }];
  return [candidate(at, { code: "first_try", facts: { planned_on: on, moves } })];
}

/** The candidate at the first moment from now on that the window allows and today's budgets do not forbid. */
function placed({ policy, facts, now, today }: Question, planned: Candidate): Candidate {
  const wanted = planned.at > now ? planned.at : now;
  let at = nextOpening(policy, wanted);
  const moves: Move[] = [];
  if (dateAt(at, policy.zone) === today) {
    const no = whyNotToday(policy, facts.requests);
    if (no === null) return at === planned.at ? planned : { ...planned, at };
    at = openingOn(policy, openDayFrom(policy, plusDays(today, 1)));
    moves.push({
      to: dateAt(at, policy.zone),
      because: no === "asked_today" ? "asked_today" : "customer_budget",
    });
  } else if (dateAt(wanted, policy.zone) !== dateAt(at, policy.zone))
    moves.push({ to: dateAt(at, policy.zone), because: "window" });
  return { ...planned, at, reason: moved(planned.reason, moves) };
}

function moved(reason: Reason, moves: readonly Move[]): Reason {
  if (moves.length === 0 || !("moves" in reason.facts)) return reason;
  return { ...reason, facts: { ...reason.facts, moves: [...reason.facts.moves, ...moves] } } as Reason;
}

function candidate(at: Instant, reason: Reason, unseen = false): Candidate {
  return { at, reason, unseen };
}
