import { z } from "zod";
import { afterCursor, momentField, pageAnswer, pageFields, pageOf } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import type { Database } from "../platform/database.ts";
import { showTimeline } from "./show-timeline.flow.ts";
import { isTimelineKey } from "./timeline.store.ts";

const timelineAnswer = z.strictObject({
  at: momentField(),
  what: z.enum(["change", "invoice", "decision"]),
  event: z.string().describe("a kind of change, `opened` or an invoice's state, or the rule of a decision"),
  actor: z.string().nullable(),
  says: z.string().nullable().describe("the reason, or the decision in words"),
  invoice_id: z.uuid().nullable(),
  details: z.record(z.string(), z.unknown()),
});

/** Everything that happened to a subscription, in one order. */
export function timelineRoutes({ db }: { readonly db: Database }): ApiRoute[] {
  return [
    apiRoute({
      method: "GET",
      path: "/subscriptions/:reference/timeline",
      command: "subscription timeline",
      summary:
        "What people and the house did to it, its invoices and every decision about them, newest first",
      roles: EVERYBODY,
      idempotency: "none",
      query: z.strictObject(pageFields),
      answers: pageAnswer(timelineAnswer),
      run: async ({ params, query: { limit, cursor } }) => {
        const after = afterCursor(cursor, isTimelineKey);
        const rows = await showTimeline(db, { reference: params["reference"] ?? "", after }, limit + 1);
        return pageOf(
          rows,
          limit,
          (row) => row.cursor,
          ({ cursor: _, ...row }) => row,
        );
      },
    }),
  ];
}
