import { liveBindingOf } from "../customers/binding.store.ts";
import { customerByReference, lockCustomers } from "../customers/customer.store.ts";
import { ConflictError, InvalidError } from "../kernel/errors.ts";
import type { SubscriptionId } from "../kernel/ids.ts";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import { planByCode, pricesOn } from "../plans/plan.store.ts";
import { demandOnOffer, type Plan, type PlanVersion } from "../plans/plan.ts";
import type { Actor } from "../platform/api-route.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database, Tx } from "../platform/database.ts";
import { randomUuid } from "../platform/random.ts";
import { activation } from "./activation.ts";
import type { Alignment } from "./alignment.ts";
import { periodOn, type Terms } from "./billing-period.ts";
import { type DiscountId, insertDiscounts } from "./discount.store.ts";
import type { Discount } from "./discount.ts";
import { termsOnPlan } from "./make-terms.ts";
import type { CatchUpPolicy } from "./opening.ts";
import { insertSubscription, liveReferencesTo } from "./subscription.store.ts";
import { newlyAgreed, type Subscription } from "./subscription.ts";
import { appendSubscriptionChanges } from "./subscription-change.store.ts";

export type SubscriptionTools = {
  readonly db: Database;
  readonly clock: Clock;
  /** The zone of subscriptions that name none. */
  readonly billingZone: string;
  /** Start of the charge window, `HH:MM`; null: always open. */
  readonly windowFrom: string | null;
  /** The least that is charged, in rupiah. */
  readonly minCharge: number;
};

export type NewSubscription = {
  readonly reference: string;
  readonly customerReference: string;
  readonly planCode: string;
  readonly startOn: LocalDate | null;
  readonly alignment: Alignment | null;
  readonly billingDay: number | null;
  readonly billingMonth: number | null;
  /** Instead of the plan's trial: its days, or the first day that is billed. 0 days: no trial. */
  readonly trialDays: number | null;
  readonly trialEndsOn: LocalDate | null;
  readonly zone: string | null;
  readonly endsOn: LocalDate | null;
  readonly cycles: number | null;
  readonly catchUpPolicy: CatchUpPolicy | null;
  /** From the first period on. */
  readonly discount: (Pick<Discount, "off" | "periods"> & { readonly reason: string | null }) | null;
  /** Also when the customer has one to this plan already. */
  readonly allowSecond: boolean;
};

/**
 * Begins a subscription at today's price of the plan. It runs at once when the customer has a wallet linked, else it
 * is `incomplete` until then. Throws `InvalidError` by field, `NotFoundError` for a customer or plan, `ConflictError`
 * for a taken reference, and for a second one to the same plan that nobody asked for.
 */
export async function createSubscription(
  tools: SubscriptionTools,
  given: NewSubscription,
  actor: Actor,
): Promise<Subscription> {
  return tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const agreed = await agree(tools, tx, given, now);
    // The row is held before the binding is looked at: see lockCustomers. It is what second ones wait for as well.
    await lockCustomers(tx, [agreed.customerId]);
    const linked = (await liveBindingOf(tx, agreed.customerId)) !== null;
    const subscription = linked ? running(agreed, now, tools.windowFrom) : agreed;
    await insertSubscription(tx, subscription, now);
    if (!given.allowSecond) await demandOnly(tx, subscription, given);
    await note(tx, subscription, given, { by: actor.name, now });
    return subscription;
  });
}

/** Asked after the insert, so that a reference that is taken is said first. */
async function demandOnly(
  tx: Tx,
  { customerId, planId, reference }: Subscription,
  { customerReference, planCode }: NewSubscription,
): Promise<void> {
  const live = await liveReferencesTo(tx, { customerId, planId }, 2);
  const other = live.find((each) => each !== reference);
  if (other === undefined) return;
  const says =
    `plan: ${customerReference} already has the subscription ${other} to ${planCode}; ` +
    "use that one, cancel it first, or say allow_second if a second one is meant";
  throw new ConflictError(says, { field: "plan", subscription: other });
}

async function note(
  tx: Tx,
  { id: subscriptionId, state }: Subscription,
  { discount, allowSecond }: NewSubscription,
  { by, now }: { readonly by: string; readonly now: Instant },
): Promise<void> {
  const details = { state, ...(allowSecond ? { allow_second: true } : {}) };
  const created = { subscriptionId, kind: "created", at: now, actor: by, reason: null, details } as const;
  await appendSubscriptionChanges(tx, [created]);
  if (discount === null) return;
  const id = randomUuid() as DiscountId;
  const given = {
    ...discount,
    id,
    subscriptionId,
    fromIndex: 0,
    createdBy: by,
    createdAt: now,
    endedAt: null,
  };
  await insertDiscounts(tx, [given]);
}

async function agree(
  { billingZone }: SubscriptionTools,
  tx: Tx,
  given: NewSubscription,
  now: Instant,
): Promise<Subscription> {
  const customer = await customerByReference(tx, given.customerReference);
  const zone = given.zone ?? billingZone;
  const today = localDateAt(now, zone);
  const { plan, price } = await planOnOffer(tx, given.planCode, today);
  const terms = termsOnPlan(given, plan, { amount: price.amount, today });
  demandCurrentStart(terms, today);
  return newlyAgreed({
    id: randomUuid() as SubscriptionId,
    reference: given.reference,
    customerId: customer.id,
    planId: plan.id,
    planVersionId: price.id,
    zone,
    terms,
    // A trial that ends on a named day does not move with the start.
    startFloats: given.startOn === null && given.trialEndsOn === null,
    catchUpPolicy: given.catchUpPolicy,
  });
}

/** The plan called `code` with its price of `today`; throws when nobody new may subscribe to it. */
export async function planOnOffer(
  tx: Tx,
  code: string,
  today: LocalDate,
): Promise<{ readonly plan: Plan; readonly price: PlanVersion }> {
  const plan = await planByCode(tx, code);
  demandOnOffer(plan);
  const price = (await pricesOn(tx, [plan.id], today)).get(plan.id);
  if (price === undefined) throw new InvalidError(`plan: ${plan.code} has no price yet`, { field: "plan" });
  return { plan, price };
}

/** A start long past would bill periods that are over, which nobody who types a date means to do. */
function demandCurrentStart(terms: Terms, today: LocalDate): void {
  const current = periodOn(terms, today);
  if (current?.index === 0) return;
  const cure =
    current === null
      ? "nothing of it is left to bill"
      : `use ${current.start}, where the current period begins`;
  throw new InvalidError(`start_on: the first period from ${terms.startOn} is over; ${cure}`, {
    field: "start_on",
  });
}

function running(subscription: Subscription, now: Instant, windowFrom: string | null): Subscription {
  const begun = activation(subscription, now, windowFrom);
  // Not over: demandCurrentStart has seen its first period, and `now` is the same.
  if (begun.kind === "over") return subscription;
  const { state, nextIndex, nextInvoiceAt } = begun;
  return { ...subscription, state, nextIndex, nextInvoiceAt, startFloats: false };
}
