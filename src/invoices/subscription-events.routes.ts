import { z } from "zod";
import type { InvoiceId } from "../kernel/ids.ts";
import { dateField, reasonField } from "../platform/api-fields.ts";
import { type Actor, type ApiRoute, apiRoute } from "../platform/api-route.ts";
import type { Database } from "../platform/database.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import { showSubscription } from "../subscriptions/show-subscription.flow.ts";
import { subscriptionAnswer } from "../subscriptions/subscription-answer.ts";
import { cancelSubscription } from "./cancel-subscription.flow.ts";
import type { DecideTools } from "./collect-tools.ts";
import {
  holdSubscription,
  pauseSubscription,
  releaseSubscription,
  resumeSubscription,
} from "./interrupt-subscription.flow.ts";

export type SubscriptionEventRouteTools = {
  readonly decide: DecideTools;
  /** Says that an invoice is due; best effort, the next beat says it too. */
  readonly ring: (ids: readonly InvoiceId[]) => Promise<void>;
};

const choice = <const Words extends readonly [string, ...string[]]>(words: Words) =>
  z.enum(words, { error: `must be ${words.join(" or ")}` });

const flag = () => z.boolean({ error: "must be true or false" }).default(false);
const why = z.strictObject({ reason: reasonField() });

const cancel = why.extend({
  at: choice(["now", "period_end"]),
  void_open: flag().describe("also withdraw its open invoices; else they stay owed, in a person's hands"),
});
const pause = why.extend({
  resumes_on: dateField().optional().describe("goes on by itself on that day"),
  pass_over: flag().describe("also when periods that are late already are then never billed"),
});
const resume = z.strictObject({
  reason: reasonField().optional(),
  anchor: choice(["keep", "move"])
    .default("keep")
    .describe("keep its old dates, or let the next period begin today"),
});
const hold = why.extend({
  owner: z
    .string({ error: "must say who answers for it" })
    .trim()
    .min(2, { error: "must say who answers for it" })
    .max(100, { error: "must be at most 100 characters" }),
  ends_on: dateField().optional().describe("the first day on which it no longer holds"),
});
const release = z.strictObject({ reason: reasonField().optional() });

const onTheirWay = z.array(z.string()).describe("references of attempts that may still take money");
const canceledAnswer = subscriptionAnswer.extend({
  invoices: z.array(
    z.strictObject({
      id: z.uuid(),
      amount: z.int(),
      outcome: z.enum(["voided", "waits_for_person", "on_its_way"]),
    }),
  ),
});
const interruptedAnswer = subscriptionAnswer.extend({ on_their_way: onTheirWay });
const wokenAnswer = subscriptionAnswer.extend({
  due_again: z.array(z.uuid()).describe("invoices that waited for this and are due now"),
});

const post = { method: "POST", roles: ["billing"], idempotency: "optional", dryRun: true } as const;

/** What people do to a subscription and, by that, to its invoices: cancel, pause and resume, hold and release. */
export function subscriptionEventRoutes(tools: SubscriptionEventRouteTools): ApiRoute[] {
  return [cancelRoute(tools), ...pauseRoutes(tools), ...holdRoutes(tools)];
}

type Asked<Body> = {
  readonly params: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly actor: Actor;
  readonly dryRun: boolean;
};

type Order = { readonly reference: string; readonly reason: string | null; readonly actor: Actor };

/** Runs a flow on the subscription of the path and shows what came of it; a dry run shows it too, and keeps nothing. */
function doing<Body extends { readonly reason?: string | undefined }>(
  { decide, ring }: SubscriptionEventRouteTools,
  flow: (
    tools: DecideTools,
    order: Order,
    body: Body,
  ) => Promise<{ readonly more: object; readonly due?: readonly InvoiceId[] }>,
) {
  return async ({ params, body, actor, dryRun }: Asked<Body>) => {
    const reference = params["reference"] ?? "";
    const order = { reference, reason: body.reason ?? null, actor };
    const done = await rehearseIf(dryRun, decide.db, async (db: Database) => {
      const { more, due = [] } = await flow({ ...decide, db }, order, body);
      const shown = await db.begin((tx) => showSubscription(tx, decide, reference));
      return { answer: { ...shown, ...more }, due };
    });
    if (!dryRun && done.due.length > 0) await ring(done.due);
    return done.answer;
  };
}

function cancelRoute(tools: SubscriptionEventRouteTools): ApiRoute {
  return apiRoute({
    ...post,
    path: "/subscriptions/:reference/cancel",
    command: "subscription cancel",
    summary: "Cancel now, or when what is billed runs out; nothing is invoiced and nothing sent from then on",
    body: cancel,
    answers: canceledAnswer,
    run: doing(
      tools,
      async (decide, order, { at, void_open: voidOpen, reason }: z.output<typeof cancel>) => ({
        more: { invoices: await cancelSubscription(decide, { ...order, reason, at, voidOpen }) },
      }),
    ),
  });
}

function pauseRoutes(tools: SubscriptionEventRouteTools): ApiRoute[] {
  return [
    apiRoute({
      ...post,
      path: "/subscriptions/:reference/pause",
      command: "subscription pause",
      summary: "Pause: nothing is invoiced and nothing collected until it is resumed",
      body: pause,
      answers: interruptedAnswer,
      run: doing(tools, async (decide, order, body: z.output<typeof pause>) => {
        const asked = { resumesOn: body.resumes_on ?? null, passOver: body.pass_over };
        const interrupted = await pauseSubscription(decide, { ...order, ...asked });
        return { more: { on_their_way: interrupted.onTheirWay } };
      }),
    }),
    apiRoute({
      ...post,
      path: "/subscriptions/:reference/resume",
      command: "subscription resume",
      summary: "End a pause, with the old dates or from today on; the time in between is not billed",
      body: resume,
      answers: wokenAnswer,
      run: doing(tools, async (decide, order, { anchor }: z.output<typeof resume>) => {
        const { wokenIds } = await resumeSubscription(decide, { ...order, anchor, on: null });
        return { more: { due_again: wokenIds }, due: wokenIds };
      }),
    }),
  ];
}

function holdRoutes(tools: SubscriptionEventRouteTools): ApiRoute[] {
  return [
    apiRoute({
      ...post,
      path: "/subscriptions/:reference/hold",
      command: "subscription hold",
      summary: "Put collection on hold: invoices are made as usual, and nothing is charged",
      body: hold,
      answers: interruptedAnswer,
      run: doing(tools, async (decide, order, body: z.output<typeof hold>) => {
        const { owner, reason, ends_on: endsOn = null } = body;
        const interrupted = await holdSubscription(decide, { ...order, hold: { owner, reason, endsOn } });
        return { more: { on_their_way: interrupted.onTheirWay } };
      }),
    }),
    apiRoute({
      ...post,
      path: "/subscriptions/:reference/release",
      command: "subscription release",
      summary: "End a hold: what is open is due now",
      body: release,
      answers: wokenAnswer,
      run: doing(tools, async (decide, order, _body: z.output<typeof release>) => {
        const { wokenIds } = await releaseSubscription(decide, order);
        return { more: { due_again: wokenIds }, due: wokenIds };
      }),
    }),
  ];
}
