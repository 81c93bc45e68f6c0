import { z } from "zod";
import { afterCursor, cursorOf, dateField, pageAnswer, pageFields } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import type { HeldPeriod } from "../subscriptions/catch-up.ts";
import { catchUpTable } from "../subscriptions/catch-up-table.ts";
import { CATCH_UP_POLICIES } from "../subscriptions/opening.ts";
import { type CatchUpTools, chooseCatchUp } from "./choose-catch-up.flow.ts";
import { type CustomerCatchUp, showCatchUp } from "./show-catch-up.flow.ts";

const policyField = () =>
  z.enum(CATCH_UP_POLICIES, { error: `must be one of ${CATCH_UP_POLICIES.join(", ")}` });

const catchUpQuery = z.strictObject({
  customer: z.string().max(64).optional(),
  plan: z.string().max(64).optional(),
  policy: policyField().optional().describe("as if this had been chosen for all of them"),
  ...pageFields,
});

const choice = z.strictObject({
  policy: policyField().nullable().describe("none: the house's, one_a_day"),
  reason: z.string({ error: "must be text" }).trim().min(1).max(300).nullish(),
});

const catchUpAnswer = z.strictObject({
  customer: z.string(),
  policy: policyField(),
  rows: z.array(
    z.strictObject({
      what: z.enum(["late", "on_its_day", "never", "held"]),
      opens_on: dateField().nullable(),
      subscription: z.string(),
      period_start: dateField(),
      period_end: dateField().describe("the first day that is not in it any more"),
      amount: z.int().nullable().describe("whole rupiah that the invoice will say"),
      says: z.string().nullable(),
    }),
  ),
  late_amount: z.int().describe("what the late periods that are billed add up to"),
  complete: z.boolean().describe("false: cut off, for there are too many"),
  table: z.array(z.string()).describe("the same for people, line by line"),
});

/** What billing will do about late periods, and the choice of another way. */
export function catchUpRoutes(tools: CatchUpTools): ApiRoute[] {
  return [list(tools), choose(tools)];
}

function list({ db, clock, windowFrom, minCharge }: CatchUpTools): ApiRoute {
  return apiRoute({
    method: "GET",
    path: "/subscriptions/catch-up",
    command: "subscription catch-up",
    summary:
      "What billing will do about late periods, customer by customer: the dates, the amounts, and what is never billed",
    roles: EVERYBODY,
    idempotency: "none",
    query: catchUpQuery,
    answers: pageAnswer(catchUpAnswer),
    inText: (answer) => tables(z.object({ data: z.array(tableOnly) }).parse(answer).data),
    run: async ({ query: { customer, plan, policy, limit, cursor } }) => {
      const filter = { customer: customer ?? null, plan: plan ?? null, after: afterCursor(cursor) };
      return db.begin(async (tx) => {
        const rules = { now: await clock.now(tx), windowFrom, minCharge, policy: policy ?? null };
        const { found, next } = await showCatchUp(tx, rules, filter, limit);
        return { data: found.map(show), next_cursor: next === null ? null : cursorOf(next) };
      });
    },
  });
}

function choose(tools: CatchUpTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/subscriptions/:reference/catch-up",
    command: "subscription choose-catch-up",
    dryRun: true,
    summary: "Choose how a subscription catches up; what is late, or was held, is billed by it at once",
    roles: ["billing"],
    idempotency: "optional",
    body: choice,
    answers: catchUpAnswer,
    inText: (answer) => tables([tableOnly.parse(answer)]),
    run: ({ params, body: { policy, reason }, actor, dryRun }) =>
      rehearseIf(dryRun, tools.db, async (db) => {
        const wanted = { policy, reason: reason ?? null };
        return show(await chooseCatchUp({ ...tools, db }, params["reference"] ?? "", wanted, actor));
      }),
  });
}

const tableOnly = z.object({ customer: z.string(), table: z.array(z.string()) });

function tables(shown: readonly z.output<typeof tableOnly>[]): string {
  if (shown.length === 0) return "nothing is late";
  return shown.map(({ customer, table }) => [`customer ${customer}`, ...table].join("\n")).join("\n\n");
}

function show({ customer, plan }: CustomerCatchUp): z.output<typeof catchUpAnswer> {
  const rows = [
    ...plan.rows.map(({ on, late, ...row }) => ({
      ...shownPeriod(row),
      what: late ? ("late" as const) : ("on_its_day" as const),
      opens_on: on,
      says: null,
    })),
    ...plan.passedOver.map(({ subscription, from, to, says }) => {
      const period = { subscription, period_start: from, period_end: to };
      return { ...period, what: "never" as const, opens_on: null, amount: null, says };
    }),
    ...plan.held.map((row) => {
      const says = "waits for a choice";
      return { ...shownPeriod(row), what: "held" as const, opens_on: null, says };
    }),
  ];
  const { policy, lateAmount, complete } = plan;
  const table = catchUpTable(plan).split("\n");
  return { customer, policy, rows, late_amount: lateAmount, complete, table };
}

function shownPeriod({ subscription, period, amount }: HeldPeriod) {
  return { subscription, period_start: period.start, period_end: period.end, amount };
}
