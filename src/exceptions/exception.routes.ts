import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import {
  afterCursor,
  isNumberKey,
  momentField,
  pageAnswer,
  pageFields,
  pageOf,
} from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
import { rehearsing } from "../platform/rehearsal.ts";
import { closeException, listExceptions, type StoredException } from "./exception.store.ts";

type ExceptionTools = { readonly db: Database; readonly clock: Clock };

const listQuery = z.strictObject({
  state: z.enum(["open", "closed"], { error: "must be open or closed" }).optional(),
  kind: z.string().max(100).optional(),
  ...pageFields,
});

const resolution = z.strictObject({
  reason: z
    .string({ error: "must say in words how this was settled" })
    .trim()
    .min(1, { error: "must say in words how this was settled" })
    .max(1000, { error: "must be at most 1000 characters" }),
});

const exceptionAnswer = z.strictObject({
  id: z.string(),
  kind: z.string(),
  subject: z.string(),
  state: z.enum(["open", "closed"]),
  invoice_id: z.uuid().nullable(),
  reference: z.string().nullable(),
  amount: z.int().nullable(),
  says: z.string().describe("the fact and the remedy, in words"),
  facts: z.record(z.string(), z.unknown()),
  opened_at: momentField(),
  closed_at: momentField().nullable(),
  closed_by: z.string().nullable(),
  closing_reason: z.string().nullable(),
});

/** Exceptions: what a person must see, and the closing of it with a reason. */
export function exceptionRoutes(tools: ExceptionTools): ApiRoute[] {
  const { db, clock } = tools;
  return [
    apiRoute({
      method: "GET",
      path: "/exceptions",
      command: "exception list",
      summary: "Differences that a person must see, newest first",
      roles: EVERYBODY,
      idempotency: "none",
      query: listQuery,
      answers: pageAnswer(exceptionAnswer),
      run: async ({ query: { state, kind, limit, cursor } }) => {
        const filter = { state: state ?? null, kind: kind ?? null, before: afterCursor(cursor, isNumberKey) };
        const rows = await db.begin((tx) => listExceptions(tx, filter, limit + 1));
        return pageOf(rows, limit, (row) => row.id, show);
      },
    }),
    apiRoute({
      method: "POST",
      path: "/exceptions/:id/resolve",
      command: "exception resolve",
      dryRun: true,
      summary: "Close an exception with the reason it is settled",
      roles: ["finance", "operator"],
      idempotency: "optional",
      body: resolution,
      answers: exceptionAnswer,
      run: async ({ params, body, actor, dryRun }) => {
        const id = params["id"] ?? "";
        if (!isNumberKey(id)) throw new NotFoundError(`there is no exception ${id}`);
        return (dryRun ? rehearsing(db) : db).begin(async (tx) => {
          const at = await clock.now(tx);
          return show(await closeException(tx, id, { at, by: actor.name, reason: body.reason }));
        });
      },
    }),
  ];
}

function show(exception: StoredException): z.input<typeof exceptionAnswer> {
  return {
    id: exception.id,
    kind: exception.kind,
    subject: exception.subject,
    state: exception.closedAt === null ? "open" : "closed",
    invoice_id: exception.invoiceId,
    reference: exception.reference,
    amount: exception.amount,
    says: exception.says,
    facts: exception.facts,
    opened_at: exception.openedAt.toISO(),
    closed_at: exception.closedAt?.toISO() ?? null,
    closed_by: exception.closedBy,
    closing_reason: exception.closingReason,
  };
}
