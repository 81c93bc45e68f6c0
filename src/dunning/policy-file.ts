import { z } from "zod";
import { isZone } from "../kernel/time.ts";
import { wholeField } from "../platform/api-fields.ts";
import { durationMs } from "../platform/config-values.ts";
import { nearWord } from "../platform/near-word.ts";
import { type DunningPolicy, END_ACTIONS, WEEKDAYS } from "./policy.ts";

// A policy as finance writes it. Some keys may be written only to say what holds anyway: they have one value.

/** More steps, looks or days than a plan that somebody can still read. */
const MOST_ITEMS = 31;
/** Longer than any ladder that still recovers something. */
const LONGEST_DAYS = 366;

function oneOf<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, {
    error: ({ input }) => {
      const near = typeof input === "string" ? nearWord(input, values) : null;
      const asked = near === null ? "" : `; is it ${near}?`;
      return values.length === 1 ? `is always ${values[0]}` : `must be one of ${values.join(", ")}${asked}`;
    },
  });
}

function always<const Value extends number | boolean>(value: Value, why: string) {
  return z.literal(value, { error: `is always ${value}: ${why}` }).optional();
}

const time = z
  .string({ error: "must be a time of day such as 09:30" })
  .regex(/^(?:(?:[01]\d|2[0-3]):[0-5]\d|24:00)$/, { error: "must be a time of day such as 09:30" });
const hours = z.strictObject(
  { from: time, to: time },
  { error: "must say from and to, such as 08:00 and 20:00" },
);

function listOf<Item extends z.ZodType>(item: Item, least: number) {
  return z
    .array(item, { error: "must be a list in brackets, such as [1, 3]" })
    .min(least, { error: "must not be empty" })
    .max(MOST_ITEMS, { error: `may have at most ${MOST_ITEMS} entries` });
}

/** A whole number or a word, with one message for whatever is neither. */
function numberOr<const Word extends string>(word: Word, most: number, error: string) {
  return z.union([z.int({ error }).min(1, { error }).max(most, { error }), z.literal(word)], { error });
}

const step = numberOr(
  "first_of_next_month",
  LONGEST_DAYS,
  `must be a number of days from 1 to ${LONGEST_DAYS}, or first_of_next_month`,
);
const monthDay = numberOr("last", 31, "must be a day of the month from 1 to 31, or last");
const wait = z.string({ error: "must be a wait such as 65s, 5m or 12h" }).refine(
  (text) => {
    try {
      return durationMs(text) > 0;
    } catch {
      return false;
    }
  },
  { error: "must be a wait above zero such as 65s, 5m or 12h" },
);

export const policyFile = z.strictObject({
  zone: z
    .string({ error: "must be a time zone such as Asia/Jakarta" })
    .refine(isZone, { error: "must be a time zone such as Asia/Jakarta" }),
  window: z.union(
    [
      z.literal("always"),
      hours.extend({
        days: z
          .union([z.literal("all"), listOf(oneOf(WEEKDAYS), 1)], {
            error: "must be all, or days such as [mon, fri]",
          })
          .default("all"),
      }),
    ],
    { error: "must be always, or days (all, or such as [mon, fri]), from and to (such as 08:00 and 20:00)" },
  ),
  spread: z.union([z.literal("none"), hours], { error: "must be none, or from and to within the window" }),
  balance_check: z.strictObject({
    before_charge: oneOf(["required", "skip"]),
    on_error: oneOf(["wait_then_charge", "wait", "charge"]),
    wait_minutes: wholeField(1, 720),
  }),
  probes: z.strictObject({
    per_day: wholeField(0, MOST_ITEMS).optional(),
    at: listOf(time, 0),
    charge_when_enough: z.boolean({ error: "must be true or false" }),
  }),
  limits: z.strictObject({
    requests_per_bill_per_day: always(1, "a second request on a day meets the same wallet"),
    requests_per_bill: wholeField(1, 100),
    requests_per_customer_per_day: wholeField(1, 2),
  }),
  ladder: z.strictObject({ funds: listOf(step, 0), limit: listOf(step, 0), risk: listOf(step, 0) }),
  money_days: z.strictObject({
    days: listOf(monthDay, 0),
    within_days: wholeField(0, 15),
    on_holiday: oneOf(["next_working_day", "none"]),
  }),
  end: z.strictObject({
    after_days: wholeField(1, LONGEST_DAYS),
    not_after: oneOf(["day_before_next_bill", "none"]),
    action: oneOf(END_ACTIONS),
  }),
  grace: z.strictObject({
    access_full_days: wholeField(0, LONGEST_DAYS),
    access_limited_until: wholeField(1, LONGEST_DAYS),
  }),
  overlap: z.strictObject({
    when_next_bill_opens: oneOf(["together", "separate"]),
    order: oneOf(["oldest_first"]).optional(),
    pay: oneOf(["as_many_whole_bills_as_balance_allows", "oldest_only"]),
  }),
  manual: z.strictObject({
    retry_now_per_cycle: wholeField(0, 5),
    uses_step: always(false, "what a person asks for is counted apart"),
  }),
  unknown: z.strictObject({ query_after: listOf(wait, 1), review_after_working_days: wholeField(1, 30) }),
  hold_clock: oneOf(["stops", "runs"]),
});

