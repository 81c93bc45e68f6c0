import { z } from "zod";
import { rupiah } from "../kernel/money.ts";
import {
  afterCursor,
  dateField,
  pageAnswer,
  pageFields,
  pageOf,
  referenceField,
  rupiahField,
  wholeField,
} from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import {
  createSubscription,
  type NewSubscription,
  type SubscriptionTools,
} from "./create-subscription.flow.ts";
import { CATCH_UP_POLICIES } from "./opening.ts";
import { previewQuestion } from "./preview.ts";
import { previewSubscription } from "./preview-subscription.flow.ts";
import { showSubscription, subscriptionShower } from "./show-subscription.flow.ts";
import { SUBSCRIPTION_STATES } from "./subscription.ts";
import { subscriptionAnswer } from "./subscription-answer.ts";
import { listSubscriptions } from "./subscription-view.store.ts";
import { termFields } from "./term-fields.ts";

/** A percentage or an amount off, for a number of periods or (none given) for ever. */
export const newDiscount = z
  .strictObject({
    percent: wholeField(1, 100).nullish().describe("percent off; this or amount"),
    amount: rupiahField().nullish().describe("whole rupiah off; this or percent"),
    periods: wholeField(1, 1200).nullish().describe("for how many periods; for ever unless told"),
    reason: z
      .string({ error: "must be text" })
      .trim()
      .min(1)
      .max(300)
      .nullish()
      .describe("what a customer who asks is told"),
  })
  .refine(({ percent, amount }) => (percent ?? null) === null || (amount ?? null) === null, {
    error: "give percent or amount, not both",
  })
  .refine(({ percent, amount }) => (percent ?? amount ?? null) !== null, {
    error: "give percent (1 to 100) or amount (whole rupiah)",
  });

/** What such a discount takes off, for how long and why. */
export function discountGiven({ percent, amount, periods, reason }: z.output<typeof newDiscount>) {
  const off =
    typeof percent === "number"
      ? ({ kind: "percent", percent } as const)
      : ({ kind: "amount", amount: rupiah(amount ?? 0) } as const);
  return { off, periods: periods ?? null, reason: reason ?? null };
}

const newSubscription = z.strictObject({
  reference: referenceField(),
  customer: z.string({ error: "must be the reference of a customer" }),
  plan: z.string({ error: "must be the code of a plan" }),
  start_on: dateField()
    .nullish()
    .describe("the first day; unless told today, or the day on which the wallet is linked"),
  ...termFields,
  catch_up_policy: z
    .enum(CATCH_UP_POLICIES, { error: `must be one of ${CATCH_UP_POLICIES.join(", ")}` })
    .nullish()
    .describe("how it is billed when the house was away; the house's own way unless told"),
  discount: newDiscount.nullish().describe('from the first period on, such as {"percent": 20, "periods": 3}'),
  allow_second: z
    .boolean({ error: "must be true or false" })
    .default(false)
    .describe("also when the customer has a subscription to that plan already"),
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
  return [create(tools), previewRoute(tools), list(tools), get(tools)];
}

function create(tools: SubscriptionTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/subscriptions",
    command: "subscription create",
    dryRun: true,
    summary: "Begin a subscription; it is incomplete, and not billed, until the customer's wallet is linked",
    roles: ["billing"],
    idempotency: "optional",
    body: newSubscription,
    answers: subscriptionAnswer,
    status: 201,
    run: ({ body, dryRun, actor }) =>
      rehearseIf(dryRun, tools.db, async (db) => {
        await createSubscription({ ...tools, db }, asked(body), actor);
        return db.begin((tx) => showSubscription(tx, tools, body.reference));
      }),
  });
}

function asked(body: z.output<typeof newSubscription>): NewSubscription {
  return {
    reference: body.reference,
    customerReference: body.customer,
    planCode: body.plan,
    startOn: body.start_on ?? null,
    alignment: body.alignment ?? null,
    billingDay: body.billing_day ?? null,
    billingMonth: body.billing_month ?? null,
    trialDays: body.trial_days ?? null,
    trialEndsOn: body.trial_ends_on ?? null,
    zone: body.zone ?? null,
    endsOn: body.ends_on ?? null,
    cycles: body.cycles ?? null,
    catchUpPolicy: body.catch_up_policy ?? null,
    discount: body.discount ? discountGiven(body.discount) : null,
    allowSecond: body.allow_second,
  };
}

function previewRoute(tools: SubscriptionTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/subscriptions/preview",
    command: "subscription preview",
    summary: "The periods, dates and amounts that such a subscription would be billed for",
    roles: EVERYBODY,
    idempotency: "none",
    body: previewQuestion,
    run: ({ body }) => previewSubscription(tools, body),
  });
}

function list({ db, minCharge }: SubscriptionTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/subscriptions",
    command: "subscription list",
    summary: "Subscriptions, also of one customer, of one plan or in one state",
    roles: EVERYBODY,
    idempotency: "none",
    query: listQuery,
    answers: pageAnswer(subscriptionAnswer),
    run: async ({ query: { state, plan, customer, limit, cursor } }) => {
      const filter = {
        state: state ?? null,
        plan: plan ?? null,
        customer: customer ?? null,
        after: afterCursor(cursor),
      };
      return db.begin(async (tx) => {
        const views = await listSubscriptions(tx, filter, limit + 1);
        const show = await subscriptionShower(tx, { minCharge }, views);
        return pageOf(views, limit, ({ subscription }) => subscription.reference, show);
      });
    },
  });
}

function get({ db, minCharge }: SubscriptionTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/subscriptions/:reference",
    command: "subscription show",
    summary: "A subscription, its next invoice and the state of the wallet's binding",
    answers: subscriptionAnswer,
    roles: EVERYBODY,
    idempotency: "none",
    run: ({ params }) => db.begin((tx) => showSubscription(tx, { minCharge }, params["reference"] ?? "")),
  });
}
