import { z } from "zod";
import {
  afterCursor,
  dateField,
  pageFields,
  pageOf,
  referenceField,
  wholeField,
} from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { billingPeriod } from "./billing-period.ts";
import { createSubscription, type SubscriptionTools } from "./create-subscription.flow.ts";
import { preview, previewInput, zoneField } from "./preview.ts";
import { SUBSCRIPTION_STATES } from "./subscription.ts";
import {
  listSubscriptions,
  type SubscriptionView,
  subscriptionByReference,
} from "./subscription-view.store.ts";

const newSubscription = z.strictObject({
  reference: referenceField(),
  customer: z.string({ error: "must be the reference of a customer" }),
  plan: z.string({ error: "must be the code of a plan" }),
  start_on: dateField().nullish(),
  billing_day: wholeField(1, 31).nullish(),
  zone: zoneField().nullish(),
  ends_on: dateField().nullish(),
  cycles: wholeField(1, 1200).nullish(),
});

const listQuery = z.strictObject({
  state: z
    .enum(SUBSCRIPTION_STATES, { error: `must be one of ${SUBSCRIPTION_STATES.join(", ")}` })
    .optional(),
  plan: z.string().max(64).optional(),
  customer: z.string().max(64).optional(),
  ...pageFields,
});

/** Subscriptions: who has agreed to which plan, and what that will bill. */
export function subscriptionRoutes(tools: SubscriptionTools): ApiRoute[] {
  return [create(tools), previewRoute(), list(tools), get(tools)];
}

function create(tools: SubscriptionTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/subscriptions",
    summary: "Begin a subscription; it is incomplete, and not billed, until the customer's wallet is linked",
    roles: ["billing"],
    idempotency: "optional",
    body: newSubscription,
    status: 201,
    run: async ({ body }) => {
      await createSubscription(tools, {
        reference: body.reference,
        customerReference: body.customer,
        planCode: body.plan,
        startOn: body.start_on ?? null,
        billingDay: body.billing_day ?? null,
        zone: body.zone ?? null,
        endsOn: body.ends_on ?? null,
        cycles: body.cycles ?? null,
      });
      return show(await tools.db.begin((tx) => subscriptionByReference(tx, body.reference)));
    },
  });
}

function previewRoute(): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/subscriptions/preview",
    summary: "The periods, dates and amounts that such a subscription would be billed for",
    roles: EVERYBODY,
    idempotency: "none",
    body: previewInput,
    run: async ({ body }) => preview(body),
  });
}

function list({ db }: SubscriptionTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/subscriptions",
    summary: "Subscriptions, also of one customer, of one plan or in one state",
    roles: EVERYBODY,
    idempotency: "none",
    query: listQuery,
    run: async ({ query: { state, plan, customer, limit, cursor } }) => {
      const filter = {
        state: state ?? null,
        plan: plan ?? null,
        customer: customer ?? null,
        after: afterCursor(cursor),
      };
      const views = await db.begin((tx) => listSubscriptions(tx, filter, limit + 1));
      return pageOf(views, limit, ({ subscription }) => subscription.reference, show);
    },
  });
}

function get({ db }: SubscriptionTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/subscriptions/:reference",
    summary: "A subscription, its next invoice and the state of the wallet's binding",
    roles: EVERYBODY,
    idempotency: "none",
    run: async ({ params }) =>
      show(await db.begin((tx) => subscriptionByReference(tx, params["reference"] ?? ""))),
  });
}

function show(view: SubscriptionView) {
  const { subscription } = view;
  const { terms, nextInvoiceAt } = subscription;
  const next = nextInvoiceAt === null ? null : billingPeriod(terms, subscription.nextIndex);
  return {
    reference: subscription.reference,
    customer: view.customerReference,
    plan: view.planCode,
    plan_version: view.planVersion,
    amount: terms.amount,
    state: subscription.state,
    binding_state: view.bindingState,
    next_invoice_on: next?.billsOn ?? null,
    next_invoice_at: nextInvoiceAt?.toISO() ?? null,
    next_amount: next?.amount ?? null,
    zone: subscription.zone,
    start_on: terms.startOn,
    interval: terms.interval.unit,
    interval_count: terms.interval.count,
    billing_day: terms.billingDay,
    trial_ends_on: terms.trialEndsOn,
    ends_on: terms.endsOn,
    cycles: terms.cycles,
    collection_hold: subscription.collectionHold,
    cancel_at_period_end: view.cancelAtPeriodEnd,
    credit: subscription.credit,
    created_at: view.createdAt.toISO(),
    activated_at: view.activatedAt?.toISO() ?? null,
    ended_at: view.endedAt?.toISO() ?? null,
    end_reason: view.endReason,
  };
}
