import type { DunningPolicy } from "../dunning/policy.ts";
import { PAY_PAGE_MINUTES } from "../gateway/gateway.ts";
import type { Instant } from "../kernel/time.ts";
import type { Attempt } from "./attempt.ts";

/** DOKU: "hit check status after 60 seconds"; earlier, "not found" proves nothing. */
export const FIRST_INQUIRY_AFTER_MS = 65_000;

/** "Not found" is believed after this many inquiries … */
export const NOT_FOUND_TIMES = 3;
/** … spread over this long. */
export const NOT_FOUND_SPREAD_MS = 60 * 60_000;

/** After a notice of failure, this long without one inquiry that answers brings in a person. */
const REFUSAL_NOTICE_PATIENCE_HOURS = 24;

/** The earliest moment at which asking about `attempt` makes sense, `now` included. */
export function firstInquiryAt(attempt: Pick<Attempt, "lastSentAt">, now: Instant): Instant {
  const ready = attempt.lastSentAt.plus(FIRST_INQUIRY_AFTER_MS);
  return ready > now ? ready : now;
}

/** When an order that was taken in is first asked about: a page, when it has run out. */
export function firstLookAt(policy: DunningPolicy, { kind, lastSentAt }: Attempt): Instant {
  if (kind === "recurring") return lastSentAt.plus(policy.inquiryLadderMs[0] ?? 0);
  return lastSentAt.plus({ minutes: PAY_PAGE_MINUTES }).plus(FIRST_INQUIRY_AFTER_MS);
}

/** When to look at `attempt` again after an inquiry that settled nothing: no later than the patience with it ends. */
export function lookAgainAt(
  policy: DunningPolicy,
  { inquiries, refusalNoticedAt }: Pick<Attempt, "inquiries" | "refusalNoticedAt">,
  now: Instant,
): Instant {
  const gap = policy.inquiryLadderMs[inquiries];
  const next = gap === undefined ? now.plus({ days: 1 }) : now.plus(gap);
  const patienceEnds = refusalNoticedAt?.plus({ hours: REFUSAL_NOTICE_PATIENCE_HOURS });
  return patienceEnds !== undefined && patienceEnds > now && patienceEnds < next ? patienceEnds : next;
}

/** Why an attempt in doubt now needs a person, or null while asking still makes sense. */
export function reviewReason(
  policy: DunningPolicy,
  attempt: Pick<Attempt, "inquiries" | "refusalNoticedAt" | "lastSentAt">,
  now: Instant,
): string | null {
  const noticed = attempt.refusalNoticedAt;
  if (noticed !== null && now >= noticed.plus({ hours: REFUSAL_NOTICE_PATIENCE_HOURS }))
    return "a failure was notified and no inquiry has answered for 24 hours";
  const spent = attempt.inquiries >= policy.inquiryLadderMs.length;
  if (spent && now >= workingDaysAfter(attempt.lastSentAt, policy.reviewAfterWorkingDays, policy.zone))
    return `still unclear ${policy.reviewAfterWorkingDays} working days after it was sent`;
  return null;
}

function workingDaysAfter(from: Instant, days: number, zone: string): Instant {
  let day = from.setZone(zone);
  for (let counted = 0; counted < days; ) {
    day = day.plus({ days: 1 });
    if (day.weekday <= 5) counted += 1;
  }
  return day.toUTC() as Instant;
}
