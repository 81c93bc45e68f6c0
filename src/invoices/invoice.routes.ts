import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import {
  afterCursor,
  dateField,
  isDatedKey,
  pageAnswer,
  pageFields,
  pageOf,
} from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import type { Tx } from "../platform/database.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import { demandSubscription } from "../subscriptions/show-subscription.flow.ts";
import type { DecideTools } from "./collect-tools.ts";
import { INVOICE_STATES, WAITING_FOR } from "./invoice.ts";
import { decisionAnswer, invoiceAnswer, wholeInvoiceAnswer } from "./invoice-answer.ts";
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
  waiting_for: z.enum(WAITING_FOR, { error: `must be one of ${WAITING_FOR.join(", ")}` }).optional(),
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
      command: "invoice list",
      summary: "Invoices, newest bill date first",
      answers: pageAnswer(invoiceAnswer),
      query: filterFields,
      run: ({ query: { waiting_for: waitingFor, ...query } }) => page(tools, { ...query, waitingFor }),
    }),
    apiRoute({
      ...read,
      path: "/subscriptions/:reference/invoices",
      command: "subscription invoices",
      summary: "The invoices of a subscription",
      answers: pageAnswer(invoiceAnswer),
      query: z.strictObject(pageFields),
      run: async ({ query, params }) => {
        const subscription = params["reference"] ?? "";
        await demandSubscription(db, subscription);
        return page(tools, { ...query, subscription });
      },
    }),
    apiRoute({
      ...read,
      path: "/invoices/:id",
      command: "invoice show",
      summary: "One invoice with its lines and what was paid by hand",
      answers: wholeInvoiceAnswer,
      run: of(viewInvoice),
    }),
    apiRoute({
      ...read,
      path: "/invoices/:id/attempts",
      command: "invoice attempts",
      summary: "Its payment attempts, with requests and evidence",
      run: of(async (tx, id) => ({ data: await existing(tx, id, viewAttempts), next_cursor: null })),
    }),
    apiRoute({
      ...read,
      path: "/invoices/:id/decisions",
      command: "invoice decisions",
      summary: "Every decision about it, also those not to charge",
      answers: pageAnswer(decisionAnswer),
      run: of(async (tx, id) => ({ data: await existing(tx, id, viewDecisions), next_cursor: null })),
    }),
    collect(tools),
  ];
}

function collect({ decide, ring }: InvoiceRouteTools): ApiRoute {
  return apiRoute({
    method: "POST",
    path: "/invoices/:id/collect",
    command: "invoice collect",
    dryRun: true,
    summary: "Try it now: asks the balance, then charges",
    answers: wholeInvoiceAnswer,
    roles: ["billing", "operator"],
    idempotency: "required",
    status: 202,
    run: async ({ params, actor, dryRun }) => {
      const id = idOf(params);
      const invoice = await rehearseIf(dryRun, decide.db, async (db) => {
        await retryNow({ ...decide, db }, id, actor);
        return db.begin((tx) => viewInvoice(tx, id));
      });
      if (!dryRun) await ring([id]);
      return invoice;
    },
  });
}

async function page(
  { decide }: InvoiceRouteTools,
  { cursor, ...filter }: Omit<InvoiceFilter, "after"> & { readonly cursor?: string | undefined },
) {
  const rows = await decide.db.begin((tx) =>
    listInvoices(tx, { ...filter, after: afterCursor(cursor, isDatedKey) }),
  );
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
