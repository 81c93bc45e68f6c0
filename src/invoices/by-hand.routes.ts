import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import type { InvoiceId } from "../kernel/ids.ts";
import { dateField, reasonField, rupiahField } from "../platform/api-fields.ts";
import { type Actor, type ApiRoute, apiRoute } from "../platform/api-route.ts";
import { demandRole } from "../platform/http-keys.ts";
import { rehearseIf } from "../platform/rehearsal.ts";
import type { Rehearsal } from "./close-by-hand.flow.ts";
import type { CollectTools } from "./collect-tools.ts";
import { wholeInvoiceAnswer } from "./invoice-answer.ts";
import { viewInvoice } from "./invoice-view.store.ts";
import { markPaid } from "./mark-paid.flow.ts";
import { reissueInvoice } from "./reissue.flow.ts";
import { reopenInvoice } from "./reopen.flow.ts";
import { voidInvoice } from "./void.flow.ts";
import { writeOff } from "./write-off.flow.ts";

export type ByHandRouteTools = {
  readonly collect: CollectTools;
  /** Says that an invoice is due; best effort, the next beat says it too. */
  readonly ring: (ids: readonly InvoiceId[]) => Promise<void>;
};

const reasonFields = { reason: reasonField() };
const why = z.strictObject(reasonFields);
const payment = z.strictObject({
  ...reasonFields,
  proof: reasonField("must say where the payment can be looked up, such as a transfer's number"),
  paid_on: dateField().optional(),
  amount: rupiahField().optional(),
  force: z.boolean({ error: "must be true or false" }).default(false),
});

type Asked<Body> = {
  readonly params: Readonly<Record<string, string>>;
  readonly body: Body;
  readonly actor: Actor;
  readonly dryRun: boolean;
};

const post = {
  method: "POST",
  idempotency: "required",
  dryRun: true,
  answers: wholeInvoiceAnswer,
} as const;

/** What people settle themselves: withdrawing, giving up, money that came another way, and the ways back. */
export function byHandRoutes(tools: ByHandRouteTools): ApiRoute[] {
  const order = orders(tools);
  return [...closingRoutes(order), ...wayBackRoutes(order)];
}

/** Answers the invoice to show. */
type Flow<Body> = (tools: CollectTools & Rehearsal, id: InvoiceId, asked: Asked<Body>) => Promise<InvoiceId>;
type Order = ReturnType<typeof orders>;

/** Runs a flow on the invoice of the path and shows what came of it; a dry run shows it too, and keeps nothing. */
function orders({ collect, ring }: ByHandRouteTools) {
  return <Body>(flow: Flow<Body>) =>
    async (asked: Asked<Body>) => {
      const named = idOf(asked.params);
      const { dryRun } = asked;
      const shown = await rehearseIf(dryRun, collect.db, async (db) => {
        const id = await flow({ ...collect, db, dryRun }, named, asked);
        return { id, view: await db.begin((tx) => viewInvoice(tx, id)) };
      });
      if (!dryRun && shown.view["state"] === "open") await ring([shown.id]);
      return shown.view;
    };
}

function closingRoutes(order: Order): ApiRoute[] {
  return [
    apiRoute({
      ...post,
      path: "/invoices/:id/void",
      command: "invoice void",
      callsGateway: true,
      summary:
        "Withdraw an open invoice: nothing is owed for it, and its period is not billed again by itself",
      roles: ["billing", "finance", "operator"],
      body: why,
      run: order((tools, id, { body, actor }) => voidInvoice(tools, id, body.reason, actor)),
    }),
    apiRoute({
      ...post,
      path: "/invoices/:id/write-off",
      command: "invoice write-off",
      callsGateway: true,
      summary: "Give an open invoice up: nothing more is tried, and it may still be paid",
      roles: ["finance", "operator"],
      body: why,
      run: order((tools, id, { body, actor }) => writeOff(tools, id, body.reason, actor)),
    }),
    apiRoute({
      ...post,
      path: "/invoices/:id/mark-paid",
      command: "invoice mark-paid",
      callsGateway: true,
      summary:
        "Record money that came another way; force, for an operator, also while an attempt is on its way",
      roles: ["billing", "finance", "operator"],
      body: payment,
      run: order((tools, id, { body, actor }) => {
        const { reason, proof, paid_on: paidOn = null, amount = null, force } = body;
        if (force) demandRole(actor, ["operator"]);
        return markPaid(tools, id, { reason, proof, paidOn, amount, force }, actor);
      }),
    }),
  ];
}

function wayBackRoutes(order: Order): ApiRoute[] {
  return [
    apiRoute({
      ...post,
      path: "/invoices/:id/reopen",
      command: "invoice reopen",
      summary: "Undo a write-off or a payment by hand: collecting goes back to what it had planned",
      roles: ["finance", "operator"],
      body: why,
      run: order((tools, id, { body, actor }) => reopenInvoice(tools, id, body.reason, actor)),
    }),
    apiRoute({
      ...post,
      path: "/invoices/:id/reissue",
      command: "invoice reissue",
      summary: "Bill what a void invoice billed once more, as another invoice with the same lines",
      roles: ["billing", "finance"],
      status: 201,
      body: why,
      run: order((tools, id, { body, actor }) => reissueInvoice(tools, id, body.reason, actor)),
    }),
  ];
}

/** An id that is no UUID names nothing; PostgreSQL would call it a malformed query. */
function idOf(params: Readonly<Record<string, string>>): InvoiceId {
  const id = params["id"] ?? "";
  if (!z.uuid().safeParse(id).success) throw new NotFoundError(`there is no invoice ${id.slice(0, 64)}`);
  return id as InvoiceId;
}
