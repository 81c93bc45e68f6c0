import { z } from "zod";
import { InvalidError, NotFoundError } from "../kernel/errors.ts";
import { afterCursor, pageFields, pageOf } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import type { Clock } from "../platform/clock.ts";
import type { Database } from "../platform/database.ts";
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

/** Exceptions: what a person must see, and the closing of it with a reason. */
export function exceptionRoutes(tools: ExceptionTools): ApiRoute[] {
  const { db, clock } = tools;
  return [
    apiRoute({
      method: "GET",
      path: "/exceptions",
      summary: "Differences that a person must see, newest first",
      roles: EVERYBODY,
      idempotency: "none",
      query: listQuery,
      run: async ({ query: { state, kind, limit, cursor } }) => {
        const filter = { state: state ?? null, kind: kind ?? null, before: idAfter(cursor) };
        const rows = await db.begin((tx) => listExceptions(tx, filter, limit + 1));
        return pageOf(rows, limit, (row) => row.id, show);
      },
    }),
    apiRoute({
      method: "POST",
      path: "/exceptions/:id/resolve",
      summary: "Close an exception with the reason it is settled",
      roles: ["finance", "operator"],
      idempotency: "optional",
      body: resolution,
      run: async ({ params, body, actor }) => {
        const id = params["id"] ?? "";
        if (!isId(id)) throw new NotFoundError(`there is no exception ${id}`);
        return db.begin(async (tx) => {
          const at = await clock.now(tx);
          return show(await closeException(tx, id, { at, by: actor.name, reason: body.reason }));
        });
      },
    }),
  ];
}

/** A bigint key, short enough that PostgreSQL takes it. */
function isId(text: string): boolean {
  return /^[1-9]\d{0,17}$/.test(text);
}

function idAfter(cursor: string | undefined): string | null {
  const id = afterCursor(cursor);
  if (id !== null && !isId(id))
    throw new InvalidError("cursor: is not one of this list", { field: "cursor" });
  return id;
}

function show(exception: StoredException) {
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
