import { liveBindingOf } from "../customers/binding.store.ts";
import { customerByReference, lockCustomers } from "../customers/customer.store.ts";
import { InvalidError } from "../kernel/errors.ts";
import type { SubscriptionId } from "../kernel/ids.ts";
import { rupiah } from "../kernel/money.ts";
import { type Instant, type LocalDate, localDateAt } from "../kernel/time.ts";
import { planByCode, pricesOn } from "../plans/plan.store.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database, Tx } from "../platform/database.ts";
import { randomUuid } from "../platform/random.ts";
import { activation } from "./activation.ts";
import { periodOn, type Terms } from "./billing-period.ts";
import { makeTerms } from "./make-terms.ts";
import { insertSubscription } from "./subscription.store.ts";
import type { Subscription } from "./subscription.ts";

export type SubscriptionTools = {
  readonly db: Database;
  readonly clock: Clock;
  /** The zone of subscriptions that name none. */
  readonly billingZone: string;
  /** Start of the charge window, `HH:MM`; null: always open. */
  readonly windowFrom: string | null;
};

export type NewSubscription = {
  readonly reference: string;
  readonly customerReference: string;
  readonly planCode: string;
  readonly startOn: LocalDate | null;
  readonly billingDay: number | null;
  readonly zone: string | null;
  readonly endsOn: LocalDate | null;
  readonly cycles: number | null;
};

/**
 * Begins a subscription at today's price of the plan. It runs at once when the customer has a wallet linked, else it
 * is `incomplete` until then. Throws `InvalidError` by field, `NotFoundError` for a customer or plan, `ConflictError`
 * for a taken reference.
 */
export async function createSubscription(
  tools: SubscriptionTools,
  given: NewSubscription,
): Promise<Subscription> {
  return tools.db.begin(async (tx) => {
    const now = await tools.clock.now(tx);
    const agreed = await agree(tools, tx, given, now);
    // The row is held before the binding is looked at: see lockCustomers.
    await lockCustomers(tx, [agreed.customerId]);
    const linked = (await liveBindingOf(tx, agreed.customerId)) !== null;
    const subscription = linked ? running(agreed, now, tools.windowFrom) : agreed;
    await insertSubscription(tx, subscription, now);
    return subscription;
  });
}

async function agree(
  { billingZone }: SubscriptionTools,
  tx: Tx,
  given: NewSubscription,
  now: Instant,
): Promise<Subscription> {
  const customer = await customerByReference(tx, given.customerReference);
  const plan = await planByCode(tx, given.planCode);
  const zone = given.zone ?? billingZone;
  const today = localDateAt(now, zone);
  const price = (await pricesOn(tx, [plan.id], today)).get(plan.id);
  if (price === undefined) throw new InvalidError(`plan: ${plan.code} has no price yet`, { field: "plan" });
  const terms = makeTerms({
    startOn: given.startOn ?? today,
    interval: { unit: plan.intervalUnit, count: plan.intervalCount },
    billingDay: given.billingDay ?? plan.billingDay,
    trialDays: plan.trialDays,
    endsOn: given.endsOn,
    cycles: given.cycles ?? plan.cycles,
    amount: price.amount,
  });
  demandCurrentStart(terms, today);
  return {
    id: randomUuid() as SubscriptionId,
    reference: given.reference,
    customerId: customer.id,
    planId: plan.id,
    planVersionId: price.id,
    state: "incomplete",
    zone,
    terms,
    startFloats: given.startOn === null,
    nextIndex: 0,
    nextInvoiceAt: null,
    lastOpenedOn: null,
    collectionHold: false,
    credit: rupiah(0),
  };
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
