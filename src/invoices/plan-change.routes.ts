import { z } from "zod";
import { rupiah } from "../kernel/money.ts";
import { dateField, reasonField, wholeField } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute } from "../platform/api-route.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import { showSubscription } from "../subscriptions/show-subscription.flow.ts";
import { subscriptionAnswer } from "../subscriptions/subscription-answer.ts";
import { type ChangedPlan, changePlan } from "./change-plan.flow.ts";
import { planChangeText } from "./plan-change-text.ts";
import type { SubscriptionEventRouteTools } from "./subscription-events.routes.ts";

/** More than any wallet holds. */
const MOST_PAID = 1_000_000_000_000;

const planChange = z
  .strictObject({
    plan: z.string({ error: "must be the code of a plan" }).max(64),
    at: z
      .enum(["now", "next_period"], { error: "must be now or next_period" })
      .describe("now: what is not used goes back and the new plan is billed from that day on"),
    on: dateField().optional().describe("first day on the new plan; today unless told, never later"),
    billing_day: wholeField(1, 31)
      .nullish()
      .describe("another day of the month; none: the day of the change"),
    paid: wholeField(0, MOST_PAID)
      .optional()
      .describe("what was paid elsewhere for the period in hand, where no invoice here says it"),
    allow_second: z.boolean({ error: "must be true or false" }).default(false),
    reason: reasonField(),
  })
  .refine(({ at, on, paid }) => at === "now" || (on === undefined && paid === undefined), {
    error: "at next_period nothing is billed or given back: leave on and paid out",
    path: ["at"],
  });

const line = z.strictObject({
  kind: z.enum(["period", "proration", "discount", "credit", "rollover"]),
  amount: z.int().describe("whole rupiah with its sign"),
  note: z.string(),
});

const changedAnswer = subscriptionAnswer.extend({
  change: z.strictObject({
    from: dateField().describe("first day on the new plan"),
    lines: z.array(line).describe("what is charged and given back; empty when neither is"),
    charge: z.int().describe("before credit that was there and what was carried over"),
    credit: z.int().describe("what is kept for the next invoices"),
    invoice: z.uuid().nullable(),
    invoice_amount: z.int().nullable().describe("due now; null: no invoice is made"),
    next: z
      .strictObject({ from: dateField(), to: dateField(), amount: z.int() })
      .nullable()
      .describe("the first period that is billed as usual again"),
  }),
});

/** Moving a subscription to another plan; its preview is a dry run, to the rupiah. */
export function planChangeRoutes({ decide, ring }: SubscriptionEventRouteTools): ApiRoute[] {
  return [
    apiRoute({
      method: "POST",
      path: "/subscriptions/:reference/change-plan",
      command: "subscription change-plan",
      summary: "Move to another plan, now or at the next period; a dry run is the preview, to the rupiah",
      roles: ["billing"],
      idempotency: "optional",
      dryRun: true,
      body: planChange,
      answers: changedAnswer,
      inText: planChangeText,
      run: async ({ params, body, actor, dryRun }) => {
        const reference = params["reference"] ?? "";
        const order = { ...orderOf(body), reference, actor };
        const { answer, invoice } = await rehearseIf(dryRun, decide.db, async (db) => {
          const changed = await changePlan({ ...decide, db }, order);
          const shown = await db.begin((tx) => showSubscription(tx, decide, reference));
          return { answer: { ...shown, change: show(changed) }, invoice: changed.invoice };
        });
        if (!dryRun && invoice !== null) await ring([invoice]);
        return answer;
      },
    }),
  ];
}

function orderOf({
  plan,
  at,
  on,
  billing_day: billingDay,
  paid,
  allow_second,
  reason,
}: z.output<typeof planChange>) {
  return {
    planCode: plan,
    at,
    on: on ?? null,
    ...(billingDay === undefined ? {} : { billingDay }),
    paid: paid === undefined ? null : rupiah(paid),
    allowSecond: allow_second,
    reason,
  };
}

function show({ change, bill, invoice }: ChangedPlan) {
  const { from, charge, credit, next } = change;
  return {
    from,
    lines: bill.lines,
    charge,
    credit,
    invoice,
    invoice_amount: bill.amount,
    next: next === null ? null : { from: next.start, to: next.end, amount: next.amount },
  };
}
