import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId, RefundId } from "../kernel/ids.ts";
import {
  afterCursor,
  isTimedKey,
  momentField,
  pageAnswer,
  pageFields,
  pageOf,
  reasonField,
  rupiahField,
  wholeField,
} from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import { REFUND_STATES } from "./refund.ts";
import { listRefunds, type RefundFilter, viewRefund } from "./refund-view.store.ts";
import { type RequestRefundTools, requestRefund } from "./request-refund.flow.ts";

export type RefundRouteTools = RequestRefundTools & {
  /** Says that a refund is due; best effort, the next beat says it too. */
  readonly ring: (ids: readonly RefundId[]) => Promise<void>;
};

const wanted = z.strictObject({
  amount: rupiahField().optional(),
  reason: reasonField(),
  attempt: wholeField(1, 10_000).optional(),
});

const listQuery = z.strictObject({
  ...pageFields,
  state: z.enum(REFUND_STATES, { error: `must be one of ${REFUND_STATES.join(", ")}` }).optional(),
});

const refundAnswer = z.strictObject({
  id: z.uuid(),
  invoice: z.uuid(),
  payment_reference: z.string(),
  attempt: z.int(),
  refund_reference: z.string(),
  amount: z.int(),
  reason: z.string(),
  requested_by: z.string(),
  state: z.enum(REFUND_STATES),
  decline_reason: z.string().nullable(),
  code: z.string().nullable(),
  message: z.string().nullable(),
  gateway_refund_reference: z.string().nullable(),
  gateway_refunded_at: z.string().nullable(),
  inquiries: z.int(),
  resends: z.int(),
  review_reason: z.string().nullable(),
  next_action_at: momentField().nullable(),
  created_at: momentField(),
  last_sent_at: momentField().nullable(),
  closed_at: momentField().nullable(),
});
const wholeRefundAnswer = refundAnswer.extend({
  requests: z.array(z.unknown()),
  evidence: z.array(z.unknown()),
});

/** Money that goes back: asking for it, and what became of it. */
export function refundRoutes(tools: RefundRouteTools): ApiRoute[] {
  const read = { method: "GET", roles: EVERYBODY, idempotency: "none" } as const;
  return [
    apiRoute({
      method: "POST",
      path: "/invoices/:id/refunds",
      command: "refund create",
      dryRun: true,
      summary: "Give money of this invoice back to the wallet; without amount, whatever is left of a payment",
      roles: ["finance"],
      idempotency: "required",
      status: 202,
      body: wanted,
      answers: wholeRefundAnswer,
      run: async ({ params, body: { amount = null, attempt = null, reason }, actor, dryRun }) => {
        const asked = { amount, attemptNumber: attempt, reason };
        const { id, refund } = await rehearseIf(dryRun, tools.db, async (db) => {
          const id = await requestRefund({ ...tools, db }, idOf<InvoiceId>(params, "invoice"), asked, actor);
          return { id, refund: await db.begin((tx) => viewRefund(tx, id)) };
        });
        if (!dryRun) await tools.ring([id]);
        return refund;
      },
    }),
    apiRoute({
      ...read,
      path: "/invoices/:id/refunds",
      command: "invoice refunds",
      summary: "The refunds of an invoice, newest first",
      answers: pageAnswer(refundAnswer),
      query: listQuery,
      run: ({ params, query }) => page(tools, query, idOf<InvoiceId>(params, "invoice")),
    }),
    apiRoute({
      ...read,
      path: "/refunds",
      command: "refund list",
      summary: "Refunds, newest first, also those in one state",
      answers: pageAnswer(refundAnswer),
      query: listQuery,
      run: ({ query }) => page(tools, query, undefined),
    }),
    apiRoute({
      ...read,
      path: "/refunds/:id",
      command: "refund show",
      summary: "One refund with what was sent and heard",
      answers: wholeRefundAnswer,
      run: ({ params }) => tools.db.begin((tx) => viewRefund(tx, idOf<RefundId>(params, "refund"))),
    }),
  ];
}

async function page(
  { db }: RefundRouteTools,
  { cursor, ...filter }: Pick<RefundFilter, "state" | "limit"> & { readonly cursor?: string | undefined },
  invoice: InvoiceId | undefined,
) {
  const after = afterCursor(cursor, isTimedKey);
  const rows = await db.begin((tx) => listRefunds(tx, { ...filter, invoice, after }));
  return pageOf(
    rows,
    filter.limit,
    (row) => `${row["created"]}/${row["refund_reference"]}`,
    ({ created: _, ...row }) => row,
  );
}

/** An id that is no UUID names nothing; PostgreSQL would call it a malformed query. */
function idOf<Id extends string>(params: Readonly<Record<string, string>>, what: string): Id {
  const id = params["id"] ?? "";
  if (!z.uuid().safeParse(id).success) throw new NotFoundError(`there is no ${what} ${id.slice(0, 64)}`);
  return id as Id;
}
