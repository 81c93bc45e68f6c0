import { z } from "zod";
import { NotFoundError } from "../kernel/errors.ts";
import { momentField, pageAnswer, reasonField } from "../platform/api-fields.ts";
import { type ApiRoute, apiRoute, EVERYBODY } from "../platform/api-route.ts";
import { rehearsing } from "../platform/rehearsal.ts";
import type { DecideTools } from "./collect-tools.ts";
import { findStops, liftStop, STOP_SCOPES, saveStop } from "./stop.store.ts";

const stopFields = z
  .strictObject({
    scope: z.enum(STOP_SCOPES, { error: `must be one of ${STOP_SCOPES.join(", ")}` }),
    target: z.string().max(64).default(""),
    reason: reasonField(),
    minutes: z.int().min(1).max(525_600, { error: "may be at most a year" }).optional(),
  })
  .refine((stop) => (stop.scope === "all") === (stop.target === ""), {
    path: ["target"],
    error: "must name the plan's code, the customer's reference or the invoice's id; nothing for scope all",
  });

const stopAnswer = z.strictObject({
  scope: z.enum(STOP_SCOPES),
  target: z.string(),
  reason: z.string(),
  ends_at: momentField().nullable(),
});

/** The stop switch: while a stop is in force nothing of its target is sent; inquiries go on. */
export function stopRoutes({ db, clock }: Pick<DecideTools, "db" | "clock">): ApiRoute[] {
  return [
    apiRoute({
      method: "GET",
      path: "/stops",
      command: "stop list",
      summary: "Stops in force",
      answers: pageAnswer(stopAnswer.extend({ id: z.string() })),
      roles: EVERYBODY,
      idempotency: "none",
      run: async () => ({
        data: (await db.begin(async (tx) => findStops(tx, await clock.now(tx)))).map(
          ({ endsAt, ...stop }) => ({
            ...stop,
            ends_at: endsAt?.toISO() ?? null,
          }),
        ),
        next_cursor: null,
      }),
    }),
    apiRoute({
      method: "POST",
      path: "/stops",
      command: "stop set",
      dryRun: true,
      summary: "Stop sending for everything, a plan, a customer or an invoice",
      roles: ["operator"],
      idempotency: "optional",
      status: 201,
      body: stopFields,
      answers: stopAnswer,
      run: async ({ body, actor, dryRun }) =>
        (dryRun ? rehearsing(db) : db).begin(async (tx) => {
          const at = await clock.now(tx);
          const { scope, target, reason, minutes } = body;
          const endsAt = minutes === undefined ? null : at.plus({ minutes });
          await saveStop(tx, { scope, target, reason, endsAt, setBy: actor.name, at });
          return { scope, target, reason, ends_at: endsAt?.toISO() ?? null };
        }),
    }),
    apiRoute({
      method: "DELETE",
      path: "/stops/:id",
      command: "stop lift",
      dryRun: true,
      summary: "Lift a stop",
      answers: z.strictObject({ lifted: z.boolean() }),
      roles: ["operator"],
      idempotency: "none",
      run: async ({ params, dryRun }) =>
        (dryRun ? rehearsing(db) : db).begin(async (tx) => {
          const id = /^\d{1,18}$/.test(params["id"] ?? "") ? (params["id"] ?? "0") : "0";
          if (!(await liftStop(tx, id, await clock.now(tx))))
            throw new NotFoundError("there is no such stop in force");
          return { lifted: true };
        }),
    }),
  ];
}
