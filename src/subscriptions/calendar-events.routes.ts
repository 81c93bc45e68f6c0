import { z } from "zod";
import { dateField, reasonField, wholeField } from "../platform/api-fields.ts";
import { type Actor, type ApiRoute, apiRoute } from "../platform/api-route.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import { changeZone, moveAnchor, skipPeriod, takeCancelBack } from "./change-calendar.flow.ts";
import type { SubscriptionTools } from "./create-subscription.flow.ts";
import { giveDiscount, stopDiscount } from "./discount-order.flow.ts";
import type { SubscriptionEventTools, SubscriptionOrder } from "./lock-subscription.flow.ts";
import type { AnchorChoice } from "./re-anchor.ts";
import { showDiscount, showSubscription } from "./show-subscription.flow.ts";
import { discountGiven, newDiscount } from "./subscription.routes.ts";
import { discountAnswer, subscriptionAnswer } from "./subscription-answer.ts";
import { zoneField } from "./term-fields.ts";

const why = z.strictObject({ reason: reasonField() });
const skip = why.extend({
  from: dateField().optional().describe("first day of the period that is meant; another one is then refused"),
});
const zoned = why.extend({ zone: zoneField() });
const reanchoring = why
  .extend({
    on: dateField()
      .optional()
      .describe("first day of the next period; the day it would begin on, unless told"),
    billing_day: wholeField(1, 31).optional().describe("the day of the month on which later periods begin"),
    choice: z
      .enum(["keep", "move"], { error: "must be keep or move" })
      .optional()
      .describe("whether later periods keep their old day of the month, or move to that of the next one"),
  })
  .refine(({ billing_day: day, choice }) => day === undefined || choice === undefined, {
    error: "give billing_day or choice, not both",
    path: ["choice"],
  })
  .refine(({ on, billing_day: day, choice }) => (on ?? day ?? choice) !== undefined, {
    error: "say on, billing_day or choice",
    path: ["on"],
  });
const ending = z.strictObject({ reason: reasonField().optional() });

const post = { method: "POST", roles: ["billing"], idempotency: "optional", dryRun: true } as const;

/** What people do to a subscription's calendar and price, and what touches none of its invoices. */
export function calendarEventRoutes(tools: SubscriptionTools): ApiRoute[] {
  return [...calendarRoutes(tools), ...discountRoutes(tools)];
}

type Asked<Body> = {
  readonly params: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly actor: Actor;
  readonly dryRun: boolean;
};

/** Runs a flow on the subscription of the path and shows what came of it; a dry run shows it too, and keeps nothing. */
function doing<Body extends { readonly reason?: string | undefined }>(
  tools: SubscriptionTools,
  flow: (tools: SubscriptionEventTools, order: SubscriptionOrder, body: Body) => Promise<void>,
) {
  return ({ params, body, actor, dryRun }: Asked<Body>) =>
    rehearseIf(dryRun, tools.db, async (db) => {
      const reference = params["reference"] ?? "";
      await flow({ ...tools, db }, { reference, reason: body.reason ?? null, actor }, body);
      return db.begin((tx) => showSubscription(tx, tools, reference));
    });
}

function calendarRoutes(tools: SubscriptionTools): ApiRoute[] {
  return [
    apiRoute({
      ...post,
      path: "/subscriptions/:reference/uncancel",
      command: "subscription uncancel",
      answers: subscriptionAnswer,
      summary: "Take a cancel at the period's end back, while the period has not ended",
      body: why,
      run: doing(tools, takeCancelBack),
    }),
    apiRoute({
      ...post,
      path: "/subscriptions/:reference/skip",
      command: "subscription skip",
      answers: subscriptionAnswer,
      summary: "Leave the next period out: it is not billed, and the others stay where they are",
      body: skip,
      run: doing(tools, (all, order, body: z.output<typeof skip>) =>
        skipPeriod(all, { ...order, from: body.from ?? null }),
      ),
    }),
    apiRoute({
      ...post,
      path: "/subscriptions/:reference/zone",
      command: "subscription zone",
      answers: subscriptionAnswer,
      summary: "Another time zone, from the next period that is not billed on",
      body: zoned,
      run: doing(tools, (all, order, { zone }: z.output<typeof zoned>) =>
        changeZone(all, { ...order, zone }),
      ),
    }),
    apiRoute({
      ...post,
      path: "/subscriptions/:reference/re-anchor",
      command: "subscription re-anchor",
      answers: subscriptionAnswer,
      summary: "Let the next period begin on another day, or later ones on another day of the month",
      body: reanchoring,
      run: doing(tools, (all, order, body: z.output<typeof reanchoring>) =>
        moveAnchor(all, { ...order, on: body.on ?? null, choice: choiceOf(body) }),
      ),
    }),
  ];
}

function choiceOf({
  billing_day: day,
  choice,
}: Pick<z.output<typeof reanchoring>, "billing_day" | "choice">): AnchorChoice {
  return day ?? choice ?? "move";
}

function discountRoutes(tools: SubscriptionTools): ApiRoute[] {
  return [
    apiRoute({
      ...post,
      path: "/subscriptions/:reference/discounts",
      command: "subscription discount add",
      answers: discountAnswer,
      summary: "Give a discount from the next period that is not billed on",
      status: 201,
      body: newDiscount,
      run: ({ params, body, actor, dryRun }) =>
        rehearseIf(dryRun, tools.db, async (db) => {
          const reference = params["reference"] ?? "";
          const discount = discountGiven(body);
          return showDiscount(await giveDiscount({ ...tools, db }, { ...discount, reference, actor }));
        }),
    }),
    apiRoute({
      method: "DELETE",
      roles: ["billing"],
      idempotency: "none",
      dryRun: true,
      path: "/subscriptions/:reference/discounts/:id",
      command: "subscription discount end",
      answers: subscriptionAnswer,
      summary: "End a discount: invoices from now on are made without it",
      query: ending,
      run: ({ params, query, actor, dryRun }) =>
        doing(tools, (all, order) => stopDiscount(all, { ...order, discount: params["id"] ?? "" }))({
          params,
          body: query,
          actor,
          dryRun,
        }),
    }),
  ];
}
