import type { CustomerId, PlanId, PlanVersionId, SubscriptionId } from "../kernel/ids.ts";
import { rupiah } from "../kernel/money.ts";
import { instantOrNull, type LocalDate } from "../kernel/time.ts";
import type { IntervalUnit } from "../plans/plan.ts";
import type { Alignment } from "./alignment.ts";
import type { CatchUpPolicy } from "./opening.ts";
import type { Subscription, SubscriptionState } from "./subscription.ts";

/**
 * What a `SubscriptionRow` is selected from: `subscriptions s join plan_versions v`. Dates as text: the driver would
 * make moments of them, at midnight of whatever zone the process runs in.
 */
export const COLUMNS = `s.id, s.reference, s.customer_id, s.plan_id, s.plan_version_id, s.state, s.zone,
            s.start_on::text, s.start_floats, s.interval_unit, s.interval_count, s.billing_day, s.alignment,
            s.billing_month, s.counted_from_on::text, s.counted_from_index, s.trial_ends_on::text,
            s.ends_on::text, s.cycles, v.amount, s.next_index, s.next_invoice_at, s.last_opened_on::text,
            s.hold_owner, s.hold_reason, s.hold_ends_on::text, s.credit, s.rollover, s.catch_up_policy,
            s.paused_at, s.resumes_on::text, s.cancel_at_period_end, s.ended_at, s.end_reason`;

export type SubscriptionRow = {
  id: SubscriptionId;
  reference: string;
  customer_id: CustomerId;
  plan_id: PlanId;
  plan_version_id: PlanVersionId;
  state: SubscriptionState;
  zone: string;
  start_on: LocalDate;
  start_floats: boolean;
  interval_unit: IntervalUnit;
  interval_count: number;
  billing_day: number | null;
  alignment: Alignment;
  billing_month: number | null;
  counted_from_on: LocalDate | null;
  counted_from_index: number | null;
  trial_ends_on: LocalDate | null;
  ends_on: LocalDate | null;
  cycles: number | null;
  amount: string;
  next_index: number;
  next_invoice_at: Date | null;
  last_opened_on: LocalDate | null;
  hold_owner: string | null;
  hold_reason: string | null;
  hold_ends_on: LocalDate | null;
  credit: string;
  rollover: string;
  catch_up_policy: CatchUpPolicy | null;
  paused_at: Date | null;
  resumes_on: LocalDate | null;
  cancel_at_period_end: boolean;
  ended_at: Date | null;
  end_reason: string | null;
};

export function subscriptionFromRow(row: SubscriptionRow): Subscription {
  return {
    id: row.id,
    reference: row.reference,
    customerId: row.customer_id,
    planId: row.plan_id,
    planVersionId: row.plan_version_id,
    state: row.state,
    zone: row.zone,
    terms: termsFromRow(row),
    startFloats: row.start_floats,
    nextIndex: row.next_index,
    nextInvoiceAt: instantOrNull(row.next_invoice_at),
    lastOpenedOn: row.last_opened_on,
    credit: rupiah(Number(row.credit)),
    rollover: rupiah(Number(row.rollover)),
    catchUpPolicy: row.catch_up_policy,
    hold: holdFromRow(row),
    pausedAt: instantOrNull(row.paused_at),
    resumesOn: row.resumes_on,
    cancelAtPeriodEnd: row.cancel_at_period_end,
    endedAt: instantOrNull(row.ended_at),
    endReason: row.end_reason,
  };
}

function termsFromRow(row: SubscriptionRow): Subscription["terms"] {
  const { counted_from_on: on, counted_from_index: index } = row;
  return {
    startOn: row.start_on,
    interval: { unit: row.interval_unit, count: row.interval_count },
    billingDay: row.billing_day,
    alignment: row.alignment,
    billingMonth: row.billing_month,
    trialEndsOn: row.trial_ends_on,
    endsOn: row.ends_on,
    cycles: row.cycles,
    amount: rupiah(Number(row.amount)),
    ...(on === null || index === null ? {} : { countedFrom: { on, index } }),
  };
}

function holdFromRow({ hold_owner: owner, hold_reason: reason, hold_ends_on: endsOn }: SubscriptionRow) {
  return owner === null || reason === null ? null : { owner, reason, endsOn };
}

/** The columns of `toRecord`, for `json_to_recordset`. */
export const RECORD = `id uuid, reference text, customer_id uuid, plan_id uuid, plan_version_id uuid, state text,
            zone text, start_on date, start_floats boolean, interval_unit text, interval_count int,
            billing_day int, alignment text, billing_month int, counted_from_on date, counted_from_index int,
            trial_ends_on date, ends_on date, cycles int, next_index int, next_invoice_at timestamptz,
            last_opened_on date, hold_owner text, hold_reason text, hold_ends_on date, credit bigint,
            rollover bigint, catch_up_policy text, paused_at timestamptz, resumes_on date,
            cancel_at_period_end boolean, ended_at timestamptz, end_reason text`;

/** A subscription as columns; its amount is not one, for that is its plan version's. */
export function toRecord(subscription: Subscription) {
  const { terms, hold } = subscription;
  return {
    id: subscription.id,
    reference: subscription.reference,
    customer_id: subscription.customerId,
    plan_id: subscription.planId,
    plan_version_id: subscription.planVersionId,
    state: subscription.state,
    zone: subscription.zone,
    start_on: terms.startOn,
    start_floats: subscription.startFloats,
    interval_unit: terms.interval.unit,
    interval_count: terms.interval.count,
    billing_day: terms.billingDay,
    alignment: terms.alignment ?? "anniversary",
    billing_month: terms.billingMonth ?? null,
    counted_from_on: terms.countedFrom?.on ?? null,
    counted_from_index: terms.countedFrom?.index ?? null,
    trial_ends_on: terms.trialEndsOn,
    ends_on: terms.endsOn,
    cycles: terms.cycles,
    next_index: subscription.nextIndex,
    next_invoice_at: subscription.nextInvoiceAt?.toJSDate() ?? null,
    last_opened_on: subscription.lastOpenedOn,
    hold_owner: hold?.owner ?? null,
    hold_reason: hold?.reason ?? null,
    hold_ends_on: hold?.endsOn ?? null,
    credit: subscription.credit,
    rollover: subscription.rollover,
    catch_up_policy: subscription.catchUpPolicy,
    paused_at: subscription.pausedAt?.toJSDate() ?? null,
    resumes_on: subscription.resumesOn,
    cancel_at_period_end: subscription.cancelAtPeriodEnd,
    ended_at: subscription.endedAt?.toJSDate() ?? null,
    end_reason: subscription.endReason,
  };
}
