import { z } from "zod";
import { InvalidError, NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId, RefundId } from "../kernel/ids.ts";
import { afterCursor, pageFields, pageOf, rupiahField, wholeField } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { REFUND_STATES } from "./refund.ts";
import { listRefunds, type RefundFilter, viewRefund } from "./refund-view.store.ts";
import { type RequestRefundTools, requestRefund } from "./request-refund.flow.ts";

export type RefundRouteTools = RequestRefundTools & {
  /** Says that a refund is due; best effort, the next beat says it too. */
  readonly ring: (ids: readonly RefundId[]) => Promise<void>;
};

const wanted = z.strictObject({
  amount: rupiahField().optional(),
  reason: z
    .string({ error: "must say why" })
    .trim()
    .min(3, { error: "must say why" })
    .max(200, { error: "must be at most 200 characters" }),
  attempt: wholeField(1, 10_000).optional(),
});

const listQuery = z.strictObject({
  ...pageFields,
  state: z.enum(REFUND_STATES, { error: `must be one of ${REFUND_STATES.join(", ")}` }).optional(),
});

/** Money that goes back: asking for it, and what became of it. */
export function refundRoutes(tools: RefundRouteTools): ApiRoute[] {
  const read = { method: "GET", roles: EVERYBODY, idempotency: "none" } as const;
  return [
    apiRoute({
      method: "POST",
      path: "/invoices/:id/refunds",
      summary: "Give money of this invoice back to the wallet; without amount, whatever is left of a payment",
      roles: ["finance"],
      idempotency: "required",
      status: 202,
      body: wanted,
      run: async ({ params, body: { amount = null, attempt = null, reason }, actor }) => {
        const asked = { amount, attemptNumber: attempt, reason };
        const id = await requestRefund(tools, idOf<InvoiceId>(params, "invoice"), asked, actor);
        await tools.ring([id]);
        return tools.db.begin((tx) => viewRefund(tx, id));
      },
    }),
    apiRoute({
      ...read,
      path: "/invoices/:id/refunds",
      summary: "The refunds of an invoice, newest first",
      query: listQuery,
      run: ({ params, query }) => page(tools, query, idOf<InvoiceId>(params, "invoice")),
    }),
    apiRoute({
      ...read,
      path: "/refunds",
      summary: "Refunds, newest first, also those in one state",
      query: listQuery,
      run: ({ query }) => page(tools, query, undefined),
    }),
    apiRoute({
      ...read,
      path: "/refunds/:id",
      summary: "One refund with what was sent and heard",
      run: ({ params }) => tools.db.begin((tx) => viewRefund(tx, idOf<RefundId>(params, "refund"))),
    }),
  ];
}

async function page(
  { db }: RefundRouteTools,
  { cursor, ...filter }: Pick<RefundFilter, "state" | "limit"> & { readonly cursor?: string | undefined },
  invoice: InvoiceId | undefined,
) {
  const after = afterCursor(cursor);
  if (after !== null && !/^\d{4}-[\d .:+-]{10,40}\/[0-9A-Za-z-]{1,64}$/.test(after))
    throw new InvalidError("cursor: is not one of this list", { field: "cursor" });
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