/** A whole policy as it is written and stored, without its code and version. */
export type PolicyFile = z.output<typeof policyFile>;

/** The policy that a whole and valid file says. */
export function policyOf(file: PolicyFile, code: string, version: number): DunningPolicy {
  const { window, balance_check: balance, money_days: money, end, unknown } = file;
  return {
    code,
    version,
    zone: file.zone,
    window: window === "always" ? null : { ...window, days: window.days === "all" ? WEEKDAYS : window.days },
    spread: file.spread === "none" ? null : file.spread,
    balanceCheck: {
      beforeCharge: balance.before_charge,
      onError: balance.on_error,
      waitMinutes: balance.wait_minutes,
    },
    probes: { at: file.probes.at, chargeWhenEnough: file.probes.charge_when_enough },
    limits: {
      requestsPerBill: file.limits.requests_per_bill,
      requestsPerCustomerPerDay: file.limits.requests_per_customer_per_day,
    },
    ladders: file.ladder,
    moneyDays: { days: money.days, withinDays: money.within_days, onHoliday: money.on_holiday },
    end: {
      afterDays: end.after_days,
      notAfter: end.not_after === "none" ? null : end.not_after,
      action: end.action,
    },
    grace: { fullDays: file.grace.access_full_days, limitedUntil: file.grace.access_limited_until },
    overlap: { whenNextBillOpens: file.overlap.when_next_bill_opens, pay: file.overlap.pay },
    manual: { retryNowPerCycle: file.manual.retry_now_per_cycle },
    inquiryLadderMs: unknown.query_after.map(durationMs),
    reviewAfterWorkingDays: unknown.review_after_working_days,
    holdClock: file.hold_clock,
  };
}

/** The file that says a policy: `policyOf` of it is the same policy again. */
export function fileOf(policy: DunningPolicy): PolicyFile {
  const { window, balanceCheck, moneyDays, end } = policy;
  return {
    zone: policy.zone,
    window:
      window === null
        ? "always"
        : { ...window, days: window.days.length === WEEKDAYS.length ? "all" : [...window.days] },
    spread: policy.spread ?? "none",
    balance_check: {
      before_charge: balanceCheck.beforeCharge,
      on_error: balanceCheck.onError,
      wait_minutes: balanceCheck.waitMinutes,
    },
    probes: { at: [...policy.probes.at], charge_when_enough: policy.probes.chargeWhenEnough },
    limits: {
      requests_per_bill: policy.limits.requestsPerBill,
      requests_per_customer_per_day: policy.limits.requestsPerCustomerPerDay,
    },
    ladder: {
      funds: [...policy.ladders.funds],
      limit: [...policy.ladders.limit],
      risk: [...policy.ladders.risk],
    },
    money_days: {
      days: [...moneyDays.days],
      within_days: moneyDays.withinDays,
      on_holiday: moneyDays.onHoliday,
    },
    end: { after_days: end.afterDays, not_after: end.notAfter ?? "none", action: end.action },
    grace: { access_full_days: policy.grace.fullDays, access_limited_until: policy.grace.limitedUntil },
    overlap: { when_next_bill_opens: policy.overlap.whenNextBillOpens, pay: policy.overlap.pay },
    manual: { retry_now_per_cycle: policy.manual.retryNowPerCycle },
    unknown: {
      query_after: policy.inquiryLadderMs.map(durationText),
      review_after_working_days: policy.reviewAfterWorkingDays,
    },
    hold_clock: policy.holdClock,
  };
}

const UNITS = [
  ["d", 86_400_000],
  ["h", 3_600_000],
  ["m", 60_000],
  ["s", 1_000],
  ["ms", 1],
] as const;

function durationText(ms: number): string {
  const [unit, size] = UNITS.find(([, each]) => ms % each === 0) ?? ["ms", 1];
  return `${ms / size}${unit}`;
}
