import { DateTime } from "luxon";
import type { DunningFacts } from "../../src/dunning/dunning-facts.ts";
import type { DunningPolicy } from "../../src/dunning/policy.ts";

// What the rules of docs/dunning.md say, worked out the slow way: every day is walked through, and asked what it is.

type Expected = { readonly kind: string; readonly at: string | null; readonly why: string };
type Happening = { readonly at: DateTime; readonly kind: "try" | "probe"; readonly why: string };

/** Looks come every day: later ones than these are never the next. */
const LOOK_DAYS = 4;

/** The next step after a failure that is not in doubt, as `kind at why`; times in the policy's zone. */
export function expectedNext(
  policy: DunningPolicy,
  facts: DunningFacts,
  holidays: ReadonlySet<string>,
  nowUtc: DateTime,
): Expected {
  const now = nowUtc.setZone(policy.zone);
  const first = facts.firstFailedAt?.setZone(policy.zone);
  if (facts.inDoubt) return { kind: "wait", at: null, why: "inquiry" };
  if (["account", "config"].includes(facts.declineClass ?? ""))
    return { kind: "wait", at: null, why: "person" };
  if (first === undefined) throw new Error("the oracle knows only what has failed");
  const end = endOf(policy, first, facts.nextBillOn);
  if (end <= now) return { kind: "end", at: text(end), why: "end" };
  if (facts.declineClass === "binding") return { kind: "wait", at: text(end), why: "method" };
  const spent = facts.requests.ofBill >= policy.limits.requestsPerBill;
  const [next] = spent ? [] : happenings(policy, facts, holidays, now, first).filter(({ at }) => at < end);
  if (next !== undefined) return { kind: next.kind, at: text(next.at), why: next.why };
  return ["risk", "unclassified"].includes(facts.declineClass ?? "")
    ? { kind: "wait", at: null, why: "person" }
    : { kind: "end", at: text(end), why: "end" };
}

function happenings(
  policy: DunningPolicy,
  facts: DunningFacts,
  holidays: ReadonlySet<string>,
  now: DateTime,
  first: DateTime,
): Happening[] {
  const { seen, declineClass, amount } = facts;
  const after = (seen?.at ?? first).setZone(policy.zone);
  const found: Happening[] = [];
  if (declineClass === "window" && seen?.kind === "declined")
    found.push({ at: after.plus({ hours: 2 }), kind: "try", why: "cut_off" });
  if (seen?.kind === "balance" && seen.available >= amount)
    found.push({ at: after, kind: "try", why: "balance_enough" });
  for (const day of tryDates(policy, declineClass ?? "", holidays, first))
    found.push({ at: onClock(day, opens(policy), policy.zone), kind: "try", why: "ladder" });
  if (declineClass === "funds")
    for (let day = after.startOf("day"); day < now.plus({ days: LOOK_DAYS }); day = day.plus({ days: 1 }))
      for (const time of policy.probes.at)
        found.push({ at: onClock(date(day), time, policy.zone), kind: "probe", why: "probe" });
  const outcomes = ["cut_off", "balance_enough"];
  return found
    .filter(({ at, why }) => at > after || outcomes.includes(why))
    .flatMap((one) => realised(policy, facts, now, one))
    .sort((a, b) => a.at.toMillis() - b.at.toMillis() || (a.kind === b.kind ? 0 : a.kind === "try" ? -1 : 1));
}

/** When it can really be: a look is free of the window, a try waits for window and budget; neither without budget today. */
function realised(policy: DunningPolicy, facts: DunningFacts, now: DateTime, one: Happening): Happening[] {
  const { ofBillToday, ofCustomerToday } = facts.requests;
  const full = ofBillToday > 0 || ofCustomerToday >= policy.limits.requestsPerCustomerPerDay;
  const earliest = DateTime.max(one.at, now);
  const isToday = (at: DateTime) => date(at) === date(now);
  if (one.kind === "probe") return full && isToday(earliest) ? [] : [{ ...one, at: earliest }];
  const allowed = (at: DateTime) => !(full && isToday(at)) && isOpen(policy, at);
  if (allowed(earliest)) return [{ ...one, at: earliest }];
  for (let ahead = 0; ahead < 20; ahead += 1) {
    const at = onClock(date(earliest.plus({ days: ahead })), opens(policy), policy.zone);
    if (at >= earliest && allowed(at)) return [{ ...one, at }];
  }
  throw new Error("no opening in twenty days");
}

function isOpen({ window }: DunningPolicy, at: DateTime): boolean {
  if (window === null) return true;
  const clock = at.toFormat("HH:mm");
  return opensOn(window.days, at) && clock >= window.from && clock < window.to;
}

function opensOn(days: readonly string[], at: DateTime): boolean {
  return days.includes(at.setLocale("en").toFormat("ccc").toLowerCase());
}

function tryDates(
  policy: DunningPolicy,
  name: string,
  holidays: ReadonlySet<string>,
  first: DateTime,
): string[] {
  const ladder = name === "unclassified" ? "risk" : name;
  if (ladder !== "funds" && ladder !== "limit" && ladder !== "risk") return [];
  return policy.ladders[ladder].map((step) => {
    let day =
      step === "first_of_next_month"
        ? first.plus({ months: 1 }).startOf("month")
        : first.plus({ days: step });
    const { days, withinDays, onHoliday } = policy.moneyDays;
    const isMoney = (one: DateTime) =>
      days.some((each) => (each === "last" ? one.day === one.endOf("month").day : one.day === each));
    const near = Array.from({ length: withinDays + 1 }, (_, ahead) => day.plus({ days: ahead })).find(
      isMoney,
    );
    if (ladder === "funds" && near !== undefined) {
      day = near;
      while (onHoliday === "next_working_day" && (day.weekday > 5 || holidays.has(date(day))))
        day = day.plus({ days: 1 });
    }
    while (policy.window !== null && !opensOn(policy.window.days, day)) day = day.plus({ days: 1 });
    return date(day);
  });
}

function endOf(policy: DunningPolicy, first: DateTime, nextBillOn: string | null): DateTime {
  const spent = first.startOf("day").plus({ days: policy.end.afterDays });
  const eve =
    policy.end.notAfter === null || nextBillOn === null
      ? spent
      : DateTime.fromISO(nextBillOn, { zone: policy.zone }).minus({ days: 1 });
  const day = DateTime.max(DateTime.min(spent, eve), first.startOf("day"));
  if (date(day) > date(first)) return onClock(date(day), opens(policy), policy.zone);
  const closes =
    policy.window === null ? day.plus({ days: 1 }) : onClock(date(day), policy.window.to, policy.zone);
  return DateTime.max(closes, first);
}

function opens({ window }: DunningPolicy): string {
  return window?.from ?? "09:00";
}

function onClock(day: string, time: string, zone: string): DateTime {
  return DateTime.fromISO(`${day}T${time}`, { zone });
}

function date(at: DateTime): string {
  return at.toFormat("yyyy-MM-dd");
}

function text(at: DateTime): string {
  return at.toFormat("yyyy-MM-dd HH:mm");
}
