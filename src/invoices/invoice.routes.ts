import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { afterCursor, dateField, pageFields, pageOf } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import type { Tx } from "../platform/database.ts";
import type { DecideTools } from "./collect-tools.ts";
import { INVOICE_STATES } from "./invoice.ts";
import {
  type InvoiceFilter,
  listInvoices,
  viewAttempts,
  viewDecisions,
  viewInvoice,
} from "./invoice-view.store.ts";
import { retryNow } from "./retry-now.flow.ts";

export type InvoiceRouteTools = {
  readonly decide: DecideTools;
  /** Says that an invoice is due; best effort, the next beat says it too. */
  readonly ring: (ids: readonly InvoiceId[]) => Promise<void>;
};

const filterFields = z.strictObject({
  ...pageFields,
  state: z.enum(INVOICE_STATES, { error: `must be one of ${INVOICE_STATES.join(", ")}` }).optional(),
  from: dateField().optional(),
  to: dateField().optional(),
  plan: z.string().max(64).optional(),
  customer: z.string().max(64).optional(),
});

/** Reading invoices and what was decided, tried and heard about them; and asking for a try now. */
export function invoiceRoutes(tools: InvoiceRouteTools): ApiRoute[] {
  const { db } = tools.decide;
  const read = { method: "GET", roles: EVERYBODY, idempotency: "none" } as const;
  const of =
    (look: (tx: Tx, id: string) => Promise<unknown>) =>
    async (request: { params: Readonly<Record<string, string>> }) =>
      db.begin((tx) => look(tx, idOf(request.params)));
  return [
    apiRoute({
      ...read,
      path: "/invoices",
      summary: "Invoices, newest bill date first",
      query: filterFields,
      run: ({ query }) => page(tools, query),
    }),
    apiRoute({
      ...read,
      path: "/subscriptions/:reference/invoices",
      summary: "The invoices of a subscription",
      query: z.strictObject(pageFields),
      run: ({ query, params }) => page(tools, { ...query, subscription: params["reference"] }),
    }),
    apiRoute({ ...read, path: "/invoices/:id", summary: "One invoice with its lines", run: of(viewInvoice) }),
    apiRoute({
      ...read,
      path: "/invoices/:id/attempts",
      summary: "Its payment attempts, with requests and evidence",
      run: of(async (tx, id) => ({ data: await existing(tx, id, viewAttempts), next_cursor: null })),
    }),
    apiRoute({
      ...read,
      path: "/invoices/:id/decisions",
      summary: "Every decision about it, also those not to charge",
      run: of(async (tx, id) => ({ data: await existing(tx, id, viewDecisions), next_cursor: null })),
    }),
    apiRoute({
      method: "POST",
      path: "/invoices/:id/collect",
      summary: "Try it now: asks the balance, then charges",
      roles: ["billing", "operator"],
      idempotency: "required",
      status: 202,
      run: async ({ params, actor }) => {
        const id = idOf(params);
        await retryNow(tools.decide, id, actor);
        await tools.ring([id]);
        return db.begin((tx) => viewInvoice(tx, id));
      },
    }),
  ];
}

async function page(
  { decide }: InvoiceRouteTools,
  { cursor, ...filter }: Omit<InvoiceFilter, "after"> & { readonly cursor?: string | undefined },
) {
  const rows = await decide.db.begin((tx) => listInvoices(tx, { ...filter, after: afterCursor(cursor) }));
  return pageOf(
    rows,
    filter.limit,
    (row) => `${row["bills_on"]}/${row["id"]}`,
    (row) => row,
  );
}

async function existing<T>(tx: Tx, id: string, look: (tx: Tx, id: string) => Promise<T>): Promise<T> {
  await viewInvoice(tx, id);
  return look(tx, id);
}

/** An id that is no UUID names nothing; PostgreSQL would call it a malformed query. */
function idOf(params: Readonly<Record<string, string>>): InvoiceId {
  const id = params["id"] ?? "";
  if (!z.uuid().safeParse(id).success) throw new NotFoundError(`there is no invoice ${id.slice(0, 64)}`);
  return id as InvoiceId;
}
